//! Time as the store is told it: the store itself never looks at a clock.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One look at both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Since the console started, on a clock that never jumps; waiting is measured by it.
    pub elapsed: Duration,
    /// On the wall; what was asked when is written down by it.
    pub wall: Timestamp,
}

impl Moment {
    /// Now, for a console that started at an instant.
    pub fn since(start: std::time::Instant) -> Self {
        Self {
            elapsed: start.elapsed(),
            wall: Timestamp::now(),
        }
    }
}
