//! Memory before Redis: a look in memory costs nothing, and what it misses Redis may know from another process.

use std::time::Instant;

use async_trait::async_trait;

use super::memory::MemoryCache;
use super::redis::{Looked, RedisCache};
use super::{Cache, Found, Lease, Value};

/// The cache of a process that shares what it reads.
pub struct LayeredCache {
    memory: MemoryCache,
    redis: RedisCache,
}

impl LayeredCache {
    /// Memory before Redis.
    pub const fn new(memory: MemoryCache, redis: RedisCache) -> Self {
        Self { memory, redis }
    }
}

#[async_trait]
impl Cache for LayeredCache {
    async fn get(&self, keys: &[u64]) -> Vec<Found> {
        let mut found = self.memory.get(keys).await;
        let missed: Vec<(usize, Lease)> = found
            .iter()
            .enumerate()
            .filter_map(|(at, found)| match found {
                Found::Miss(lease) => Some((at, *lease)),
                Found::Hit(_) => None,
            })
            .collect();
        if missed.is_empty() {
            return found;
        }
        let wanted: Vec<u64> = missed.iter().map(|(at, _)| keys[*at]).collect();
        let now = Instant::now();
        let looked = self.redis.look(&wanted).await;
        for ((at, lease), looked) in missed.into_iter().zip(looked) {
            found[at] = match looked {
                Looked::Hit(value, left) => {
                    // With memory's lease of before the question: an invalidation between the two leaves memory empty.
                    let until = now + left.min(self.memory.longest());
                    self.memory.keep(keys[at], lease, value.clone(), until);
                    Found::Hit(value)
                }
                Looked::Miss(shared) => Found::Miss(Lease { shared, ..lease }),
            };
        }
        found
    }

    async fn put(&self, entries: Vec<(u64, Lease, Value)>) {
        self.memory.put(entries.clone()).await;
        self.redis.put(entries).await;
    }

    /// First in Redis: what is read from there after memory's lease was renewed is new.
    async fn invalidate(&self, keys: &[u64]) {
        self.redis.invalidate(keys).await;
        self.memory.invalidate(keys).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::cache::contract;
    use crate::redis::Link;
    use crate::redis::real::{fresh, nowhere, open, prefix};

    const MINUTE: Duration = Duration::from_mins(1);

    fn over(link: Arc<Link>) -> LayeredCache {
        let memory = MemoryCache::new(1000, MINUTE);
        LayeredCache::new(memory, RedisCache::new(link, MINUTE))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_a_cache() {
        contract::holds(&over(fresh().await.cache)).await;
        contract::holds_any_bytes_by_any_key(&over(fresh().await.cache)).await;
        contract::a_lease_is_void_after_an_invalidation_alone(&over(fresh().await.cache)).await;
        let cache = Arc::new(over(fresh().await.cache));
        contract::nothing_stale_survives_changes_beside_reads(cache).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_a_cache_without_redis() {
        contract::holds(&over(nowhere().await.cache)).await;
        contract::a_lease_is_void_after_an_invalidation_alone(&over(nowhere().await.cache)).await;
        let cache = Arc::new(over(nowhere().await.cache));
        contract::nothing_stale_survives_changes_beside_reads(cache).await;
    }

    #[tokio::test]
    async fn what_another_process_has_read_is_found() {
        let prefix = prefix();
        let one = over(open(&prefix).await.cache);
        let other = over(open(&prefix).await.cache);
        let Found::Miss(lease) = one.get(&[1]).await.remove(0) else {
            panic!("it is there")
        };
        let value = Value::from([7]);
        one.put(vec![(1, lease, value.clone())]).await;
        let asked = other.redis.look(&[1]).await;
        assert!(matches!(asked[0], Looked::Hit(..)));
        assert_eq!(other.get(&[1]).await, [Found::Hit(value.clone())]);
        // And is in memory from then on, until this process hears of a change.
        one.invalidate(&[1]).await;
        assert_eq!(other.get(&[1]).await, [Found::Hit(value)]);
        other.invalidate(&[1]).await;
        assert!(matches!(other.get(&[1]).await[0], Found::Miss(_)));
    }
}
