//! The cache: bytes by key, forgotten when events say so, and never older than asked.

use std::sync::Arc;

use async_trait::async_trait;

pub mod memory;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub(crate) u64);

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
}
