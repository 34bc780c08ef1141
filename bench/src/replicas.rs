//! Which part of the reads that may be a little old replicas take, with none, one and two of them.

use std::time::Duration;

use super::http;
use super::load::Load;
use super::place::Folder;
use super::postgres::{ADDRESS, empty_database};
use super::process::Server;
use super::report::{Aim, Report};
use super::search::Queries;

/// Where replicas are, one address after the other with commas between: `scripts/services` starts two.
const REPLICAS: &str = "AIRSIDE_TEST_REPLICAS";
const CONNECTIONS: usize = 32;
const TIME: Duration = Duration::from_secs(5);

pub(crate) fn measure(report: &mut Report) {
    let (Ok(address), Ok(replicas)) = (std::env::var(ADDRESS), std::env::var(REPLICAS)) else {
        eprintln!("  left out: {ADDRESS} and {REPLICAS} do not say where PostgreSQL is");
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = runtime.block_on(empty_database(&address, "airside_bench"));
    let (_, name) = url.rsplit_once('/').unwrap();
    let replicas: Vec<String> = replicas
        .split(',')
        .map(|replica| format!("{}/{name}", replica.rsplit_once('/').unwrap().0))
        .collect();
    let folder = Folder::new("replicas");
    let data = folder.join("data");
    let (server, token) = Server::demonstration(&data, Some(&url));
    http::wait_for(server.address, "/metrics", "airside_outbox_depth 0\n");
    drop(server);

    let mut alone = None;
    for count in 0..=replicas.len() {
        let some = &replicas[..count];
        let server = Server::serving(
            &data,
            &url,
            &[("AIRSIDE_DATABASE_REPLICA_URLS", some.join(",").as_ref())],
        );
        for replica in some {
            let (_, host) = replica.rsplit_once('@').unwrap();
            let (host, _) = host.split_once('/').unwrap();
            let serving = format!("airside_database_replica_serving{{server=\"{host}\"}} 1\n");
            http::wait_for(server.address, "/metrics", &serving);
        }
        server.wait_for_rest();
        let before = Reads::of(&server);
        let rate = rate(&server, &token);
        let after = Reads::of(&server);
        let by_replicas = after.replicas - before.replicas;
        let all = by_replicas + after.primary - before.primary;
        let name = format!("searches and lists, {count} replicas");
        let pair = (rate, *alone.get_or_insert(rate));
        report.beside(&name, "/s", pair, Aim::None);
        let share = by_replicas * 100.0 / all;
        report.alone("  reads taken by replicas", "%", share, Aim::None);
    }
}

/// New searches, and lists of bookings and of flights, in turn.
fn rate(server: &Server, token: &str) -> f64 {
    let headers = format!("host: {}\r\nauthorization: Bearer {token}", server.address);
    let mut queries = Queries::new(&headers);
    let lists = [
        "/v1/bookings?limit=50",
        "/v1/bookings?surname=Byron",
        "/v1/bookings?status=cancelled",
    ];
    let mut lists = lists.iter().cycle();
    let mut list = false;
    let load = Load {
        address: server.address,
        connections: CONNECTIONS,
        time: TIME,
        status: 200,
    };
    let outcome = load.run(&mut |request| {
        list = !list;
        match lists.next().filter(|_| list) {
            Some(path) => {
                request.extend_from_slice(
                    format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes(),
                );
            }
            None => queries.write(request),
        }
    });
    outcome.a_second
}

/// Reads that a server has counted.
struct Reads {
    primary: f64,
    replicas: f64,
}

impl Reads {
    fn of(server: &Server) -> Self {
        let figures = http::text(server.address, "/metrics");
        let sum = |source: &str| {
            figures
                .lines()
                .filter(|line| {
                    line.starts_with("airside_database_reads_total{") && line.contains(source)
                })
                .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
                .sum()
        };
        Self {
            primary: sum("source=\"primary\""),
            replicas: sum("source=\"replica\""),
        }
    }
}
