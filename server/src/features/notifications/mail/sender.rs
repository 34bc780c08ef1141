//! Hands mails to the mail server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airside_common::text::printable;
use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{self, AsyncSmtpTransportBuilder, PoolConfig};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use reqwest::Url;

use super::store::{ClaimedMail, MailStore};
use crate::config::MailError;
use crate::features::notifications::figures::{Channel, Figures};
use crate::features::notifications::outgoing::{Outgoing, PERSISTENCE, Verdict};
use crate::store::StoreError;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What is kept of an answer, in characters.
const LONGEST_ANSWER: usize = 500;

/// How mail is sent, as it is set.
pub struct Mailing {
    /// The server's address, which may hold a password.
    pub url: String,
    /// From whom mails are.
    pub from: Mailbox,
    /// To whom answers go, where it is somebody else.
    pub reply_to: Option<Mailbox>,
    /// By whom the server's certificate is to be made; `None`: by one of those that browsers trust.
    pub authorities: Option<Certificate>,
    /// How long the server may take for one mail.
    pub timeout: Duration,
    /// The first pause after a fault.
    pub retry_after: Duration,
}

/// Hands mails to the server of the settings.
pub struct Sender {
    store: Arc<dyn MailStore>,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    timeout: Duration,
    retry_after: Duration,
    figures: Figures,
    /// The server could not be spoken to, the last time.
    is_away: AtomicBool,
}

/// Why a mail was not taken.
enum Fault {
    /// The server cannot be spoken to, or lets nobody in: no fault of the mail.
    Server(smtp::Error),
    /// What was said to this mail.
    Mail(smtp::Error),
    /// Nothing was said in time.
    Late,
}

impl Sender {
    /// One that speaks to a server.
    pub fn new(
        store: Arc<dyn MailStore>,
        mailing: &Mailing,
        figures: Figures,
    ) -> Result<Self, MailError> {
        let transport = transport(mailing)?;
        let most = u32::try_from(Self::AT_ONCE).unwrap_or(u32::MAX);
        Ok(Self {
            store,
            transport: transport
                .timeout(Some(mailing.timeout))
                .pool_config(PoolConfig::new().max_size(most))
                .build(),
            from: mailing.from.email.clone(),
            timeout: mailing.timeout,
            retry_after: mailing.retry_after,
            figures,
            is_away: AtomicBool::new(false),
        })
    }

    /// Says once that the server is away, and once that it is back. What it says of a mail may name a person, and is for admins.
    fn note(&self, fault: Option<&Fault>) {
        let is_away = !matches!(fault, None | Some(Fault::Mail(_)));
        if self.is_away.swap(is_away, Ordering::Relaxed) == is_away {
            return;
        }
        match fault {
            Some(Fault::Server(error)) => {
                tracing::warn!(%error, "the mail server is away; mail waits");
            }
            Some(Fault::Late) => tracing::warn!("the mail server does not answer; mail waits"),
            Some(Fault::Mail(_)) | None => tracing::info!("the mail server is back"),
        }
    }

    /// Hands a mail over; answers what the server said.
    async fn hand_over(&self, mail: &ClaimedMail, to: Address) -> Result<String, Fault> {
        let envelope = Envelope::new(Some(self.from.clone()), vec![to]);
        let envelope = envelope.expect("there is a recipient");
        let attempt = async {
            // A refusal while the connection is made speaks of us, and not of the mail.
            let tested = self.transport.test_connection().await;
            tested.map_err(Fault::Server)?;
            let sent = self.transport.send_raw(&envelope, &mail.body).await;
            sent.map_err(Fault::Mail)
        };
        let answer = tokio::time::timeout(self.timeout, attempt).await;
        let answer = answer.map_err(|_| Fault::Late)??;
        let lines: Vec<&str> = answer.message().collect();
        Ok(format!("{} {}", answer.code(), lines.join(" ")))
    }

    /// What becomes of a mail after a fault.
    fn verdict(&self, mail: &ClaimedMail, fault: &Fault) -> Verdict {
        let is_refused = matches!(fault, Fault::Mail(error) if is_about_the_mail(error));
        let pause = pause(self.retry_after, mail.hand.attempt);
        if is_refused || mail.hand.age + pause > PERSISTENCE {
            Verdict::Failed
        } else {
            Verdict::Again(pause)
        }
    }
}

/// How the server is reached, with TLS as its address says.
fn transport(mailing: &Mailing) -> Result<AsyncSmtpTransportBuilder, MailError> {
    let unusable = |key, message: &str| MailError::Unusable {
        key,
        message: message.to_owned(),
    };
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&mailing.url);
    let transport = transport.map_err(|_| unusable("url", "it cannot be used"))?;
    let Some(authorities) = &mailing.authorities else {
        return Ok(transport);
    };
    let url = mailing.url.parse::<Url>();
    let url = url.map_err(|_| unusable("url", "it cannot be used"))?;
    let host = url.host_str().unwrap_or_default();
    let trusted = TlsParameters::builder(host.trim_matches(['[', ']']).to_owned())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(authorities.clone())
        .build()
        .map_err(|error| unusable("ca_file", &error.to_string()))?;
    let asked = url.query_pairs().find(|(key, _)| key == "tls");
    let tls = match (url.scheme(), asked.as_ref().map(|(_, value)| &**value)) {
        ("smtps", _) => Tls::Wrapper(trusted),
        (_, Some("required")) => Tls::Required(trusted),
        (_, Some("opportunistic")) => Tls::Opportunistic(trusted),
        _ => return Err(unusable("ca_file", "mail.url asks for no TLS")),
    };
    Ok(transport.tls(tls))
}

/// Whether a mail will never be taken: refused for good (RFC 5321, 5yz), or of a kind that the server does not know. That a
/// login is wanted (RFC 4954) may be put right in the settings.
fn is_about_the_mail(error: &smtp::Error) -> bool {
    let wants_login = error
        .status()
        .is_some_and(|code| ["530", "534", "535", "538"].contains(&code.to_string().as_str()));
    (error.is_permanent() && !wants_login) || error.is_client()
}

/// The pause after an attempt: from the first one, twice as long each time.
fn pause(first: Duration, attempt: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
    first.saturating_mul(doubled).min(LONGEST_PAUSE.max(first))
}

#[async_trait]
impl Outgoing for Sender {
    type Item = ClaimedMail;

    const NAME: &'static str = "mail";
    const AT_ONCE: usize = 4;

    async fn claim(&self, most: usize) -> Result<Vec<ClaimedMail>, StoreError> {
        // Who has one in hand is done with it well before the time is up, or has ended.
        self.store.claim_mails(most, self.timeout * 2).await
    }

    async fn carry(&self, mail: ClaimedMail) -> Result<(), StoreError> {
        let id = mail.hand.id;
        let (verdict, answer) = match mail.recipient.parse() {
            Err(error) => (
                Verdict::Failed,
                format!("the address cannot be used: {error}"),
            ),
            Ok(to) => match self.hand_over(&mail, to).await {
                Ok(answer) => {
                    self.note(None);
                    (Verdict::Done, answer)
                }
                Err(fault) => {
                    self.note(Some(&fault));
                    let answer = match &fault {
                        Fault::Server(error) | Fault::Mail(error) => error.to_string(),
                        Fault::Late => "the mail server did not answer in time".to_owned(),
                    };
                    (self.verdict(&mail, &fault), answer)
                }
            },
        };
        let answer: String = printable(&answer).chars().take(LONGEST_ANSWER).collect();
        if verdict == Verdict::Failed {
            tracing::warn!(id, attempts = mail.hand.attempt, "a mail is given up");
        }
        self.figures.count(Channel::Mail, verdict);
        self.store.settle_mail(mail.hand, verdict, &answer).await
    }

    async fn forget(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        self.store.forget_mails(age, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_minute_to_an_hour() {
        let minute = Duration::from_mins(1);
        let minutes = |attempt| pause(minute, attempt).as_secs() / 60;
        let first: Vec<u64> = (1..=8).map(minutes).collect();
        assert_eq!(first, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(minute, 500), LONGEST_PAUSE);
    }
}
