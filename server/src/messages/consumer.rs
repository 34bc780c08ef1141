//! Those who react to what happened.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;

use crate::bus::Envelope;
use crate::store::StoreError;
use crate::store::fault::{self, Fault};

/// The name of a consumer, which is that of its queue: of all processes that run it, one gets a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerName(pub &'static str);

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Which events go to a consumer. The relay of any process must know it, also where the consumer runs elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Who gets them.
    pub consumer: ConsumerName,
    /// The types of events, such as `booking.created`.
    pub events: &'static [&'static str],
}

impl Binding {
    /// Whether an event of this type goes there.
    pub fn takes(&self, kind: &str) -> bool {
        self.events.contains(&kind)
    }
}

/// All types of events that somebody gets.
pub fn wanted(bindings: &[Binding]) -> BTreeSet<&'static str> {
    let events = bindings.iter().flat_map(|binding| binding.events);
    events.copied().collect()
}

/// A message as it is handed to its consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose message: with the event's position this names it, in the inbox and elsewhere.
    pub consumer: ConsumerName,
    /// What happened.
    pub envelope: Envelope,
}

/// Why a consumer did not do its work; nothing of it has happened.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// What it needs does not answer: no fault of the message, which waits until it does.
    #[error("{0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It cannot be done with this message. After some more tries it is a dead letter.
    #[error("{0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for ConsumeError {
    /// What a database does not take of a message it will not take later; everything else may pass.
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Database(cause) if fault::kind(cause) == Fault::Data => {
                Self::Failed(Box::new(error))
            }
            StoreError::Database(_) | StoreError::Busy(_) | StoreError::Full(_) => {
                Self::Unavailable(Box::new(error))
            }
        }
    }
}

/// Does something about what happened. What is done and the message are recorded in one transaction by a store; a
/// consumer whose work is outside of the database says in its own documentation what a second delivery does.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Which events it gets, and under what name.
    fn binding(&self) -> Binding;

    /// Does the work of some messages, all or nothing, in their order. One that was done before is passed over.
    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError>;
}
