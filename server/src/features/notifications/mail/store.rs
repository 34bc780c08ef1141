//! What mail needs of a database.

use std::time::Duration;

use airside_common::api::mails::{Mail, MailState};
use airside_common::locator::Locator;
use async_trait::async_trait;

use super::letter::{WriteError, Writer};
use crate::features::notifications::outgoing::{InHand, Verdict};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;

#[cfg(test)]
pub(crate) mod contract;

/// A mail in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMail {
    /// Which one, and for which time.
    pub hand: InHand,
    /// To whom.
    pub recipient: String,
    /// The mail (RFC 5322).
    pub body: Vec<u8>,
}

/// Which mails are listed; all that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct MailFilter {
    /// Older than the one of this number.
    pub before: Option<i64>,
    /// About this booking.
    pub locator: Option<Locator>,
    /// In this state.
    pub state: Option<MailState>,
    /// At most so many.
    pub limit: u32,
}

/// Why no mails were written; nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum QueueMailError {
    /// One could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The database said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for QueueMailError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Mails in a database. Each method is one transaction; all times are by the database's clock.
#[async_trait]
pub trait MailStore: Send + Sync + 'static {
    /// Records messages as done with, and puts in the mails that a writer makes of the bookings as they are now; answers how
    /// many. A message that was done before leads to none.
    async fn queue_mails(
        &self,
        batch: &[Delivery],
        writer: &Writer,
    ) -> Result<usize, QueueMailError>;

    /// Takes mails in hand that are due, for so long.
    async fn claim_mails(
        &self,
        most: usize,
        time: Duration,
    ) -> Result<Vec<ClaimedMail>, StoreError>;

    /// Ends a mail that is in hand, or lets it wait; what the mail server said is kept. Whoever was too late, and whose mail is
    /// in other hands, changes nothing.
    async fn settle_mail(
        &self,
        hand: InHand,
        verdict: Verdict,
        answer: &str,
    ) -> Result<(), StoreError>;

    /// Mails, the newest first.
    async fn mails(&self, filter: &MailFilter) -> Result<Vec<Mail>, StoreError>;

    /// How many wait.
    async fn waiting_mails(&self) -> Result<u64, StoreError>;

    /// Forgets mails that ended longer than `age` ago, `limit` at most; answers how many.
    async fn forget_mails(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;
}
