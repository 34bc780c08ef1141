//! How many requests a user may make: so many a second over all sessions and connections, and ten times as many at once
//! after a rest.
//!
//! Where processes share their counts, each takes leave for several requests at once, so that one of those alone waits for
//! an answer. While the shared counts cannot be asked, each process counts by itself.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use airside_common::user::UserId;
use async_trait::async_trait;
use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// For how many seconds of rest a user may make requests at once.
const REST: u32 = 10;
/// Leave is taken for this part of a second.
const LEAVE: u32 = 10;
/// Users whose leave is kept; of others it is asked for anew.
const WATCHED: u64 = 100_000;

/// Requests of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(NonZeroU32);

impl Rate {
    /// So many a second.
    pub const fn a_second(requests: NonZeroU32) -> Self {
        Self(requests)
    }

    /// How many may come at once.
    pub const fn burst(self) -> NonZeroU32 {
        self.0
            .saturating_mul(NonZeroU32::MIN.saturating_add(REST - 1))
    }

    /// After how long one more may come.
    pub fn interval(self) -> Duration {
        Duration::from_secs(1) / self.0.get()
    }

    fn leave(self) -> NonZeroU32 {
        NonZeroU32::new(self.0.get() / LEAVE).unwrap_or(NonZeroU32::MIN)
    }
}

/// What shared counts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// So many requests may be made; they are counted.
    For(NonZeroU32),
    /// None, for so long.
    Wait(Duration),
}

/// Counts that processes share.
#[async_trait]
pub trait SharedCounts: Send + Sync + 'static {
    /// Counts up to so many requests of a user in one step; `None` where that cannot be known now.
    async fn take(&self, user: UserId, most: NonZeroU32, rate: Rate) -> Option<Leave>;
}

/// Refuses the requests of a user that are too many.
pub struct RateLimit {
    rate: Rate,
    /// This process's own counts: one entry for each user who was ever here.
    own: DefaultKeyedRateLimiter<UserId>,
    shared: Option<Arc<dyn SharedCounts>>,
    /// Requests that are counted already. Nobody's leave is kept longer than a rest, or it would be a second one.
    leave: Cache<UserId, Arc<AtomicU32>>,
    refused: Counter,
}

impl RateLimit {
    /// A limit for each user by the requests that come to this process.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            own: RateLimiter::keyed(Quota::per_second(rate.0).allow_burst(rate.burst())),
            shared: None,
            leave: Cache::builder()
                .max_capacity(WATCHED)
                .time_to_live(Duration::from_secs(REST.into()))
                .build(),
            refused: Counter::default(),
        }
    }

    /// The same, counting together with other processes.
    #[must_use]
    pub fn sharing(mut self, counts: Arc<dyn SharedCounts>) -> Self {
        self.shared = Some(counts);
        self
    }

    /// Counts a request of a user, or says how long to wait.
    pub async fn admit(&self, user: UserId) -> Result<(), Duration> {
        let admitted = self.count(user).await;
        if admitted.is_err() {
            self.refused.inc();
        }
        admitted
    }

    async fn count(&self, user: UserId) -> Result<(), Duration> {
        if self.shared.is_some() && self.use_leave(user) {
            return Ok(());
        }
        let asked = match &self.shared {
            Some(counts) => counts.take(user, self.rate.leave(), self.rate).await,
            None => None,
        };
        match asked {
            Some(Leave::Wait(wait)) => Err(wait),
            Some(Leave::For(requests)) => {
                if requests > NonZeroU32::MIN {
                    let left = self.leave.get_with(user, Arc::default);
                    left.fetch_add(requests.get() - 1, Ordering::Relaxed);
                }
                Ok(())
            }
            None => self.count_alone(user),
        }
    }

    /// Counts a request where nobody need be asked; `false` where it was not counted, and may still be admitted.
    pub fn admits_at_once(&self, user: UserId) -> bool {
        match &self.shared {
            Some(_) => self.use_leave(user),
            None => self.count_alone(user).is_ok(),
        }
    }

    fn count_alone(&self, user: UserId) -> Result<(), Duration> {
        self.own
            .check_key(&user)
            .map_err(|not_until| not_until.wait_time_from(self.own.clock().now()))
    }

    fn use_leave(&self, user: UserId) -> bool {
        self.leave.get(&user).is_some_and(|left| {
            let one_less = |left: u32| left.checked_sub(1);
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                .is_ok()
        })
    }

    /// Adds its figure.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "requests_over_rate",
            "Requests that were refused since their user makes too many",
            self.refused.clone(),
        );
    }
}

/// What holds however requests are counted.
#[cfg(test)]
pub(crate) mod contract {
    use std::time::Instant;

    use super::*;

    /// Slow enough that next to nothing comes back while a test goes on.
    pub(crate) const SLOW: Rate = Rate::a_second(NonZeroU32::new(2).unwrap());
    /// Leave is taken for three of them.
    pub(crate) const FAST: Rate = Rate::a_second(NonZeroU32::new(30).unwrap());

    /// Asks limits in turn until each refuses; fails where they let too few or too many through.
    pub(crate) async fn hold_together(limits: &[&RateLimit], rate: Rate) {
        let (user, since) = (UserId::new(), Instant::now());
        let burst = rate.burst().get();
        let (mut admitted, mut waits) = (0, Vec::new());
        while waits.len() < limits.len() {
            waits.clear();
            for limit in limits {
                match limit.admit(user).await {
                    Ok(()) => admitted += 1,
                    Err(wait) => waits.push(wait),
                }
            }
            let back = since.elapsed().as_secs_f64() / rate.interval().as_secs_f64();
            assert!(
                f64::from(admitted) <= f64::from(burst) + back + 1.0,
                "{admitted} of {burst}, {back} are back"
            );
        }
        assert!(admitted >= burst, "{admitted} of {burst}");
        for wait in &waits {
            assert!(*wait <= rate.interval(), "{wait:?}");
        }
        let other = UserId::new();
        for limit in limits {
            assert_eq!(limit.admit(other).await, Ok(()), "another user");
        }
        // A user whose requests were all refused gains nothing by them, and loses nothing.
        loop {
            match limits[0].admit(user).await {
                Ok(()) => break,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    pub(crate) async fn holds(fresh: impl AsyncFn(Rate) -> RateLimit) {
        for rate in [SLOW, FAST] {
            hold_together(&[&fresh(rate).await], rate).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_a_rate_limit() {
        contract::holds(async |rate| RateLimit::new(rate)).await;
    }

    #[tokio::test]
    async fn what_is_admitted_at_once_counts() {
        let limit = RateLimit::new(contract::SLOW);
        let user = UserId::new();
        let at_once = (0..1000).filter(|_| limit.admits_at_once(user)).count();
        let burst = contract::SLOW.burst().get() as usize;
        assert!((burst..burst + 10).contains(&at_once), "{at_once}");
    }

    /// The second is to be asked for anew, and the first is all that there is.
    struct Once(AtomicU32);

    #[async_trait]
    impl SharedCounts for Once {
        async fn take(&self, _: UserId, most: NonZeroU32, rate: Rate) -> Option<Leave> {
            Some(match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Leave::For(most),
                _ => Leave::Wait(rate.interval()),
            })
        }
    }

    #[tokio::test]
    async fn leave_is_used_before_more_is_asked_for() {
        let limit = RateLimit::new(contract::FAST).sharing(Arc::new(Once(AtomicU32::new(0))));
        let user = UserId::new();
        assert!(!limit.admits_at_once(user), "nothing is known");
        assert_eq!(limit.admit(user).await, Ok(()));
        assert!(!limit.admits_at_once(UserId::new()), "it is another's");
        assert!(limit.admits_at_once(user));
        assert_eq!(limit.admit(user).await, Ok(()));
        assert!(!limit.admits_at_once(user));
        assert_eq!(limit.admit(user).await, Err(contract::FAST.interval()));
        assert_eq!(limit.refused.get(), 1);
    }
}
