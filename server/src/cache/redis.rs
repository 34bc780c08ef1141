//! The cache that processes share, in Redis.
//!
//! An entry is the epoch under which it stands, the lease, and, once there is a value, the instant by Redis's clock at which
//! it was put, and the value. A miss leaves an entry without a value; who puts finds its own lease there, or puts nothing.
//! An invalidation removes the entry, and so does Redis where it runs out of memory or is started again: whatever is lost
//! voids leases, and never revives one. Everything is void under another epoch, which is how a process forgets what it
//! could not name while Redis was gone.
//!
//! Where some of what is put was read from replicas, an invalidation leaves an empty entry for as long as a replica may lag,
//! or an empty epoch where everything is forgotten: under these nobody gets a lease, since a process that has not heard of
//! the change yet may read from before it.

use std::num::NonZeroU64;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::Script;
use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::{Cache, Found, Lease, Value};
use crate::redis::{EPOCH, Link};

/// Keys of one script: Lua's stack takes no more than some thousands.
const AT_ONCE: usize = 2000;
/// Of more keys than these are invalidated no names are said: everything is forgotten.
const MOST_NAMED: usize = 20_000;
/// Digits of an instant, in milliseconds.
const INSTANT: usize = 13;
/// Bytes of a lease.
const LEASE: usize = 8;

/// Says which entries there are, and leaves a lease where there is none. The instant comes last.
static GET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
local found = redis.call('MGET', unpack(KEYS, 2))
for i = 1, #KEYS - 1 do
  local entry = found[i]
  if epoch == '' or entry == '' then
    found[i] = ''
  elseif entry and string.sub(entry, 1, 8) == epoch then
    found[i] = string.sub(entry, 9)
  else
    redis.call('SET', KEYS[i + 1], epoch .. ARGV[1], 'PX', ARGV[2])
    found[i] = ARGV[1]
  end
end
local time = redis.call('TIME')
found[#KEYS] = string.format('%013.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return found
",
    )
});

/// Puts values where their leases still are, or where a value is that was put with the same.
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local epoch = redis.call('GET', KEYS[1])
if not epoch or epoch == '' then return 0 end
local time = redis.call('TIME')
local now = string.format('%013.0f', time[1] * 1000 + math.floor(time[2] / 1000))
for i = 2, #KEYS do
  local lease = epoch .. ARGV[2 * i - 2]
  if redis.call('GETRANGE', KEYS[i], 0, 15) == lease then
    redis.call('SET', KEYS[i], lease .. now .. ARGV[2 * i - 1], 'PX', ARGV[1])
  end
end
return 1
",
    )
});

/// Removes entries, or leaves empty ones for so many milliseconds.
static INVALIDATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if ARGV[1] == '0' then return redis.call('DEL', unpack(KEYS)) end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], '', 'PX', ARGV[1])
end
return #KEYS
",
    )
});

/// Begins another epoch, at once or in so many milliseconds.
static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if ARGV[1] == '0' then return redis.call('SET', KEYS[1], ARGV[2]) end
return redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
",
    )
});

/// What Redis says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Looked {
    /// A value, and how long it is still of use.
    Hit(Value, Duration),
    /// There is none; the lease is missing where Redis cannot be asked.
    Miss(Option<NonZeroU64>),
}

/// The cache in Redis.
pub struct RedisCache {
    link: Arc<Link>,
    longest: Duration,
    /// How long nobody puts what was invalidated.
    blind: Option<Duration>,
    hits: Counter,
    misses: Counter,
}

impl RedisCache {
    /// A cache of values that live for at most so long.
    pub fn new(link: Arc<Link>, longest: Duration) -> Self {
        Self {
            link,
            longest,
            blind: None,
            hits: Counter::default(),
            misses: Counter::default(),
        }
    }

    /// The same of values that may have been read where changes arrive so much later.
    #[must_use]
    pub const fn behind(mut self, lag: Option<Duration>) -> Self {
        self.blind = lag;
        self
    }

    /// Adds its figures.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "redis_cache_hits",
            "Seats of flights that the process did not know and Redis did",
            self.hits.clone(),
        );
        registry.register(
            "redis_cache_misses",
            "Seats of flights that neither the process nor Redis knew",
            self.misses.clone(),
        );
    }

    fn name(&self, key: u64) -> String {
        self.link.key(format_args!("{key:x}"))
    }

    /// What Redis says of keys, in order: one question for up to 2,000 of them.
    pub(super) async fn look(&self, keys: &[u64]) -> Vec<Looked> {
        let mut all = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            match self.ask(keys).await {
                Some(looked) => all.extend(looked),
                None => all.extend(keys.iter().map(|_| Looked::Miss(None))),
            }
        }
        all
    }

    async fn ask(&self, keys: &[u64]) -> Option<Vec<Looked>> {
        let lease = rand::random::<NonZeroU64>().get().to_be_bytes();
        let mut script = GET.prepare_invoke();
        script.key(self.link.key(EPOCH));
        for key in keys {
            script.key(self.name(*key));
        }
        script.arg(&lease[..]).arg(milliseconds(self.longest));
        let mut entries: Vec<Vec<u8>> = self.link.run(&script).await?;
        let now = instant(&entries.pop()?)?;
        if entries.len() != keys.len() {
            return None;
        }
        let looked: Vec<Looked> = entries
            .iter()
            .map(|entry| self.read(entry, now).unwrap_or(Looked::Miss(None)))
            .collect();
        let hits = looked.iter().filter(|l| matches!(l, Looked::Hit(..)));
        let hits = hits.count();
        self.hits.inc_by(hits as u64);
        self.misses.inc_by((keys.len() - hits) as u64);
        Some(looked)
    }

    /// `None` for what this release did not write.
    fn read(&self, entry: &[u8], now: u64) -> Option<Looked> {
        let (lease, rest) = entry.split_first_chunk::<LEASE>()?;
        let lease = NonZeroU64::new(u64::from_be_bytes(*lease));
        if rest.is_empty() {
            return Some(Looked::Miss(lease));
        }
        let (put, value) = rest.split_first_chunk::<INSTANT>()?;
        let age = Duration::from_millis(now.saturating_sub(instant(put)?));
        Some(match self.longest.checked_sub(age) {
            Some(left) if !left.is_zero() => Looked::Hit(Value::from(value), left),
            _ => Looked::Miss(lease),
        })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .max(1)
}

fn instant(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, keys: &[u64]) -> Vec<Found> {
        let looked = self.look(keys).await;
        looked
            .into_iter()
            .map(|looked| match looked {
                Looked::Hit(value, _) => Found::Hit(value),
                Looked::Miss(shared) => Found::Miss(Lease { own: 0, shared }),
            })
            .collect()
    }

    async fn put(&self, entries: Vec<(u64, Lease, Value)>) {
        let leased: Vec<_> = entries
            .iter()
            .filter_map(|(key, lease, value)| Some((*key, lease.shared?, value)))
            .collect();
        for entries in leased.chunks(AT_ONCE) {
            let mut script = PUT.prepare_invoke();
            script.key(self.link.key(EPOCH));
            script.arg(milliseconds(self.longest));
            for (key, lease, value) in entries {
                script.key(self.name(*key));
                script.arg(&lease.get().to_be_bytes()[..]).arg(&value[..]);
            }
            // What was not put is not found.
            let _: Option<()> = self.link.run(&script).await;
        }
    }

    async fn invalidate(&self, keys: &[u64]) {
        let blind = self.blind.map_or(0, milliseconds);
        let mut scripts = Vec::new();
        if keys.len() > MOST_NAMED {
            let mut script = FORGET.prepare_invoke();
            script.key(self.link.key(EPOCH));
            script.arg(blind).arg(&rand::random::<[u8; LEASE]>()[..]);
            scripts.push(script);
        } else {
            for keys in keys.chunks(AT_ONCE) {
                let mut script = INVALIDATE.prepare_invoke();
                for key in keys {
                    script.key(self.name(*key));
                }
                script.arg(blind);
                scripts.push(script);
            }
        }
        for script in scripts {
            if self.link.run::<()>(&script).await.is_none() {
                self.link.owe();
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rstest::rstest;

    use super::*;
    use crate::cache::contract;
    use crate::redis::real::{fresh, open, prefix};

    async fn cache(longest: Duration) -> RedisCache {
        RedisCache::new(fresh().await.cache, longest)
    }

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_a_cache() {
        contract::holds(&cache(MINUTE).await).await;
        contract::holds_any_bytes_by_any_key(&cache(MINUTE).await).await;
        contract::a_lease_is_void_after_an_invalidation_alone(&cache(MINUTE).await).await;
        contract::nothing_stale_survives_changes_beside_reads(Arc::new(cache(MINUTE).await)).await;
    }

    #[tokio::test]
    async fn what_one_process_puts_or_invalidates_the_others_find() {
        let prefix = prefix();
        let mut caches = Vec::new();
        for _ in 0..2 {
            let redis = open(&prefix).await;
            caches.push(RedisCache::new(redis.cache, MINUTE));
        }
        let [one, other] = &caches[..] else {
            panic!("two")
        };
        contract::is_shared(one, other).await;
    }

    #[tokio::test]
    async fn a_value_is_of_use_for_as_long_as_it_may_be() {
        let cache = cache(MINUTE).await;
        let [Looked::Miss(Some(lease))] = cache.look(&[1]).await[..] else {
            panic!("no lease")
        };
        let lease = Lease {
            own: 0,
            shared: Some(lease),
        };
        cache.put(vec![(1, lease, Value::from([1]))]).await;
        let [Looked::Hit(_, left)] = &cache.look(&[1]).await[..] else {
            panic!("no hit")
        };
        assert!(*left <= MINUTE && *left > MINUTE / 2, "{left:?}");
        let moment = Duration::from_millis(1);
        let brief = RedisCache::new(Arc::clone(&cache.link), moment);
        // Redis's clock, by which it is of no use any more, goes on by itself.
        while matches!(brief.look(&[1]).await[0], Looked::Hit(..)) {}
    }

    #[tokio::test]
    async fn leases_and_values_of_another_epoch_are_void() {
        let cache = cache(MINUTE).await;
        let fill = async |key: u64| {
            let Found::Miss(lease) = cache.get(&[key]).await.remove(0) else {
                panic!("{key} is there")
            };
            (key, lease, Value::from([1]))
        };
        let one = fill(1).await;
        cache.put(vec![one]).await;
        assert!(matches!(cache.get(&[1]).await[0], Found::Hit(_)));
        let early = fill(2).await;
        let most: Vec<u64> = (100..=100 + MOST_NAMED as u64).collect();
        cache.invalidate(&most).await;
        cache.put(vec![early]).await;
        let found = cache.get(&[1, 2]).await;
        assert!(
            found.iter().all(|f| matches!(f, Found::Miss(_))),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn where_redis_forgot_a_lease_it_is_void() {
        let cache = cache(MINUTE).await;
        let Found::Miss(lease) = cache.get(&[1]).await.remove(0) else {
            panic!("it is there")
        };
        // As if it had been started again, or had run out of memory.
        let mut script = INVALIDATE.prepare_invoke();
        script.key(cache.link.key(EPOCH)).key(cache.name(1)).arg(0);
        cache.link.run::<()>(&script).await.unwrap();
        cache.put(vec![(1, lease, Value::from([1]))]).await;
        assert!(matches!(cache.get(&[1]).await[0], Found::Miss(_)));
    }

    /// Of what has changed while no process was there nobody was told.
    #[tokio::test]
    async fn what_was_put_before_a_process_came_is_void() {
        let prefix = prefix();
        let first = RedisCache::new(open(&prefix).await.cache, MINUTE);
        let Found::Miss(lease) = first.get(&[1]).await.remove(0) else {
            panic!("it is there")
        };
        first.put(vec![(1, lease, Value::from([1]))]).await;
        assert!(matches!(first.get(&[1]).await[0], Found::Hit(_)));
        let second = RedisCache::new(open(&prefix).await.cache, MINUTE);
        assert!(matches!(second.get(&[1]).await[0], Found::Miss(_)));
    }

    /// A process that has not heard of the change yet, and reads from a replica that has not got it either.
    #[rstest]
    #[case::one(1)]
    #[case::more_than_are_named(MOST_NAMED as u64 + 1)]
    #[tokio::test]
    async fn behind_replicas_nobody_puts_until_they_have_the_change(#[case] changed: u64) {
        let lag = Duration::from_secs(2);
        let cache = cache(MINUTE).await.behind(Some(lag));
        let changed: Vec<u64> = (1..=changed).collect();
        let begun = Instant::now();
        cache.invalidate(&changed).await;
        let lease = loop {
            match cache.get(&[1]).await.remove(0) {
                Found::Miss(lease) if lease.shared.is_some() => break lease,
                Found::Miss(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                Found::Hit(_) => panic!("nobody has put it"),
            }
        };
        assert!(begun.elapsed() >= lag);
        cache.put(vec![(1, lease, Value::from([1]))]).await;
        assert!(matches!(cache.get(&[1]).await[0], Found::Hit(_)));
    }

    #[tokio::test]
    async fn what_could_not_be_invalidated_is_not_found() {
        let cache = cache(MINUTE).await;
        let Found::Miss(lease) = cache.get(&[1]).await.remove(0) else {
            panic!("it is there")
        };
        cache.put(vec![(1, lease, Value::from([1]))]).await;
        cache.link.owe();
        assert_eq!(
            cache.get(&[1]).await,
            [Found::Miss(Lease::default())],
            "it is not asked"
        );
        loop {
            match cache.get(&[1]).await.remove(0) {
                Found::Hit(_) => panic!("stale"),
                Found::Miss(lease) if lease.shared.is_some() => break,
                Found::Miss(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
}
