//! The cache in the process's memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use moka::ops::compute::Op;
use moka::sync::Cache as Moka;
use rustc_hash::FxBuildHasher;

use super::{Cache, Found, Lease, Value};

/// Counters of invalidations; keys share them, so that one key's invalidation may void another's lease.
const COUNTERS: usize = 4096;

/// A bounded cache in memory.
pub struct MemoryCache {
    values: Moka<u64, Value, FxBuildHasher>,
    invalidations: Box<[AtomicU64]>,
}

impl MemoryCache {
    /// A cache of at most so many values, each for at most so long.
    pub fn new(most: u64, longest: Duration) -> Self {
        Self {
            values: Moka::builder()
                .max_capacity(most)
                .time_to_live(longest)
                // Keys are the server's own: nobody can choose them so that they collide.
                .build_with_hasher(FxBuildHasher),
            invalidations: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn counter(&self, key: u64) -> &AtomicU64 {
        // Multiplication spreads keys that differ in their low or high bits only.
        let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
        &self.invalidations[usize::try_from(spread).unwrap_or(0) % COUNTERS]
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, keys: &[u64]) -> Vec<Found> {
        keys.iter()
            .map(|key| {
                // The counter first: an invalidation between the two makes the lease void, not the value stale.
                let lease = Lease(self.counter(*key).load(Ordering::Acquire));
                self.values.get(key).map_or(Found::Miss(lease), Found::Hit)
            })
            .collect()
    }

    async fn put(&self, entries: Vec<(u64, Lease, Value)>) {
        for (key, lease, value) in entries {
            // One after the other with an invalidation of the same key.
            self.values.entry(key).and_compute_with(|_| {
                if self.counter(key).load(Ordering::Acquire) == lease.0 {
                    Op::Put(value)
                } else {
                    Op::Nop
                }
            });
        }
    }

    async fn invalidate(&self, keys: &[u64]) {
        for key in keys {
            self.counter(*key).fetch_add(1, Ordering::AcqRel);
            self.values
                .entry(*key)
                .and_compute_with(|there| if there.is_some() { Op::Remove } else { Op::Nop });
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
}
