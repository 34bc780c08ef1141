//! The keys that sign access tokens, each with the moment from which it signs: so they change and nobody is logged out.
//!
//! A new key is shown to those who verify tokens before it signs, and an old one until the last token that it signed has
//! expired.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;

use super::tokens::{ACCESS_LIFETIME, LEEWAY, SigningKey};

/// How long before its first signature a new key is shown, unless somebody wants it otherwise: far longer than the
/// processes need that look for new keys, so that also a folder that is copied to other machines arrives in time.
pub const SHOWN_AHEAD: Duration = Duration::from_mins(5);

/// How long a key is shown after the next one has begun to sign: as long as its last token lives, with clocks that differ.
pub const SHOWN_AFTER: Duration = ACCESS_LIFETIME.saturating_add(LEEWAY.saturating_mul(4));

/// A key with the moment from which it signs.
pub struct TimedKey {
    /// From when on.
    pub signs_from: Timestamp,
    /// The key.
    pub key: SigningKey,
}

/// What a key does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is shown, and does not sign yet.
    Waits,
    /// It signs.
    Signs,
    /// It is shown until then, for the tokens that it has signed.
    ShownUntil(Timestamp),
    /// No token of it lives.
    Retired,
}

/// The keys in the order in which they sign; at least one.
pub struct KeyRing(Vec<TimedKey>);

impl KeyRing {
    /// A ring of keys; `None` where there are none.
    pub fn new(mut keys: Vec<TimedKey>) -> Option<Self> {
        keys.sort_by_key(|timed| timed.signs_from);
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The key that signs: the newest whose time has come. Where none's has, because a clock was set back, it is the oldest.
    pub fn signing(&self, now: Timestamp) -> &SigningKey {
        &self.0[self.current(now)].key
    }

    /// The public halves of all keys by which a token may be verified, now or soon.
    pub fn public_keys(&self, now: Timestamp) -> JwkSet {
        let keys = self.states(now);
        JwkSet {
            keys: keys
                .filter(|(_, state)| *state != KeyState::Retired)
                .map(|(timed, _)| timed.key.public().clone())
                .collect(),
        }
    }

    /// All keys with what they do, the oldest first.
    pub fn states(&self, now: Timestamp) -> impl Iterator<Item = (&TimedKey, KeyState)> {
        let current = self.current(now);
        self.0.iter().enumerate().map(move |(at, timed)| {
            let state = match self.0.get(at + 1) {
                _ if at > current => KeyState::Waits,
                Some(next) if at < current => {
                    let until = next.signs_from.saturating_add(SHOWN_AFTER);
                    let until = until.unwrap_or(Timestamp::MAX);
                    if now < until {
                        KeyState::ShownUntil(until)
                    } else {
                        KeyState::Retired
                    }
                }
                _ => KeyState::Signs,
            };
            (timed, state)
        })
    }

    fn current(&self, now: Timestamp) -> usize {
        let come = self.0.partition_point(|timed| timed.signs_from <= now);
        come.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    fn ring(starts: &[i64]) -> KeyRing {
        let keys = starts.iter().zip(1..).map(|(start, seed)| TimedKey {
            signs_from: Timestamp::from_second(*start).unwrap(),
            key: SigningKey::from_seed(&[seed; 32]).unwrap(),
        });
        KeyRing::new(keys.collect()).unwrap()
    }

    fn states(ring: &KeyRing, second: i64) -> Vec<KeyState> {
        let now = Timestamp::from_second(second).unwrap();
        let states: Vec<_> = ring.states(now).map(|(_, state)| state).collect();
        let signs = states.iter().position(|state| *state == KeyState::Signs);
        let (timed, _) = ring.states(now).nth(signs.unwrap()).unwrap();
        assert_eq!(ring.signing(now).kid(), timed.key.kid());
        let shown = states.iter().filter(|state| **state != KeyState::Retired);
        assert_eq!(ring.public_keys(now).keys.len(), shown.count());
        states
    }

    #[test]
    fn a_key_is_shown_before_it_signs_and_until_its_last_token_has_expired() {
        use KeyState::{Retired, ShownUntil, Signs, Waits};
        let ring = ring(&[0, 10_000, 20_000]);
        let until =
            |second: i64| ShownUntil(Timestamp::from_second(second).unwrap() + 17.minutes());
        assert_eq!(states(&ring, 0), [Signs, Waits, Waits]);
        assert_eq!(states(&ring, 9_999), [Signs, Waits, Waits]);
        assert_eq!(states(&ring, 10_000), [until(10_000), Signs, Waits]);
        assert_eq!(states(&ring, 10_000 + 1_019), [until(10_000), Signs, Waits]);
        assert_eq!(states(&ring, 10_000 + 1_020), [Retired, Signs, Waits]);
        assert_eq!(states(&ring, 20_000), [Retired, until(20_000), Signs]);
        assert_eq!(states(&ring, 90_000), [Retired, Retired, Signs]);
        // A clock that was set back.
        assert_eq!(states(&ring, -1), [Signs, Waits, Waits]);
    }

    #[test]
    fn a_key_signs_alone_for_as_long_as_it_likes() {
        assert_eq!(states(&ring(&[0]), 1_000_000_000), [KeyState::Signs]);
        assert!(KeyRing::new(Vec::new()).is_none());
    }
}
