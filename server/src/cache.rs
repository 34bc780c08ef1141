//! The cache: bytes by key, forgotten when events say so, and never older than asked.

use std::num::NonZeroU64;
use std::sync::Arc;

use async_trait::async_trait;

pub mod layered;
pub mod memory;
pub mod redis;

/// A cached value.
pub type Value = Arc<[u8]>;

/// What a cache says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The value.
    Hit(Value),
    /// There is none; whoever reads it from its source puts it with this lease.
    Miss(Lease),
}

/// The right to put a value: void once the key was invalidated after the miss, so that what was read before a change
/// never covers what the change made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// In the process's memory.
    own: u64,
    /// In what processes share; none where that could not be asked.
    shared: Option<NonZeroU64>,
}

/// Bytes by key. A cache that cannot be reached finds nothing and forgets nothing: callers go on with the source.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// The values of keys, in order.
    async fn get(&self, keys: &[u64]) -> Vec<Found>;

    /// Puts values that were read from their source after their leases were given.
    async fn put(&self, entries: Vec<(u64, Lease, Value)>);

    /// Forgets keys and voids their leases.
    async fn invalidate(&self, keys: &[u64]);
}

/// A cache that features share.
pub type SharedCache = Arc<dyn Cache>;

/// What every implementation must do.
#[cfg(test)]
pub(crate) mod contract {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    async fn lease(cache: &dyn Cache, key: u64) -> Lease {
        match cache.get(&[key]).await.remove(0) {
            Found::Miss(lease) => lease,
            Found::Hit(_) => panic!("{key} is there"),
        }
    }

    fn value(text: &str) -> Value {
        Arc::from(text.as_bytes())
    }

    pub(crate) async fn holds(cache: &dyn Cache) {
        let (one, two) = (lease(cache, 1).await, lease(cache, 2).await);
        cache
            .put(vec![(1, one, value("a")), (2, two, value("b"))])
            .await;
        let found = cache.get(&[2, 1, 3]).await;
        assert_eq!(found[..2], [Found::Hit(value("b")), Found::Hit(value("a"))]);
        assert!(matches!(found[2], Found::Miss(_)));

        cache.invalidate(&[1]).await;
        let again = lease(cache, 1).await;
        assert_eq!(cache.get(&[2]).await, [Found::Hit(value("b"))]);

        // What was read before the invalidation is not put.
        cache.invalidate(&[1]).await;
        cache.put(vec![(1, again, value("stale"))]).await;
        let fresh = lease(cache, 1).await;
        cache.put(vec![(1, fresh, value("c"))]).await;
        assert_eq!(cache.get(&[1]).await, [Found::Hit(value("c"))]);
    }

    /// Bytes are bytes, keys are apart however alike, and nothing is asked for nothing.
    pub(crate) async fn holds_any_bytes_by_any_key(cache: &dyn Cache) {
        assert_eq!(cache.get(&[]).await, []);
        cache.put(Vec::new()).await;
        cache.invalidate(&[]).await;
        let keys = [0, 1, 1 << 32, (1 << 32) | 1, i64::MAX as u64, u64::MAX];
        let values: Vec<Value> = (0..keys.len())
            .map(|n| Arc::from(vec![u8::try_from(n).unwrap_or(0); n * 1000]))
            .collect();
        let mut entries = Vec::new();
        for (key, value) in keys.iter().zip(&values) {
            entries.push((*key, lease(cache, *key).await, Arc::clone(value)));
        }
        cache.put(entries).await;
        let hits: Vec<Found> = values.into_iter().map(Found::Hit).collect();
        assert_eq!(cache.get(&keys).await, hits);
        assert_eq!(cache.get(&[1, 1]).await, [hits[1].clone(), hits[1].clone()]);
    }

    /// Of two that read the source after the same miss, both may put; one of them before an invalidation may not.
    pub(crate) async fn a_lease_is_void_after_an_invalidation_alone(cache: &dyn Cache) {
        let (first, second) = (lease(cache, 1).await, lease(cache, 1).await);
        cache.put(vec![(1, first, value("a"))]).await;
        cache.put(vec![(1, second, value("b"))]).await;
        assert_eq!(cache.get(&[1]).await, [Found::Hit(value("b"))]);
        // Of a key that was never there, as well.
        let early = lease(cache, 2).await;
        cache.invalidate(&[2]).await;
        cache.put(vec![(2, early, value("stale"))]).await;
        assert!(matches!(cache.get(&[2]).await[0], Found::Miss(_)));
    }

    /// What two processes have on the same shared cache: what one puts the other finds, and what one invalidates the other
    /// does not put.
    pub(crate) async fn is_shared(one: &dyn Cache, other: &dyn Cache) {
        let early = lease(one, 1).await;
        one.put(vec![(1, early, value("a"))]).await;
        assert_eq!(other.get(&[1]).await, [Found::Hit(value("a"))]);
        one.invalidate(&[1]).await;
        let late = lease(other, 1).await;
        one.put(vec![(1, early, value("stale"))]).await;
        assert!(matches!(other.get(&[1]).await[0], Found::Miss(_)));
        one.invalidate(&[1]).await;
        other.put(vec![(1, late, value("stale"))]).await;
        assert!(matches!(one.get(&[1]).await[0], Found::Miss(_)));
    }

    /// Readers that fill the cache from a source that changes: once the last change was invalidated, nothing older is
    /// found.
    pub(crate) async fn nothing_stale_survives_changes_beside_reads(cache: Arc<dyn Cache>) {
        const KEYS: u64 = 4;
        const CHANGES: u64 = 300;
        let source: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
        let read = |key: u64, source: &[AtomicU64]| -> u64 {
            source[usize::try_from(key).unwrap_or(0)].load(Ordering::SeqCst)
        };
        let mut readers = tokio::task::JoinSet::new();
        for reader in 0..4 {
            let (cache, source) = (Arc::clone(&cache), Arc::clone(&source));
            readers.spawn(async move {
                while read(0, &source) < CHANGES {
                    let key = reader % KEYS;
                    if let Found::Miss(lease) = cache.get(&[key]).await.remove(0) {
                        let seen = read(key, &source).to_be_bytes();
                        tokio::task::yield_now().await;
                        cache.put(vec![(key, lease, Arc::from(&seen[..]))]).await;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        for change in 1..=CHANGES {
            for key in (0..KEYS).rev() {
                source[usize::try_from(key).unwrap_or(0)].store(change, Ordering::SeqCst);
                cache.invalidate(&[key]).await;
                tokio::task::yield_now().await;
            }
        }
        while readers.join_next().await.is_some() {}
        for key in 0..KEYS {
            if let Found::Hit(bytes) = cache.get(&[key]).await.remove(0) {
                assert_eq!(*bytes, CHANGES.to_be_bytes()[..], "{key}");
            }
        }
    }
}
