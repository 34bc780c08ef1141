//! How often a login may fail: per account and per address, within any minute. Nothing is locked for longer.
//!
//! Each process counts what it lets through. Where processes share their counts these decide, and the process's own do
//! while the shared ones cannot be asked.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use moka::sync::Cache;
use parking_lot::Mutex;

const WINDOW: Duration = Duration::from_mins(1);
/// How many accounts and addresses are watched at once; beyond it those that tried the longest ago are forgotten.
const WATCHED: u64 = 100_000;
/// An account's name as it is watched: longer ones are cut, no user has them.
const LONGEST_NAME: usize = 64;

/// Failures a minute that are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one account.
    pub account: u32,
    /// For one address.
    pub address: u32,
}

/// A try that was counted, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try(pub u64);

/// What shared counts say of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It may go on, and counts until it is given back.
    Let(Try),
    /// It may not for so long, and was not counted.
    Wait(Duration),
}

/// Counts that processes share.
#[async_trait]
pub trait SharedFailures: Send + Sync + 'static {
    /// Counts a try of an account from an address in one step; `None` where that cannot be known now.
    async fn take(
        &self,
        account: &str,
        address: IpAddr,
        limits: Limits,
        window: Duration,
    ) -> Option<Counted>;

    /// A try does not count any more.
    async fn give_back(&self, account: &str, address: IpAddr, taken: Try);
}

/// Counts failed logins.
pub struct Throttle {
    limits: Limits,
    window: Duration,
    accounts: Counters<String>,
    addresses: Counters<IpAddr>,
    shared: Option<Arc<dyn SharedFailures>>,
}

/// A login that was let through. It counts as a failure until it is taken back.
pub struct Attempt {
    own: OwnAttempt,
    shared: Option<SharedAttempt>,
}

struct OwnAttempt {
    at: Timestamp,
    account: Tries,
    address: Tries,
}

struct SharedAttempt {
    counts: Arc<dyn SharedFailures>,
    account: String,
    address: IpAddr,
    taken: Try,
}

impl Throttle {
    /// A throttle that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            window: WINDOW,
            accounts: Counters::new(),
            addresses: Counters::new(),
            shared: None,
        }
    }

    /// The same, counting together with other processes.
    #[must_use]
    pub fn sharing(mut self, counts: Arc<dyn SharedFailures>) -> Self {
        self.shared = Some(counts);
        self
    }

    /// The same with another window than a minute.
    #[cfg(test)]
    pub(crate) const fn within(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Lets a login through, or says how long to wait. Attempts are counted before the password is looked at, so that
    /// many at once get no further than one after the other.
    pub async fn attempt(
        &self,
        account: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, Duration> {
        let account = account
            .trim()
            .chars()
            .take(LONGEST_NAME)
            .collect::<String>()
            .to_ascii_lowercase();
        let address = network(address);
        // What this process refuses the others need not be asked about: they have counted it, too.
        let own = self.count(account.clone(), address, now)?;
        let Some(counts) = &self.shared else {
            return Ok(Attempt { own, shared: None });
        };
        let counted = counts
            .take(&account, address, self.limits, self.window)
            .await;
        let shared = match counted {
            Some(Counted::Wait(wait)) => {
                own.give_back();
                return Err(wait);
            }
            Some(Counted::Let(taken)) => Some(SharedAttempt {
                counts: Arc::clone(counts),
                account,
                address,
                taken,
            }),
            None => None,
        };
        Ok(Attempt { own, shared })
    }

    fn count(
        &self,
        account: String,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<OwnAttempt, Duration> {
        let Limits {
            account: of_account,
            address: of_address,
        } = self.limits;
        let address = self.addresses.take(address, of_address, self.window, now)?;
        let account = self
            .accounts
            .take(account, of_account, self.window, now)
            .inspect_err(|_| give_back(&address, now))?;
        Ok(OwnAttempt {
            at: now,
            account,
            address,
        })
    }
}

impl Attempt {
    /// The login was good: it does not count.
    pub async fn succeeded(self) {
        self.own.give_back();
        if let Some(shared) = self.shared {
            let SharedAttempt {
                counts,
                account,
                address,
                taken,
            } = shared;
            counts.give_back(&account, address, taken).await;
        }
    }
}

impl OwnAttempt {
    fn give_back(self) {
        give_back(&self.account, self.at);
        give_back(&self.address, self.at);
    }
}

/// An IPv6 customer has a whole /64 to choose addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// When the tries of the last minute were.
type Tries = Arc<Mutex<VecDeque<Timestamp>>>;

fn give_back(tries: &Tries, at: Timestamp) {
    let mut tries = tries.lock();
    if let Some(position) = tries.iter().rposition(|tried| *tried == at) {
        tries.remove(position);
    }
}

#[derive(Debug)]
struct Counters<K>(Cache<K, Tries>)
where
    K: Hash + Eq + Send + Sync + 'static;

impl<K: Hash + Eq + Send + Sync + 'static> Counters<K> {
    fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(WATCHED)
                .time_to_idle(WINDOW * 2)
                .build(),
        )
    }

    fn take(
        &self,
        key: K,
        limit: u32,
        window: Duration,
        now: Timestamp,
    ) -> Result<Tries, Duration> {
        let shared = self.0.get_with(key, Tries::default);
        {
            let mut tries = shared.lock();
            while let Some(oldest) = tries.front().copied() {
                let age = Duration::try_from(now.duration_since(oldest)).unwrap_or_default();
                if age < window {
                    if tries.len() >= limit as usize {
                        return Err(window.saturating_sub(age));
                    }
                    break;
                }
                tries.pop_front();
            }
            tries.push_back(now);
        }
        Ok(shared)
    }
}

/// What holds however tries are counted.
#[cfg(test)]
pub(crate) mod contract {
    use super::*;

    pub(crate) const LIMITS: Limits = Limits {
        account: 5,
        address: 20,
    };

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    async fn attempt(throttle: &Throttle, account: &str) -> Result<Attempt, Duration> {
        throttle.attempt(account, HERE, Timestamp::now()).await
    }

    async fn let_through(throttle: &Throttle, account: &str) -> Attempt {
        let attempt = attempt(throttle, account).await;
        attempt.unwrap_or_else(|wait| panic!("{account} waits {wait:?}"))
    }

    async fn refused(throttle: &Throttle, account: &str) -> Duration {
        match attempt(throttle, account).await {
            Ok(_) => panic!("{account} was let through"),
            Err(wait) => wait,
        }
    }

    pub(crate) async fn holds(fresh: impl AsyncFn(Limits, Duration) -> Throttle) {
        refuses_the_sixth(&fresh(LIMITS, WINDOW).await).await;
        lets_good_ones_through(&fresh(LIMITS, WINDOW).await).await;
        counts_an_address_over_all_accounts(&fresh(LIMITS, WINDOW).await).await;
        takes_nothing_from_the_address_for_a_blocked_account(&fresh(LIMITS, WINDOW).await).await;
        let moment = Duration::from_millis(300);
        lets_one_through_after_the_wait(&fresh(LIMITS, moment).await).await;
    }

    pub(crate) async fn refuses_the_sixth(throttle: &Throttle) {
        for name in ["demo", "demo", " DEMO", "Demo", "demo "] {
            let_through(throttle, name).await;
        }
        let wait = refused(throttle, "demo").await;
        assert!(wait <= WINDOW && wait > WINDOW / 2, "{wait:?}");
        let_through(throttle, "other").await;
    }

    async fn lets_good_ones_through(throttle: &Throttle) {
        for _ in 0..100 {
            let_through(throttle, "demo").await.succeeded().await;
        }
    }

    async fn counts_an_address_over_all_accounts(throttle: &Throttle) {
        for user in 0..20 {
            let_through(throttle, &format!("user{user}")).await;
        }
        refused(throttle, "another").await;
        let elsewhere = "192.0.2.1".parse().unwrap();
        let there = throttle.attempt("another", elsewhere, Timestamp::now());
        assert!(there.await.is_ok());
    }

    async fn takes_nothing_from_the_address_for_a_blocked_account(throttle: &Throttle) {
        for _ in 0..5 {
            let_through(throttle, "demo").await;
        }
        for _ in 0..100 {
            refused(throttle, "demo").await;
        }
        let_through(throttle, "other").await;
    }

    async fn lets_one_through_after_the_wait(throttle: &Throttle) {
        let mut last = let_through(throttle, "demo").await;
        while let Ok(next) = attempt(throttle, "demo").await {
            last = next;
        }
        drop(last);
        loop {
            match attempt(throttle, "demo").await {
                Ok(_) => break,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Five failures over two processes are five.
    pub(crate) async fn count_together(one: &Throttle, other: &Throttle) {
        for throttle in [one, other, one, other] {
            let_through(throttle, "demo").await;
        }
        let_through(one, "demo").await.succeeded().await;
        let_through(other, "demo").await;
        refused(one, "demo").await;
        refused(other, "demo").await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn it_is_a_throttle() {
        contract::holds(async |limits, window| Throttle::new(limits).within(window)).await;
    }

    #[tokio::test]
    async fn the_sixth_failure_of_an_account_waits_until_the_first_is_a_minute_old() {
        let throttle = Throttle::new(contract::LIMITS);
        let start = Timestamp::UNIX_EPOCH;
        let at = async |second: i64| {
            let attempt = throttle.attempt("demo", HERE, start + second.seconds());
            attempt.await.err()
        };
        for second in 0..5 {
            assert_eq!(at(second).await, None);
        }
        assert_eq!(at(10).await, Some(Duration::from_secs(50)));
        assert_eq!(at(60).await, None);
        assert!(at(60).await.is_some());
    }
}
