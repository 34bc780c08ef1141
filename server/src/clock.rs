//! The process's clock, as something that tests can set.

use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time. What decides about seats and limits asks the database instead.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that others share.
pub type SharedClock = Arc<dyn Clock>;
