//! Sessions that were ended while access tokens of theirs may still live.

use jiff::Timestamp;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::caller::SessionId;

/// The ended sessions that this process knows of, each until its last access token has expired.
///
/// What this process ends is here at once; what others end arrives by events, and without them when the database is asked.
#[derive(Debug, Default)]
pub struct Revocations {
    /// A session's last access token has expired at the instant beside it.
    ended: RwLock<FxHashMap<SessionId, Timestamp>>,
}

impl Revocations {
    /// Remembers that a session has ended; `until` is when its last access token will have expired.
    pub fn add(&self, session: SessionId, until: Timestamp) {
        self.ended.write().insert(session, until);
    }

    /// Whether a session was ended.
    pub fn contains(&self, session: SessionId) -> bool {
        self.ended.read().contains_key(&session)
    }

    /// Forgets the sessions of which no access token lives any more.
    pub fn forget_before(&self, now: Timestamp) {
        self.ended.write().retain(|_, until| *until > now);
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.ended.read().len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.ended.read().is_empty()
    }
}
