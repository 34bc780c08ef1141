//! How often a login may fail: per account and per address, within any minute. Nothing is locked for longer.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

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

/// Counts failed logins.
#[derive(Debug)]
pub struct Throttle {
    limits: Limits,
    accounts: Counters<String>,
    addresses: Counters<IpAddr>,
}

/// A login that was let through. It counts as a failure until it is taken back.
#[derive(Debug)]
pub struct Attempt {
    at: Timestamp,
    account: Tries,
    address: Tries,
}

impl Throttle {
    /// A throttle that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            accounts: Counters::new(),
            addresses: Counters::new(),
        }
    }

    /// Lets a login through, or says how long to wait. Attempts are counted before the password is looked at, so that
    /// many at once get no further than one after the other.
    pub fn attempt(
        &self,
        account: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, Duration> {
        let name = account
            .trim()
            .chars()
            .take(LONGEST_NAME)
            .collect::<String>()
            .to_ascii_lowercase();
        let address = self
            .addresses
            .take(network(address), self.limits.address, now)?;
        let account = self
            .accounts
            .take(name, self.limits.account, now)
            .inspect_err(|_| give_back(&address, now))?;
        Ok(Attempt {
            at: now,
            account,
            address,
        })
    }
}

impl Attempt {
    /// The login was good: it does not count.
    pub fn succeeded(self) {
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

    fn take(&self, key: K, limit: u32, now: Timestamp) -> Result<Tries, Duration> {
        let shared = self.0.get_with(key, Tries::default);
        {
            let mut tries = shared.lock();
            while let Some(oldest) = tries.front().copied() {
                let age = Duration::try_from(now.duration_since(oldest)).unwrap_or_default();
                if age < WINDOW {
                    if tries.len() >= limit as usize {
                        return Err(WINDOW.saturating_sub(age));
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    fn throttle() -> Throttle {
        Throttle::new(Limits {
            account: 5,
            address: 20,
        })
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_sixth_failure_of_an_account_waits_until_the_first_is_a_minute_old() {
        let throttle = throttle();
        let start = Timestamp::UNIX_EPOCH;
        for second in 0..5 {
            throttle
                .attempt("demo", HERE, start + second.seconds())
                .unwrap();
        }
        let wait = throttle
            .attempt(" DEMO", HERE, start + 10.seconds())
            .unwrap_err();
        assert_eq!(wait, Duration::from_secs(50));
        throttle
            .attempt("demo", HERE, start + 60.seconds())
            .unwrap();
        throttle
            .attempt("demo", HERE, start + 60.seconds())
            .unwrap_err();
    }

    #[test]
    fn good_logins_do_not_count() {
        let throttle = throttle();
        for _ in 0..100 {
            throttle
                .attempt("demo", HERE, Timestamp::UNIX_EPOCH)
                .unwrap()
                .succeeded();
        }
    }

    #[test]
    fn an_address_fails_twenty_times_over_all_accounts() {
        let throttle = throttle();
        for user in 0..20 {
            throttle
                .attempt(&format!("user{user}"), HERE, Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        throttle
            .attempt("another", HERE, Timestamp::UNIX_EPOCH)
            .unwrap_err();
        let elsewhere = "192.0.2.1".parse().unwrap();
        throttle
            .attempt("another", elsewhere, Timestamp::UNIX_EPOCH)
            .unwrap();
    }

    #[test]
    fn a_blocked_account_does_not_use_up_the_address() {
        let throttle = throttle();
        for _ in 0..5 {
            throttle
                .attempt("demo", HERE, Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        for _ in 0..100 {
            throttle
                .attempt("demo", HERE, Timestamp::UNIX_EPOCH)
                .unwrap_err();
        }
        throttle
            .attempt("other", HERE, Timestamp::UNIX_EPOCH)
            .unwrap();
    }
}
