//! Which part of the reads that may be a little old replicas take, with none, one and two of them.

use std::path::Path;
use std::time::Duration;

use super::bookings::Requests;
use super::http;
use super::load::Load;
use super::place::Folder;
use super::postgres::{ADDRESS, empty_database, shop_in};
use super::process::Server;
use super::report::{Aim, Report};
use super::rounds::{ROUNDS, median};
use super::search::Queries;

/// Where replicas are, one address after the other with commas between: `scripts/services` starts two.
const REPLICAS: &str = "AIRSIDE_TEST_REPLICAS";
const CONNECTIONS: usize = 32;
const TIME: Duration = Duration::from_secs(2);
/// Enough that a list is a page of them.
const BOOKINGS: u64 = 2_000;

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
    let shop = runtime.block_on(shop_in(&url));
    let folder = Folder::new("replicas");
    let data = folder.join("data");
    let (server, token) = Server::demonstration(&data, Some(&url));
    http::wait_for(server.address, "/metrics", "airside_outbox_depth 0\n");
    let requests = Requests::new(&server, &token, &shop.flights);
    let load = requests.load(CONNECTIONS, TIME);
    load.run_to(BOOKINGS, &mut |request| requests.write(request));
    drop(server);

    let servers: Vec<Server> = (0..=replicas.len())
        .map(|count| serving(&folder, &data, &url, &replicas[..count]))
        .collect();
    let mut rounds: Vec<Vec<Round>> = servers.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for at in 0..servers.len() {
            // Each is first in its turn.
            let at = (at + round) % servers.len();
            rounds[at].push(Round::of(&servers[at], &token));
        }
    }
    let rates: Vec<f64> = rounds
        .iter()
        .map(|rounds| median(rounds.iter().map(|round| round.a_second)))
        .collect();
    for (count, rounds) in rounds.iter().enumerate() {
        let name = format!("searches and lists, {count} replicas");
        report.beside(&name, "/s", (rates[count], rates[0]), Aim::None);
        let reads = rounds.iter().map(|round| round.reads);
        let (primary, others) = reads.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
        let share = others * 100.0 / (primary + others);
        report.alone("  reads taken by replicas", "%", share, Aim::None);
    }
}

/// A server that reads from some replicas and has found them.
fn serving(folder: &Folder, first: &Path, url: &str, replicas: &[String]) -> Server {
    // All keep their keys in one folder, so that a token is of use to all.
    let keys = first.join("signing-keys");
    let server = Server::serving(
        &folder.join(&replicas.len().to_string()),
        url,
        &[
            ("AIRSIDE_DATABASE_REPLICA_URLS", replicas.join(",").as_ref()),
            ("AIRSIDE_AUTH_KEYS", keys.as_ref()),
        ],
    );
    for replica in replicas {
        let (_, host) = replica.rsplit_once('@').unwrap();
        let (host, _) = host.split_once('/').unwrap();
        let serving = format!("airside_database_replica_serving{{server=\"{host}\"}} 1\n");
        http::wait_for(server.address, "/metrics", &serving);
    }
    server.wait_for_rest();
    server
}

/// What a server did in some seconds.
struct Round {
    a_second: f64,
    /// Of the primary and of replicas.
    reads: (f64, f64),
}

impl Round {
    fn of(server: &Server, token: &str) -> Self {
        let before = reads(server);
        let a_second = rate(server, token);
        let after = reads(server);
        Self {
            a_second,
            reads: (after.0 - before.0, after.1 - before.1),
        }
    }
}

/// New searches and lists of bookings, in turn.
fn rate(server: &Server, token: &str) -> f64 {
    let headers = format!("host: {}\r\nauthorization: Bearer {token}", server.address);
    let mut queries = Queries::new(&headers);
    let lists = [
        "/v1/bookings?limit=50",
        "/v1/bookings?surname=Byron",
        "/v1/bookings?status=confirmed",
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

/// Reads that a server has counted: of the primary, and of replicas.
fn reads(server: &Server) -> (f64, f64) {
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
    (sum("source=\"primary\""), sum("source=\"replica\""))
}
