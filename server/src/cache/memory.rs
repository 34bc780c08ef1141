//! The cache in the process's memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache as Quick, DefaultLifecycle};
use rustc_hash::FxBuildHasher;

use super::{Cache, Found, Lease, Value};

/// Counters of invalidations; keys share them, so that one key's invalidation may void another's lease.
const COUNTERS: usize = 4096;

/// A bounded cache in memory. A search looks up hundreds of keys, so that a look must cost next to nothing: it notes
/// what was used in the value itself, and not in a list.
pub struct MemoryCache {
    /// Values with the time at which they are of no use any more.
    values: Quick<u64, (Instant, Value), UnitWeighter, FxBuildHasher>,
    longest: Duration,
    invalidations: Box<[Invalidations]>,
}

/// How many invalidations there were of some keys.
#[derive(Default)]
struct Invalidations {
    count: AtomicU64,
    /// Puts and invalidations of the same key come one after the other.
    changing: Mutex<()>,
}

impl MemoryCache {
    /// A cache of at most so many values, each for at most so long.
    pub fn new(most: usize, longest: Duration) -> Self {
        Self {
            // Keys are the server's own: nobody can choose them so that they collide.
            values: Quick::with(
                most,
                most as u64,
                UnitWeighter,
                FxBuildHasher,
                DefaultLifecycle::default(),
            ),
            longest,
            invalidations: (0..COUNTERS).map(|_| Invalidations::default()).collect(),
        }
    }

    /// How long values are kept.
    pub(super) const fn longest(&self) -> Duration {
        self.longest
    }

    /// Puts a value that is of no use after an instant.
    pub(super) fn keep(&self, key: u64, lease: Lease, value: Value, until: Instant) {
        let invalidations = self.invalidations(key);
        let _changing = invalidations.changing.lock();
        if invalidations.count.load(Ordering::Acquire) == lease.own {
            self.values.insert(key, (until, value));
        }
    }

    fn invalidations(&self, key: u64) -> &Invalidations {
        // Multiplication spreads keys that differ in their low or high bits only.
        let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
        &self.invalidations[usize::try_from(spread).unwrap_or(0) % COUNTERS]
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, keys: &[u64]) -> Vec<Found> {
        let now = Instant::now();
        keys.iter()
            .map(|key| {
                // The counter first: an invalidation between the two makes the lease void, not the value stale.
                let lease = Lease {
                    own: self.invalidations(*key).count.load(Ordering::Acquire),
                    shared: None,
                };
                match self.values.get(key) {
                    Some((until, value)) if now < until => Found::Hit(value),
                    _ => Found::Miss(lease),
                }
            })
            .collect()
    }

    async fn put(&self, entries: Vec<(u64, Lease, Value)>) {
        let until = Instant::now() + self.longest;
        for (key, lease, value) in entries {
            self.keep(key, lease, value, until);
        }
    }

    async fn invalidate(&self, keys: &[u64]) {
        for key in keys {
            let invalidations = self.invalidations(*key);
            let _changing = invalidations.changing.lock();
            invalidations.count.fetch_add(1, Ordering::AcqRel);
            self.values.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cache::contract;

    fn cache() -> MemoryCache {
        MemoryCache::new(1000, Duration::from_mins(1))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_a_cache() {
        contract::holds(&cache()).await;
        contract::holds_any_bytes_by_any_key(&cache()).await;
        contract::a_lease_is_void_after_an_invalidation_alone(&cache()).await;
        contract::nothing_stale_survives_changes_beside_reads(Arc::new(cache())).await;
    }

    async fn fill(cache: &MemoryCache, keys: &[u64]) {
        let mut entries = Vec::new();
        for (key, found) in keys.iter().zip(cache.get(keys).await) {
            let Found::Miss(lease) = found else { continue };
            entries.push((*key, lease, Value::from([])));
        }
        cache.put(entries).await;
    }

    async fn hits(cache: &MemoryCache, keys: &[u64]) -> usize {
        let found = cache.get(keys).await;
        found.iter().filter(|f| matches!(f, Found::Hit(_))).count()
    }

    #[tokio::test]
    async fn a_value_is_forgotten_when_its_time_is_over() {
        for (longest, found) in [(Duration::ZERO, 0), (Duration::from_mins(1), 3)] {
            let cache = MemoryCache::new(1000, longest);
            fill(&cache, &[1, 2, 3]).await;
            assert_eq!(hits(&cache, &[1, 2, 3]).await, found);
        }
    }

    #[tokio::test]
    async fn no_more_values_are_kept_than_it_may() {
        let cache = cache();
        let keys: Vec<u64> = (0..10_000).collect();
        fill(&cache, &keys).await;
        let kept = hits(&cache, &keys).await;
        // Its parts are bounded one by one, and none is empty.
        assert!((500..=1024).contains(&kept), "{kept}");
    }
}
