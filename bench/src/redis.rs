//! Search over HTTP on PostgreSQL, with Redis and without it, beside the bare route.

use super::http;
use super::place::Folder;
use super::postgres::{ADDRESS, empty_database};
use super::process::Server;
use super::report::{Aim, Report};
use super::search::Searches;

/// Where Redis is: `scripts/services` starts one.
pub(crate) const REDIS: &str = "AIRSIDE_TEST_REDIS";

pub(crate) fn measure(report: &mut Report) {
    let (Ok(address), Ok(redis)) = (std::env::var(ADDRESS), std::env::var(REDIS)) else {
        eprintln!("  left out: {ADDRESS} and {REDIS} do not say where PostgreSQL and Redis are");
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = runtime.block_on(empty_database(&address, "airside_bench"));
    // Both keep their keys in one folder, so that a token is of use to both.
    let folder = Folder::new("redis");
    let first = folder.join("data");
    let keys = first.join("signing-keys");
    let (without, token) = Server::demonstration(&first, Some(&url));
    http::wait_for(without.address, "/metrics", "airside_outbox_depth 0\n");
    let with = Server::serving(
        &folder.join("with"),
        &url,
        &[
            ("AIRSIDE_REDIS_URL", redis.as_ref()),
            ("AIRSIDE_AUTH_KEYS", keys.as_ref()),
        ],
    );
    without.wait_for_rest();
    with.wait_for_rest();
    let searches = Searches::made(&without, &token);
    for (name, server) in [
        ("search on PostgreSQL without Redis", &without),
        ("search on PostgreSQL with Redis", &with),
    ] {
        // Answers hold for a minute at most.
        searches.make(server);
        searches.repeated(report, name, server, Aim::None);
        searches.ever_new(report, name, server);
    }
}
