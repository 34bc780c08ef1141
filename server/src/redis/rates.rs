//! Requests of users as processes count them together, by Redis's clock: for each user the instant up to which their
//! requests are paid for (the generic cell rate algorithm of ITU-T I.371).

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use airside_common::user::UserId;
use async_trait::async_trait;
use redis::Script;

use super::link::Link;
use crate::http::rate_limit::{Leave, Rate, SharedCounts};

/// Counts up to so many requests and says how many, or in microseconds below zero how long to wait.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
-- No later than a burst from now: the clock may have gone back, and a replica's may be behind.
local paid = math.min(now + burst * interval, math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)))
local room = math.floor((now - paid) / interval) + burst
if room < 1 then
  return math.min(-1, now - paid + (burst - 1) * interval)
end
local taken = math.min(most, room)
paid = paid + taken * interval
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
return taken
",
    )
});

/// Requests in Redis.
pub struct RedisRates(Arc<Link>);

impl RedisRates {
    /// Counted over a link.
    pub const fn new(link: Arc<Link>) -> Self {
        Self(link)
    }
}

#[async_trait]
impl SharedCounts for RedisRates {
    async fn take(&self, user: UserId, most: NonZeroU32, rate: Rate) -> Option<Leave> {
        let interval = u64::try_from(rate.interval().as_micros()).unwrap_or(u64::MAX);
        let mut script = TAKE.prepare_invoke();
        script
            .key(self.0.key(user))
            .arg(interval.max(1))
            .arg(rate.burst().get())
            .arg(most.get());
        let answer: i64 = self.0.run(&script).await?;
        let taken = u32::try_from(answer).ok().and_then(NonZeroU32::new);
        Some(taken.map_or(
            Leave::Wait(Duration::from_micros(answer.unsigned_abs())),
            Leave::For,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::rate_limit::{RateLimit, contract};
    use crate::redis::real::{fresh, nowhere, open, prefix};

    fn over(link: Arc<Link>, rate: Rate) -> RateLimit {
        RateLimit::new(rate).sharing(Arc::new(RedisRates::new(link)))
    }

    #[tokio::test]
    async fn it_is_a_rate_limit() {
        contract::holds(async |rate| over(fresh().await.rates, rate)).await;
    }

    #[tokio::test]
    async fn processes_count_together() {
        for rate in [contract::SLOW, contract::FAST] {
            let prefix = prefix();
            let one = over(open(&prefix).await.rates, rate);
            let other = over(open(&prefix).await.rates, rate);
            contract::hold_together(&[&one, &other], rate).await;
        }
    }

    /// As after a step of its clock.
    #[tokio::test]
    async fn what_was_paid_for_a_far_later_time_holds_nobody_up() {
        let link = fresh().await.rates;
        let user = UserId::new();
        let set = Script::new("return redis.call('SET', KEYS[1], ARGV[1])");
        let mut later = set.prepare_invoke();
        later.key(link.key(user)).arg(i64::MAX / 1000);
        let _: String = link.run(&later).await.unwrap();
        let rate = contract::SLOW;
        let counts = RedisRates::new(link);
        let asked = counts.take(user, NonZeroU32::MIN, rate).await.unwrap();
        let Leave::Wait(wait) = asked else {
            panic!("{asked:?}")
        };
        assert!(wait <= rate.interval(), "{wait:?}");
    }

    #[tokio::test]
    async fn without_redis_each_process_counts_by_itself() {
        let limit = over(nowhere().await.rates, contract::SLOW);
        contract::hold_together(&[&limit], contract::SLOW).await;
    }
}
