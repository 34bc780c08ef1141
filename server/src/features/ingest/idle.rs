//! Connections that wait for their next use: a server counts how many there are, and how often somebody logs in.

use std::sync::Arc;

use parking_lot::Mutex;

/// The most that wait: a file is moved by two.
const MOST: usize = 2;

/// Connections to one server.
pub(super) struct Idle<C>(Arc<Mutex<Vec<C>>>);

impl<C> Idle<C> {
    /// One of them, if there is one.
    pub(super) fn take(&self) -> Option<C> {
        self.0.lock().pop()
    }

    /// Keeps one on which nothing is under way.
    pub(super) fn put(&self, connection: C) {
        let mut waiting = self.0.lock();
        if waiting.len() < MOST {
            waiting.push(connection);
        }
    }
}

impl<C> Clone for Idle<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> Default for Idle<C> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
