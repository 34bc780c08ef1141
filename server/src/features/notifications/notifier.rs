//! All that tells others what happened, as one part of a process.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::figures::{Channel, Figures};
use super::mail::consumer::MailConsumer;
use super::mail::letter::{WriteError, Writer};
use super::mail::sender::{Mailing, Sender};
use super::outgoing;
use super::webhooks::addresses::Reach;
use super::webhooks::caller::Caller;
use super::webhooks::consumer::WebhookConsumer;
use crate::clock::SharedClock;
use crate::config::{MailError, WebhookSettings};
use crate::messages::consumer::Consumer;
use crate::roles::consumers::Place;
use crate::roles::set::{Roles, ServiceRole};
use crate::store::{SharedDatabase, StoreError};

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// The mail server of the settings.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The letters.
    #[error(transparent)]
    Letters(#[from] WriteError),
    /// The client that calls webhooks.
    #[error("webhooks cannot be called: {0}")]
    Http(#[from] reqwest::Error),
}

/// Mail, where a server for it is set, and webhooks.
pub struct Notifier {
    database: SharedDatabase,
    consumers: Vec<Arc<dyn Consumer>>,
    mail: Option<Way<Sender>>,
    webhooks: Option<Way<Caller>>,
    figures: Figures,
}

struct Way<T> {
    outgoing: Arc<T>,
    queued: Arc<Notify>,
}

impl<T: outgoing::Outgoing> Way<T> {
    fn start(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        let (outgoing, queued) = (Arc::clone(&self.outgoing), Arc::clone(&self.queued));
        tasks.spawn(outgoing::run(outgoing, queued, stop.clone()));
        tasks.spawn(outgoing::forget(Arc::clone(&self.outgoing), stop.clone()));
    }
}

impl Notifier {
    /// Builds it; nothing runs yet. What reacts to events is there in every process, since any may relay; what hands over is
    /// there in processes that do.
    pub fn new(
        roles: &Roles,
        mailing: Option<Mailing>,
        webhooks: &WebhookSettings,
        database: &SharedDatabase,
        clock: &SharedClock,
    ) -> Result<Self, NotifierError> {
        let figures = Figures::default();
        let hands_over = roles.contains(ServiceRole::Notifier);
        let mut consumers: Vec<Arc<dyn Consumer>> = Vec::new();
        let mail = match mailing {
            Some(mailing) => {
                let queued = Arc::new(Notify::new());
                let sender = hands_over
                    .then(|| Sender::new(database.clone(), &mailing, figures.clone()))
                    .transpose()?;
                let writer = Writer::new(mailing.from, mailing.reply_to, Arc::clone(clock))?;
                consumers.push(Arc::new(MailConsumer::new(
                    database.clone(),
                    writer,
                    Arc::clone(&queued),
                )));
                sender.map(|sender| Way {
                    outgoing: Arc::new(sender),
                    queued,
                })
            }
            None => None,
        };
        let queued = Arc::new(Notify::new());
        let caller = || {
            Caller::new(
                database.clone(),
                webhooks.reach(),
                webhooks.retries.clone(),
                Arc::clone(clock),
                figures.clone(),
            )
        };
        let caller = hands_over.then(caller).transpose()?;
        consumers.push(Arc::new(WebhookConsumer::new(
            database.clone(),
            Arc::clone(&queued),
        )));
        Ok(Self {
            database: database.clone(),
            consumers,
            mail,
            webhooks: caller.map(|caller| Way {
                outgoing: Arc::new(caller),
                queued,
            }),
            figures,
        })
    }

    /// What of it reacts to events.
    pub fn places(&self) -> Vec<Place> {
        let place = |consumer| Place {
            role: ServiceRole::Notifier,
            consumer,
        };
        self.consumers.iter().cloned().map(place).collect()
    }

    /// Starts what hands over, in a process that does.
    pub fn start(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        if let Some(mail) = &self.mail {
            mail.start(tasks, stop);
        }
        if let Some(webhooks) = &self.webhooks {
            webhooks.start(tasks, stop);
        }
    }

    /// Its figures.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Counts what waits.
    pub async fn measure(&self) -> Result<(), StoreError> {
        let mails = self.database.waiting_mails().await?;
        self.figures.wait(Channel::Mail, mails);
        let deliveries = self.database.waiting_deliveries().await?;
        self.figures.wait(Channel::Webhook, deliveries);
        Ok(())
    }
}

impl WebhookSettings {
    /// Where webhooks may be.
    pub fn reach(&self) -> Reach {
        if self.allow_private {
            Reach::Anywhere
        } else {
            Reach::Public
        }
    }
}
