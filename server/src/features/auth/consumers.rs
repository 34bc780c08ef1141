//! How a process learns which sessions others ended: by events at once, and from the database where an event was lost.

use std::sync::Arc;
use std::time::Duration;

use airside_common::event::Event;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::revocations::Revocations;
use super::service::Auth;
use super::store::AuthStore;
use crate::bus::{Delivery, Subscription};
use crate::clock::SharedClock;
use crate::store::StoreError;

/// How often the database is asked: an end of which no event came takes effect within a minute.
const LOOK_EVERY: Duration = Duration::from_secs(45);

/// How far back before the last look it is asked: the clocks of processes differ, and transactions take time.
const LOOK_BACK: Duration = Duration::from_mins(2);

/// How long to wait after a look that failed.
const RETRY: Duration = Duration::from_secs(1);

/// How often what has expired is forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// Ended sessions as one process knows them.
pub struct EndedSessions {
    store: Arc<dyn AuthStore>,
    known: Arc<Revocations>,
    clock: SharedClock,
    /// Everything that ended before is known.
    known_until: Timestamp,
}

impl EndedSessions {
    /// Reads all whose access tokens may still live.
    pub async fn load(
        store: Arc<dyn AuthStore>,
        known: Arc<Revocations>,
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        let mut all = Self {
            store,
            known,
            clock,
            known_until: Timestamp::UNIX_EPOCH,
        };
        all.look().await?;
        Ok(all)
    }

    /// Follows what other processes end, until told to stop or the bus ends.
    pub async fn follow(mut self, mut events: Box<dyn Subscription>, stop: CancellationToken) {
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                delivery = events.next() => match delivery {
                    Some(Delivery::Event(envelope)) => {
                        if let Event::SessionsEnded { sessions, until } = &envelope.event {
                            for session in sessions {
                                self.known.add(*session, until.0);
                            }
                        }
                        continue;
                    }
                    Some(Delivery::Lagged) => self.known_until = Timestamp::UNIX_EPOCH,
                    None => return,
                },
                () = tokio::time::sleep_until(next_look) => {}
            }
            let pause = match self.look().await {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "ended sessions are not known for now; the next look mends it");
                    RETRY
                }
            };
            next_look = Instant::now() + pause;
        }
    }

    /// Asks the database for what ended since the last time.
    async fn look(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let since = self
            .known_until
            .min(now)
            .saturating_sub(LOOK_BACK)
            .unwrap_or(Timestamp::UNIX_EPOCH);
        for (session, until) in self.store.ended_since(since).await? {
            if until > now {
                self.known.add(session, until);
            }
        }
        self.known.forget_before(now);
        self.known_until = now;
        Ok(())
    }
}

/// Forgets what has expired, every hour until told to stop.
pub async fn forget_expired(auth: Auth, stop: CancellationToken) {
    let mut tick = tokio::time::interval(FORGET_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = auth.forget_expired().await {
            tracing::warn!(%error, "what has expired is not forgotten for now");
        }
    }
}

#[cfg(test)]
mod tests;
