//! Calls webhooks.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use airside_common::text::printable;
use async_trait::async_trait;
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, StatusCode, header};

use super::addresses::{PublicOnly, Reach};
use super::signature::sign;
use super::store::{Answered, CallOutcome, ClaimedDelivery, WebhookStore, webhook_id};
use super::target::Target;
use crate::clock::SharedClock;
use crate::features::notifications::figures::{Channel, Figures};
use crate::features::notifications::outgoing::{Outgoing, Verdict};
use crate::messages::cloud_event;
use crate::store::StoreError;

/// How long a webhook may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// For how long a delivery is taken in hand, and so for how long it lies after a kill: longer than a call takes.
const IN_HAND: Duration = Duration::from_secs(2 * PATIENCE.as_secs());

/// What is read of an answer, in bytes.
const LONGEST_ANSWER: usize = 1_024;

/// One who has so many in hand is given no more: a slow webhook does not hold up the others.
const MOST_OF_ONE: usize = 4;

const USER_AGENT: &str = concat!("Airside/", env!("CARGO_PKG_VERSION"));

/// Calls webhooks.
pub struct Caller {
    store: Arc<dyn WebhookStore>,
    http: Client,
    reach: Reach,
    /// The pauses after each attempt but the last.
    retries: Vec<Duration>,
    clock: SharedClock,
    figures: Figures,
    /// Deliveries in hand by webhook.
    in_hand: Mutex<HashMap<i64, usize>>,
}

impl Caller {
    /// One who calls where it is allowed to.
    pub fn new(
        store: Arc<dyn WebhookStore>,
        reach: Reach,
        retries: Vec<Duration>,
        clock: SharedClock,
        figures: Figures,
    ) -> Result<Self, reqwest::Error> {
        let http = match client(reach).build() {
            Ok(http) => http,
            Err(error) => {
                tracing::warn!(%error, "no webhook can be called by https: there are no certificates to verify one by");
                client(reach).tls_certs_only([]).build()?
            }
        };
        Ok(Self {
            store,
            http,
            reach,
            retries,
            clock,
            figures,
            in_hand: Mutex::default(),
        })
    }

    async fn call(&self, delivery: &ClaimedDelivery) -> Answered {
        let none = |text: String| Answered { status: None, text };
        // What is allowed may have changed since it was made.
        let target = match Target::parse(&delivery.url, self.reach) {
            Ok(target) => target,
            Err(error) => return none(format!("url: {error}")),
        };
        let id = webhook_id(delivery.hand.id, delivery.message);
        let timestamp = self.clock.now().as_second();
        let Some(signature) = sign(&delivery.secret, &id, timestamp, &delivery.body) else {
            return none("its secret cannot be used; make it anew".to_owned());
        };
        let sent = self
            .http
            .post(target.url().clone())
            .header(header::CONTENT_TYPE, cloud_event::CONTENT_TYPE)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(delivery.body.clone())
            .send();
        let mut answer = match sent.await {
            Ok(answer) => answer,
            Err(error) => return none(reason(error)),
        };
        let status = Some(answer.status().as_u16());
        let mut beginning = Vec::new();
        // It is decided by the status, whatever becomes of the rest.
        while let Ok(Some(part)) = answer.chunk().await {
            beginning.extend_from_slice(&part);
            if beginning.len() >= LONGEST_ANSWER {
                beginning.truncate(LONGEST_ANSWER);
                break;
            }
        }
        let text = printable(&String::from_utf8_lossy(&beginning));
        Answered { status, text }
    }

    fn outcome(&self, delivery: &ClaimedDelivery, answered: &Answered) -> CallOutcome {
        let status = answered
            .status
            .and_then(|status| StatusCode::from_u16(status).ok());
        match status {
            Some(status) if status.is_success() => CallOutcome::Settled(Verdict::Done),
            Some(StatusCode::GONE) => CallOutcome::Gone,
            // Who tests looks at what came of it, and tests again.
            _ if delivery.message.is_none() => CallOutcome::Settled(Verdict::Failed),
            _ => {
                let made = usize::try_from(delivery.hand.attempt).unwrap_or(usize::MAX);
                let pause = self.retries.get(made - 1).copied();
                CallOutcome::Settled(pause.map_or(Verdict::Failed, Verdict::Again))
            }
        }
    }

    fn busy(&self) -> Vec<i64> {
        let in_hand = self.in_hand.lock();
        let busy = in_hand.iter().filter(|(_, count)| **count >= MOST_OF_ONE);
        busy.map(|(webhook, _)| *webhook).collect()
    }

    fn release(&self, webhook: i64) {
        let mut in_hand = self.in_hand.lock();
        if let Some(count) = in_hand.get_mut(&webhook) {
            *count -= 1;
            if *count == 0 {
                in_hand.remove(&webhook);
            }
        }
    }
}

fn client(reach: Reach) -> ClientBuilder {
    let client = Client::builder()
        .user_agent(USER_AGENT)
        .timeout(PATIENCE)
        // What is followed was not checked, and a proxy would look names up again.
        .redirect(Policy::none())
        .no_proxy();
    match reach {
        Reach::Public => client.dns_resolver(Arc::new(PublicOnly)),
        Reach::Anywhere => client,
    }
}

/// Why no answer came, without the address, whose path may be a secret.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let error = error.without_url();
    let mut deepest: &dyn Error = &error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    printable(&deepest.to_string())
}

#[async_trait]
impl Outgoing for Caller {
    type Item = ClaimedDelivery;

    const NAME: &'static str = "webhooks";
    const AT_ONCE: usize = 32;

    async fn claim(&self, most: usize) -> Result<Vec<ClaimedDelivery>, StoreError> {
        // A few at a time, since all of them may be one webhook's.
        let most = most.min(MOST_OF_ONE);
        let busy = self.busy();
        let claimed = self.store.claim_deliveries(most, IN_HAND, &busy).await?;
        let mut in_hand = self.in_hand.lock();
        for delivery in &claimed {
            *in_hand.entry(delivery.webhook).or_default() += 1;
        }
        drop(in_hand);
        Ok(claimed)
    }

    async fn carry(&self, delivery: ClaimedDelivery) -> Result<(), StoreError> {
        let answered = self.call(&delivery).await;
        self.release(delivery.webhook);
        let outcome = self.outcome(&delivery, &answered);
        let verdict = match outcome {
            CallOutcome::Settled(verdict) => verdict,
            CallOutcome::Gone => Verdict::Failed,
        };
        if verdict == Verdict::Failed {
            let (id, webhook, status) = (delivery.hand.id, delivery.webhook, answered.status);
            tracing::warn!(
                id,
                webhook,
                ?status,
                "a webhook did not take what it was told; it is given up"
            );
        }
        self.figures.count(Channel::Webhook, verdict);
        self.store
            .settle_delivery(&delivery, &answered, outcome)
            .await
    }

    async fn forget(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        self.store.forget_deliveries(age, limit).await
    }
}

#[cfg(test)]
mod tests;
