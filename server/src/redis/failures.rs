//! Failed logins as processes count them together: the instants of the last minute by Redis's clock, for each account and
//! each address.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Script;
use sha2::{Digest, Sha256};

use super::link::Link;
use crate::features::auth::throttle::{Counted, Limits, SharedFailures, Try};

/// Counts a try of an address and an account, or says in microseconds how long to wait; all or nothing.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window = tonumber(ARGV[2])
for i = 1, 2 do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - window)
  if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[2 + i]) then
    local oldest = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')[2]
    return math.max(1, oldest + window - now)
  end
end
for i = 1, 2 do
  redis.call('ZADD', KEYS[i], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[i], math.ceil(window / 1000))
end
return 0
",
    )
});

static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
for i = 1, 2 do
  redis.call('ZREM', KEYS[i], ARGV[1])
end
return 0
",
    )
});

/// Failed logins in Redis.
pub struct RedisFailures(Arc<Link>);

impl RedisFailures {
    /// Counted over a link.
    pub const fn new(link: Arc<Link>) -> Self {
        Self(link)
    }

    /// Keys of a try. What was typed as a name may be a password: only its hash is kept.
    fn keys(&self, account: &str, address: IpAddr) -> [String; 2] {
        let account = URL_SAFE_NO_PAD.encode(Sha256::digest(account));
        [
            self.0.key(format_args!("address:{address}")),
            self.0.key(format_args!("account:{account}")),
        ]
    }
}

#[async_trait]
impl SharedFailures for RedisFailures {
    async fn take(
        &self,
        account: &str,
        address: IpAddr,
        limits: Limits,
        window: Duration,
    ) -> Option<Counted> {
        let number = rand::random::<u64>();
        let mut script = TAKE.prepare_invoke();
        for key in self.keys(account, address) {
            script.key(key);
        }
        let window = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        script
            .arg(number)
            .arg(window)
            .arg(limits.address)
            .arg(limits.account);
        Some(match self.0.run::<u64>(&script).await? {
            0 => Counted::Let(Try(number)),
            wait => Counted::Wait(Duration::from_micros(wait)),
        })
    }

    async fn give_back(&self, account: &str, address: IpAddr, taken: Try) {
        let mut script = GIVE_BACK.prepare_invoke();
        for key in self.keys(account, address) {
            script.key(key);
        }
        script.arg(taken.0);
        // One that is not given back counts for a minute.
        let _: Option<()> = self.0.run(&script).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::auth::throttle::{Throttle, contract};
    use crate::redis::real::{fresh, nowhere, open, prefix};

    async fn throttle(limits: Limits, window: Duration) -> Throttle {
        let link = fresh().await.logins;
        Throttle::new(limits)
            .within(window)
            .sharing(Arc::new(RedisFailures::new(link)))
    }

    #[tokio::test]
    async fn it_is_a_throttle() {
        contract::holds(throttle).await;
    }

    /// Without what a process counts by itself.
    #[tokio::test]
    async fn the_shared_counts_alone_hold_the_limits() {
        let counts = RedisFailures::new(fresh().await.logins);
        let minute = Duration::from_mins(1);
        let take = async |account: &str, address: &str, window| {
            let address = address.parse().unwrap();
            let counted = counts.take(account, address, contract::LIMITS, window);
            counted.await.expect("Redis answers")
        };
        for _ in 0..5 {
            let counted = take("demo", "192.0.2.1", minute).await;
            assert!(matches!(counted, Counted::Let(_)), "{counted:?}");
        }
        for address in ["192.0.2.1", "192.0.2.2"] {
            let Counted::Wait(wait) = take("demo", address, minute).await else {
                panic!("the sixth was let through")
            };
            assert!(wait <= minute && wait > minute / 2, "{wait:?}");
        }
        for user in 5..20 {
            let counted = take(&format!("user{user}"), "192.0.2.1", minute).await;
            assert!(matches!(counted, Counted::Let(_)), "{user}: {counted:?}");
        }
        let counted = take("another", "192.0.2.1", minute).await;
        assert!(matches!(counted, Counted::Wait(_)), "{counted:?}");
        let counted = take("another", "192.0.2.2", minute).await;
        assert!(matches!(counted, Counted::Let(_)), "{counted:?}");

        let moment = Duration::from_millis(300);
        while let Counted::Let(_) = take("brief", "192.0.2.3", moment).await {}
        while let Counted::Wait(wait) = take("brief", "192.0.2.3", moment).await {
            tokio::time::sleep(wait).await;
        }
    }

    fn over(link: Arc<Link>) -> Throttle {
        Throttle::new(contract::LIMITS).sharing(Arc::new(RedisFailures::new(link)))
    }

    #[tokio::test]
    async fn processes_count_together() {
        let prefix = prefix();
        let one = over(open(&prefix).await.logins);
        let other = over(open(&prefix).await.logins);
        contract::count_together(&one, &other).await;
    }

    #[tokio::test]
    async fn without_redis_each_process_counts_by_itself() {
        let throttle = over(nowhere().await.logins);
        contract::refuses_the_sixth(&throttle).await;
    }
}
