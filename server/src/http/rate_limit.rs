//! How many requests a user may make: so many a second over all sessions and connections, and ten times as many at once
//! after a rest.
//!
//! Where processes share their counts, each takes leave for several requests at once, so that one of those alone waits for
//! an answer. While the shared counts cannot be asked, each process counts by itself.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airside_common::user::UserId;
use async_trait::async_trait;
use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// For how many seconds of rest a user may make requests at once.
const REST: u32 = 10;
/// Leave is taken for this part of a second.
const LEAVE: u32 = 10;
/// Users of whom something is known; for others it is asked for anew.
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

/// A user of whom the shared counts were asked.
#[derive(Default)]
struct User {
    known: Mutex<Known>,
    /// One request asks for all that wait: each would take leave of its own.
    asking: tokio::sync::Mutex<()>,
}

/// What need not be asked.
enum Known {
    /// So many requests are counted already.
    Leave(u32),
    /// There is none before.
    Until(Instant),
}

impl Default for Known {
    fn default() -> Self {
        Self::Leave(0)
    }
}

impl User {
    fn use_known(&self) -> Option<Result<(), Duration>> {
        match &mut *self.known.lock() {
            Known::Leave(0) => None,
            Known::Leave(left) => {
                *left -= 1;
                Some(Ok(()))
            }
            // So a user who makes far too many costs Redis no more than others do.
            Known::Until(until) => {
                let wait = until.saturating_duration_since(Instant::now());
                (!wait.is_zero()).then_some(Err(wait))
            }
        }
    }

    /// Uses leave for one request, and keeps what is left of it.
    fn learn(&self, leave: Leave) -> Result<(), Duration> {
        let (known, admitted) = match leave {
            Leave::For(requests) => (Known::Leave(requests.get() - 1), Ok(())),
            Leave::Wait(wait) => (Known::Until(Instant::now() + wait), Err(wait)),
        };
        *self.known.lock() = known;
        admitted
    }
}

/// Refuses the requests of a user that are too many.
pub struct RateLimit {
    rate: Rate,
    /// This process's own counts: one entry for each user who was ever here.
    own: DefaultKeyedRateLimiter<UserId>,
    shared: Option<Arc<dyn SharedCounts>>,
    /// What the shared counts said. Nobody's leave is kept longer than a rest, or it would be a second one.
    users: Cache<UserId, Arc<User>>,
    refused: Counter,
}

impl RateLimit {
    /// A limit for each user by the requests that come to this process.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            own: RateLimiter::keyed(Quota::per_second(rate.0).allow_burst(rate.burst())),
            shared: None,
            users: Cache::builder()
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
        let Some(counts) = &self.shared else {
            return self.count_alone(user);
        };
        let asked = self.users.get_with(user, Arc::default);
        if let Some(known) = asked.use_known() {
            return known;
        }
        let _asking = asked.asking.lock().await;
        if let Some(known) = asked.use_known() {
            return known;
        }
        match counts.take(user, self.rate.leave(), self.rate).await {
            Some(leave) => asked.learn(leave),
            None => self.count_alone(user),
        }
    }

    /// Counts a request where nobody need be asked; `false` where it was not counted, and may still be admitted.
    pub fn admits_at_once(&self, user: UserId) -> bool {
        match &self.shared {
            Some(_) => {
                let asked = self.users.get(&user);
                asked.and_then(|asked| asked.use_known()) == Some(Ok(()))
            }
            None => self.count_alone(user).is_ok(),
        }
    }

    fn count_alone(&self, user: UserId) -> Result<(), Duration> {
        self.own
            .check_key(&user)
            .map_err(|not_until| not_until.wait_time_from(self.own.clock().now()))
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
    use super::*;

    /// Slow enough that next to nothing comes back while a test goes on.
    pub(crate) const SLOW: Rate = Rate::a_second(NonZeroU32::new(2).unwrap());
    /// Leave is taken for two of them.
    pub(crate) const FAST: Rate = Rate::a_second(NonZeroU32::new(20).unwrap());

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
    use std::sync::atomic::{AtomicU32, Ordering};

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

    /// Gives leave always, and counts who asks.
    #[derive(Default)]
    struct Always(AtomicU32);

    #[async_trait]
    impl SharedCounts for Always {
        async fn take(&self, _: UserId, most: NonZeroU32, _: Rate) -> Option<Leave> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Some(Leave::For(most))
        }
    }

    #[tokio::test]
    async fn one_request_asks_for_all_that_wait() {
        let always = Arc::new(Always::default());
        let limit = RateLimit::new(contract::FAST).sharing(Arc::clone(&always) as _);
        let user = UserId::new();
        let admitted = futures_util::future::join_all((0..30).map(|_| limit.admit(user))).await;
        assert!(admitted.iter().all(Result::is_ok));
        assert_eq!(
            always.0.load(Ordering::Relaxed),
            30 / contract::FAST.leave()
        );
    }

    /// Gives leave once, and counts who asks.
    #[derive(Default)]
    struct Once(AtomicU32);

    #[async_trait]
    impl SharedCounts for Once {
        async fn take(&self, _: UserId, most: NonZeroU32, _: Rate) -> Option<Leave> {
            Some(match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Leave::For(most),
                _ => Leave::Wait(Duration::from_hours(1)),
            })
        }
    }

    #[tokio::test]
    async fn nothing_is_asked_that_is_known() {
        let once = Arc::new(Once::default());
        let limit = RateLimit::new(contract::FAST).sharing(Arc::clone(&once) as _);
        let user = UserId::new();
        assert!(!limit.admits_at_once(user), "nothing is known");
        assert_eq!(limit.admit(user).await, Ok(()));
        assert!(!limit.admits_at_once(UserId::new()), "it is another's");
        assert!(limit.admits_at_once(user));
        assert_eq!(once.0.load(Ordering::Relaxed), 1);
        for refused in 1..=3 {
            assert!(!limit.admits_at_once(user));
            let wait = limit.admit(user).await.unwrap_err();
            assert!(wait <= Duration::from_hours(1) && wait > Duration::from_mins(59));
            assert_eq!(limit.refused.get(), refused);
        }
        assert_eq!(once.0.load(Ordering::Relaxed), 2);
    }
}
