//! Redis beside the database: a cache that processes share, and failed logins and requests that they count together.
//! Nothing is kept in it alone, and everything goes on without it.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;

pub use address::{Address, AddressError};
pub use authorities::{Authorities, AuthoritiesError};
pub(crate) use link::EPOCH;
pub use link::Link;

use crate::http::rate_limit::Rate;
use crate::roles::set::{Roles, ServiceRole};

mod address;
mod authorities;
pub mod failures;
mod link;
pub mod rates;

/// How long a search waits for an answer.
const CACHE_PATIENCE: Duration = Duration::from_millis(50);
/// How long a login waits for an answer: a password takes longer to be compared.
const LOGIN_PATIENCE: Duration = Duration::from_millis(500);
/// How long a request of a user waits for an answer.
const RATE_PATIENCE: Duration = Duration::from_millis(50);
/// What answers requests of users.
const ANSWERING: [ServiceRole; 4] = [
    ServiceRole::Auth,
    ServiceRole::Search,
    ServiceRole::Bookings,
    ServiceRole::Admin,
];

/// The connections of a process. Each purpose has one, so that none waits behind another.
pub struct Redis {
    /// For seats and fares, which a process looks up that searches.
    pub cache: Option<Arc<Link>>,
    /// For failed logins, which a process counts that logs in.
    pub logins: Option<Arc<Link>>,
    /// For requests of users, which a process counts that answers them, where there is a limit.
    pub rates: Option<Arc<Link>>,
}

impl Redis {
    /// Connects for what a process of these roles does, with or without a limit of requests. Where Redis does not answer, that is tried again until it does.
    pub async fn open(address: &Address, prefix: &str, roles: &Roles, limit: Option<Rate>) -> Self {
        let link = async |of: &[ServiceRole], purpose, patience| {
            if !of.iter().any(|role| roles.contains(*role)) {
                return None;
            }
            let link = Link::open(address.clone(), prefix, purpose, patience);
            // It is large, and all that starts a server would have room for it.
            Some(Box::pin(link).await)
        };
        let counting: &[_] = if limit.is_some() { &ANSWERING } else { &[] };
        let (cache, logins, rates) = tokio::join!(
            link(&[ServiceRole::Search], link::Use::Cache, CACHE_PATIENCE),
            link(&[ServiceRole::Auth], link::Use::Logins, LOGIN_PATIENCE),
            link(counting, link::Use::Rates, RATE_PATIENCE)
        );
        Self {
            cache,
            logins,
            rates,
        }
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        let links = [&self.cache, &self.logins, &self.rates];
        let links = links.into_iter().flatten();
        links.map(AsRef::as_ref)
    }

    /// Whether it answers; `None` where nothing is asked of it.
    pub fn answers(&self) -> Option<bool> {
        self.links()
            .map(Link::is_open)
            .reduce(|one, other| one && other)
    }

    /// Adds its figures.
    pub fn register(&self, registry: &mut Registry) {
        for link in self.links() {
            link.register(registry);
        }
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

    /// Connections that are open.
    pub(crate) struct Links {
        pub(crate) cache: Arc<Link>,
        pub(crate) logins: Arc<Link>,
        pub(crate) rates: Arc<Link>,
    }

    /// A Redis that holds nothing.
    pub(crate) async fn fresh() -> Links {
        open(&prefix()).await
    }

    /// With more patience than servers have: where much runs at once, a miss because of a late answer is no fault.
    pub(crate) async fn open(prefix: &str) -> Links {
        let patience = Duration::from_mins(1);
        let links = Links {
            cache: Link::open(address(), prefix, link::Use::Cache, patience).await,
            logins: Link::open(address(), prefix, link::Use::Logins, patience).await,
            rates: Link::open(address(), prefix, link::Use::Rates, patience).await,
        };
        let all = [&links.cache, &links.logins, &links.rates];
        let open = all.into_iter().all(|link| link.is_open());
        assert!(open, "Redis answers");
        links
    }

    /// A connection of each kind to where there is no Redis.
    pub(crate) async fn nowhere() -> Links {
        let nobody = "redis://127.0.0.1:1".parse().unwrap();
        let limit = Some(Rate::a_second(std::num::NonZeroU32::MIN));
        let redis = Redis::open(&nobody, "x", &Roles::default(), limit).await;
        assert_eq!(redis.answers(), Some(false));
        Links {
            cache: redis.cache.unwrap(),
            logins: redis.logins.unwrap(),
            rates: redis.rates.unwrap(),
        }
    }
}
