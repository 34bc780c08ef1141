//! Search over HTTP beside a bare route that answers a constant of the same size.

use std::io::Write;
use std::time::Duration;

use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::http;
use super::load::{Load, Outcome};
use super::place::Folder;
use super::process::{Server, mebibytes, processor_time};
use super::report::{Aim, Report};
use super::rounds::{ROUNDS, in_turn, median};

const CONNECTIONS: usize = 64;
const ROUND: Duration = Duration::from_secs(3);
/// Different queries of the measure in which queries come again, as they do where many agents search.
const DIFFERENT: u64 = 5000;

static WEEK: &str = include_str!("../../server/data/flights.csv");

pub(crate) fn measure(report: &mut Report) {
    let folder = Folder::new("search");
    let (server, token) = Server::demonstration(&folder.join("data"), None);
    // Until it has told itself of all flights that it has just loaded, no answer holds for long.
    http::wait_for(server.address, "/metrics", "airside_outbox_depth 0\n");
    server.wait_for_rest();
    let searches = Searches::made(&server, &token);
    searches.repeated(report, "search", &server, Aim::Ratio(0.8));

    // The same load on constants that are as many and as large as the answers: what of the difference is their bytes,
    // which come from memory where the one constant stays in the processor's cache.
    let many = Server::bare(&searches.sizes);
    let (others, one) = in_turn(
        ROUNDS,
        || round(&many, &mut from(&searches.pool)),
        || round(&searches.bare, &mut from(&searches.pool)),
    );
    told(
        report,
        &format!("bare route, {DIFFERENT} different constants"),
        &others,
        &one,
        Aim::None,
    );
    drop(many);

    searches.ever_new(report, "search", &server);
    report.alone(
        "server's resident memory after it",
        "MiB",
        mebibytes(server.id(), "VmRSS"),
        Aim::None,
    );
}

/// Queries that were each answered once, and the bare route that answers a constant of the mean size.
pub(crate) struct Searches {
    queries: Queries,
    pool: Vec<Vec<u8>>,
    sizes: Vec<usize>,
    bare: Server,
}

impl Searches {
    /// Each is sent once: the answers are made, and tell how large they are.
    pub(crate) fn made(server: &Server, token: &str) -> Self {
        let mut queries = Queries::new(&format!(
            "host: {}\r\nauthorization: Bearer {token}",
            server.address
        ));
        let pool: Vec<Vec<u8>> = (0..DIFFERENT).map(|_| queries.draw()).collect();
        let sizes = asked_once(server, &pool);
        let size = sizes.iter().sum::<usize>() / sizes.len();
        let largest = sizes.iter().max().unwrap();
        eprintln!("  {DIFFERENT} queries, {size} bytes an answer in the mean, at most {largest}");
        Self {
            queries,
            pool,
            sizes,
            bare: Server::bare(&[size]),
        }
    }

    /// The queries of the pool, in random order.
    pub(crate) fn repeated(&self, report: &mut Report, name: &str, server: &Server, aim: Aim) {
        let (ours, others) = in_turn(
            ROUNDS,
            || round(server, &mut from(&self.pool)),
            || round(&self.bare, &mut from(&self.pool)),
        );
        let name = format!("{name}, {DIFFERENT} different queries");
        told(report, &name, &ours, &others, aim);
    }

    /// Queries that never come again.
    pub(crate) fn ever_new(&self, report: &mut Report, name: &str, server: &Server) {
        let mut queries = self.queries.clone();
        let mut again = self.queries.clone();
        let (ours, others) = in_turn(
            ROUNDS,
            || round(server, &mut |request| queries.write(request)),
            || round(&self.bare, &mut |request| again.write(request)),
        );
        let name = format!("{name}, every query new");
        told(report, &name, &ours, &others, Aim::None);
    }

    /// Has another server answer the queries of the pool once.
    pub(crate) fn make(&self, server: &Server) {
        asked_once(server, &self.pool);
    }
}

/// The sizes of the answers.
fn asked_once(server: &Server, pool: &[Vec<u8>]) -> Vec<usize> {
    let mut one_by_one = pool.iter().cycle();
    let asked = load(server).run_to(DIFFERENT, &mut |request| {
        request.extend_from_slice(one_by_one.next().unwrap());
    });
    asked.sizes
}

fn told(report: &mut Report, name: &str, ours: &[Round], others: &[Round], aim: Aim) {
    let middle = |rounds: &[Round], figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
    let both = |figure| (middle(ours, figure), middle(others, figure));
    report.beside(name, "/s", both(|round| round.outcome.a_second), aim);
    report.beside(
        "  processor time a request",
        "us",
        both(|round| round.processor),
        Aim::None,
    );
    report.beside(
        "  99 of 100 answers within",
        "ms",
        both(|round| round.outcome.slow()),
        Aim::None,
    );
}

struct Round {
    outcome: Outcome,
    /// Microseconds of the server's processor time a request.
    processor: f64,
}

fn load(server: &Server) -> Load {
    Load {
        address: server.address,
        connections: CONNECTIONS,
        time: ROUND,
        status: 200,
    }
}

fn round(server: &Server, next: &mut dyn FnMut(&mut Vec<u8>)) -> Round {
    let before = processor_time(server.id());
    let outcome = load(server).run(next);
    let taken = processor_time(server.id()) - before;
    let processor = taken * 1e3 / outcome.answers as f64;
    Round { outcome, processor }
}

/// Requests of a pool in random order.
fn from(pool: &[Vec<u8>]) -> impl FnMut(&mut Vec<u8>) {
    let mut random = StdRng::seed_from_u64(2);
    move |request| request.extend_from_slice(pool.choose(&mut random).unwrap())
}

/// Draws queries as agents and programs send them: busy routes more often, one in five with a connection in New York.
#[derive(Clone)]
pub(crate) struct Queries {
    random: StdRng,
    /// Origin and destination of each flight of the week.
    routes: Vec<(&'static str, &'static str)>,
    /// The first date that is asked for, and of how many.
    dates: (Date, i64),
    headers: String,
}

impl Queries {
    pub(crate) fn new(headers: &str) -> Self {
        let routes = WEEK
            .lines()
            .skip(1)
            .map(|line| {
                let cells: Vec<&str> = line.split(',').collect();
                (cells[2], cells[3])
            })
            .collect();
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        Self {
            random: StdRng::seed_from_u64(1),
            routes,
            dates: (today.date() + jiff::Span::new().days(1), 56),
            headers: headers.to_owned(),
        }
    }

    /// The same for so many other dates.
    pub(crate) fn on(mut self, first: Date, count: i64) -> Self {
        self.dates = (first, count);
        self
    }

    fn draw(&mut self) -> Vec<u8> {
        let mut request = Vec::new();
        self.write(&mut request);
        request
    }

    pub(crate) fn write(&mut self, request: &mut Vec<u8>) {
        let random = &mut self.random;
        let (origin, mut destination) = *self.routes.choose(random).unwrap();
        if random.random_bool(0.2) {
            let other = self.routes.choose(random).unwrap().1;
            // From a place and back to it is no journey.
            if other != origin {
                destination = other;
            }
        }
        let (first, count) = self.dates;
        let date = first + jiff::Span::new().days(random.random_range(0..count));
        let passengers = [1, 1, 1, 1, 1, 1, 2, 2, 3, 4].choose(random).unwrap();
        let cabin = [
            "",
            "",
            "",
            "",
            "&cabin=economy",
            "&cabin=economy",
            "&cabin=business",
        ]
        .choose(random)
        .unwrap();
        let sort = ["departure", "departure", "departure", "price", "duration"]
            .choose(random)
            .unwrap();
        // The console asks for 50; a program that says nothing gets 20.
        let limit = ["&limit=50", ""].choose(random).unwrap();
        // Writing to memory cannot fail.
        let _ = write!(
            request,
            "GET /v1/itineraries?origin={origin}&destination={destination}&date={date}&passengers={passengers}\
             &max_stops=2&sort={sort}{cabin}{limit} HTTP/1.1\r\n{}\r\n\r\n",
            self.headers
        );
    }
}
