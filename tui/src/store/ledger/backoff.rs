//! How long to wait before an operation is sent again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The shortest wait.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait.
pub const LONGEST: Duration = Duration::from_secs(30);

/// A random part between 0 and 1, so that many consoles do not come back at the same moment; drawn outside, since the
/// store is pure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Jitter(f64);

impl Jitter {
    /// No randomness: always the longest wait of its step.
    pub const NONE: Self = Self(1.0);

    /// A random one.
    pub fn random() -> Self {
        // The last 32 bits of a version 4 UUID are random.
        let bytes = uuid::Uuid::new_v4().into_bytes();
        let drawn = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        Self(f64::from(drawn) / f64::from(u32::MAX))
    }

    /// The part given, held between 0 and 1.
    pub fn new(part: f64) -> Self {
        Self(if part.is_finite() {
            part.clamp(0.0, 1.0)
        } else {
            1.0
        })
    }
}

/// The wait after so many attempts that failed (1 after the first): doubling from 1 s to 30 s, the upper half of it
/// random; never less than what the server asked for, where that is at most the longest.
pub fn wait(failed: u32, asked: Option<Duration>, jitter: Jitter) -> Duration {
    let step = SHORTEST
        .saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1).min(10)))
        .min(LONGEST);
    let drawn = step.mul_f64(0.5 + jitter.0 / 2.0).max(SHORTEST);
    drawn.max(asked.unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_is_between_one_and_thirty_seconds(failed: u32, asked: Option<u32>, part: f64) {
            let wait = wait(failed, asked.map(|s| Duration::from_secs(s.into())), Jitter::new(part));
            prop_assert!((SHORTEST..=LONGEST).contains(&wait));
        }
    }

    #[test]
    fn waits_double() {
        let waits: Vec<u64> = (1..=7)
            .map(|n| wait(n, None, Jitter::NONE).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(
            wait(1, Some(Duration::from_secs(7)), Jitter::NONE).as_secs(),
            7
        );
    }
}
