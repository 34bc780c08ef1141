//! Redis beside the database: a cache that processes share, and failed logins that they count together. Nothing is kept in
//! it alone, and everything goes on without it.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;

pub use address::{Address, AddressError};
pub(crate) use link::EPOCH;
pub use link::Link;

mod address;
pub mod failures;
mod link;

/// How long a search waits for an answer.
const CACHE_PATIENCE: Duration = Duration::from_millis(50);
/// How long a login waits for an answer: a password takes longer to be compared.
const LOGIN_PATIENCE: Duration = Duration::from_millis(500);

/// The connections of a process. Seats and logins have one each, so that neither waits behind the other.
pub struct Redis {
    /// For seats and fares.
    pub cache: Arc<Link>,
    /// For failed logins.
    pub logins: Arc<Link>,
}

impl Redis {
    /// Connects. Where Redis does not answer, that is tried again until it does.
    pub async fn open(address: &Address, prefix: &str) -> Self {
        let (cache, logins) = tokio::join!(
            Link::open(address.clone(), prefix, link::Use::Cache, CACHE_PATIENCE),
            Link::open(address.clone(), prefix, link::Use::Logins, LOGIN_PATIENCE)
        );
        Self { cache, logins }
    }

    /// Whether it answers.
    pub fn answers(&self) -> bool {
        self.cache.is_open() && self.logins.is_open()
    }

    /// Adds its figures.
    pub fn register(&self, registry: &mut Registry) {
        self.cache.register(registry);
        self.logins.register(registry);
    }
}

/// Redis for tests, started by `scripts/test`.
#[cfg(test)]
pub(crate) mod real {
    use super::*;

    fn address() -> Address {
        let url = std::env::var("AIRSIDE_TEST_REDIS").expect(
            "AIRSIDE_TEST_REDIS is not set: run scripts/test, or `eval \"$(scripts/services start)\"` before cargo test",
        );
        url.parse().expect("an address")
    }

    /// What no other test's keys begin with.
    pub(crate) fn prefix() -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }

    /// A Redis that holds nothing.
    pub(crate) async fn fresh() -> Redis {
        open(&prefix()).await
    }

    /// With more patience than servers have: where much runs at once, a miss because of a late answer is no fault.
    pub(crate) async fn open(prefix: &str) -> Redis {
        let patience = Duration::from_mins(1);
        let redis = Redis {
            cache: Link::open(address(), prefix, link::Use::Cache, patience).await,
            logins: Link::open(address(), prefix, link::Use::Logins, patience).await,
        };
        assert!(redis.answers(), "Redis answers");
        redis
    }
}
