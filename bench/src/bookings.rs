//! Bookings a second through the writer, beside one transaction a booking on the same store.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airside_common::api::auth::Secret;
use airside_common::api::bookings::{Contact, CreateBooking, NewSegment, Passenger};
use airside_common::api::users::CreateUser;
use airside_common::booking::PassengerType;
use airside_common::flight::{Cabin, FlightId};
use airside_common::user::Role;
use airside_server::app;
use airside_server::clock::{Clock, SystemClock};
use airside_server::config::DatabaseSettings;
use airside_server::data_folder::DataFolder;
use airside_server::features::audit::entry::Author;
use airside_server::features::auth::caller::{Caller, SessionId};
use airside_server::features::bookings::command::{Action, Asked, Command, Fingerprint, Outcome};
use airside_server::features::bookings::hold::HoldTerms;
use airside_server::features::bookings::store::BookingStore;
use airside_server::features::bookings::writer::Writer;
use airside_server::features::flights::store::{
    Expect, FlightFilter, FlightStore, PlannedRow, Unsaid,
};
use airside_server::formats::airside_csv::Header;
use airside_server::reference::reference;
use airside_server::store::{self, SharedDatabase};
use uuid::Uuid;

use super::load::Load;
use super::place::Folder;
use super::process::Server;
use super::report::{Aim, Report};
use super::rounds::{ROUNDS, in_turn, median};

const CLIENTS: usize = 32;
const ROUND: Duration = Duration::from_secs(2);
const FLIGHTS: u16 = 1000;
/// More seats than a run can sell.
const SEATS: u32 = 1_000_000_000;

pub(crate) fn measure(report: &mut Report) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = Folder::new("bookings");
    let data = DataFolder::open(Some(&folder.join("data"))).unwrap();
    let database = runtime
        .block_on(store::open(&DatabaseSettings::default(), &data))
        .unwrap();
    let shop = Arc::new(runtime.block_on(Shop::open(&database)));
    let store: Arc<dyn BookingStore> = Arc::clone(&database) as _;
    let (writer, writing) = {
        let _inside = runtime.enter();
        Writer::start(Arc::clone(&store))
    };
    let whole = shop.flights.len();
    let mut single = 0.0;
    for (name, among) in [
        ("bookings, spread over 1,000 flights", whole),
        ("bookings, one hot flight", 1),
    ] {
        let rate = |way: &Way| runtime.block_on(rate_of(&shop, way, among));
        let (ours, others) = in_turn(
            ROUNDS,
            || rate(&Way::Writer(writer.clone())),
            || rate(&Way::Single(Arc::clone(&store))),
        );
        let pair = (median(ours), median(others));
        report.beside(name, "/s", pair, Aim::Ratio(4.0));
        if among == whole {
            single = pair.1;
        }
    }
    drop((writer, store));
    runtime.block_on(async {
        writing.await.unwrap();
        database.close().await;
    });

    let (server, token) = Server::demonstration(data.path(), None);
    let rounds = (0..ROUNDS).map(|_| over_http(&server, &token, &shop.flights));
    let rate = median(rounds);
    report.beside(
        "bookings over HTTP, spread",
        "/s",
        (rate, single),
        Aim::None,
    );
}

/// The agent who logs in to measure.
pub(crate) const USER: &str = "ada";
/// The agent's password.
pub(crate) const PASSWORD: &str = "a lengthy sentence for measures";

/// Flights with seats for all, and who books them.
pub(crate) struct Shop {
    pub(crate) caller: Caller,
    pub(crate) flights: Vec<FlightId>,
}

impl Shop {
    /// In a database that has neither yet.
    pub(crate) async fn open(database: &SharedDatabase) -> Self {
        let caller = agent(database).await;
        let now = SystemClock.now();
        let rows = rows(now.to_zoned(jiff::tz::TimeZone::UTC).date());
        database.merge(&rows, Expect::New, now).await.unwrap();
        let stored = FlightStore::list(
            &**database,
            &FlightFilter::default(),
            None,
            u32::from(FLIGHTS),
        )
        .await
        .unwrap();
        let flights = stored.into_iter().map(|flight| flight.id).collect();
        Self { caller, flights }
    }

    /// The next booking, on one of the first so many flights.
    pub(crate) fn command(&self, among: usize) -> Command {
        let body = CreateBooking {
            segments: vec![NewSegment {
                flight_id: self.flights[rand::random_range(0..among)],
                cabin: Cabin::Economy,
            }],
            passengers: vec![Passenger {
                given_name: "Ada".parse().unwrap(),
                surname: "Byron".parse().unwrap(),
                title: None,
                kind: PassengerType::Adult,
                date_of_birth: None,
            }],
            contact: Contact {
                email: None,
                phone: Some("212-5550100".parse().unwrap()),
            },
            hold: None,
            time_limit: None,
            waitlist: None,
            seats: None,
            expected_total: None,
        };
        Command::Asked(Box::new(Asked {
            caller: self.caller.clone(),
            request_id: "bench".to_owned(),
            key: Uuid::new_v4().to_string().parse().unwrap(),
            fingerprint: Fingerprint::of("POST", "/v1/bookings", &body).unwrap(),
            action: Action::Create {
                body: Box::new(body),
                terms: HoldTerms::default(),
            },
        }))
    }
}

/// Makes the agent in a database that has no such user yet.
pub(crate) async fn agent(database: &SharedDatabase) -> Caller {
    let users = app::users(database, Arc::new(SystemClock)).unwrap();
    let new = CreateUser {
        username: USER.parse().unwrap(),
        password: Secret(PASSWORD.to_owned()),
        role: Role::Agent,
        office: "NYC1A0001".parse().unwrap(),
    };
    let user = users.create(&Author::command_line(), new).await.unwrap();
    Caller {
        user_id: user.id,
        username: user.username,
        role: user.role,
        office: user.office,
        session: SessionId::new(),
    }
}

/// Flights of a carrier that the demonstration does not have on this route.
fn rows(today: jiff::civil::Date) -> Vec<PlannedRow> {
    let columns = "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency";
    let header = Header::parse(columns.as_bytes()).unwrap();
    let date = today + jiff::Span::new().days(10);
    (1..=FLIGHTS)
        .map(|number| {
            let line = format!("XX,{number},JFK,ORD,{date}T08:00,{date}T10:00,738,100,100.00,USD");
            let mut plan = header.row(reference(), line.as_bytes()).unwrap();
            for cabin in plan.cabins.iter_mut().flatten() {
                cabin.capacity = SEATS;
            }
            PlannedRow {
                unsaid: Unsaid::Nothing,
                line: u64::from(number),
                plan,
            }
        })
        .collect()
}

/// How a command reaches the store.
#[derive(Clone)]
pub(crate) enum Way {
    /// With all others that wait.
    Writer(Writer),
    /// In a transaction of its own.
    Single(Arc<dyn BookingStore>),
}

impl Way {
    async fn book(&self, command: Command) -> Outcome {
        match self {
            Self::Writer(writer) => writer.submit(command).await.unwrap(),
            Self::Single(store) => store.execute(&[command]).await.unwrap().pop().unwrap(),
        }
    }
}

/// Bookings a second of all clients.
pub(crate) async fn rate_of(shop: &Arc<Shop>, way: &Way, among: usize) -> f64 {
    let (shop, way) = (Arc::clone(shop), way.clone());
    each_at_once(CLIENTS, ROUND, move || {
        let (shop, way) = (Arc::clone(&shop), way.clone());
        async move {
            match way.book(shop.command(among)).await {
                Outcome::Answered(answer) => assert_eq!(answer.status, 201),
                other => panic!("{other:?}"),
            }
        }
    })
    .await
}

/// Bookings a second of all clients, each with its next as soon as the last is answered.
pub(crate) async fn each_at_once<F>(
    clients: usize,
    time: Duration,
    book: impl Fn() -> F + Clone + Send + 'static,
) -> f64
where
    F: Future<Output = ()> + Send,
{
    let begun = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let book = book.clone();
            tokio::spawn(async move {
                let mut booked = 0_u64;
                while begun.elapsed() < time {
                    book().await;
                    booked += 1;
                }
                booked
            })
        })
        .collect();
    let mut booked = 0;
    for client in clients {
        booked += client.await.unwrap();
    }
    booked as f64 / begun.elapsed().as_secs_f64()
}

/// The same through the whole server: its events are relayed, and its timetable follows.
fn over_http(server: &Server, token: &str, flights: &[FlightId]) -> f64 {
    let requests = Requests::new(server, token, flights);
    let outcome = requests
        .load(CLIENTS, ROUND)
        .run(&mut |request| requests.write(request));
    outcome.a_second
}

/// Bookings as a server is asked for them.
pub(crate) struct Requests<'a> {
    server: &'a Server,
    head: String,
    flights: &'a [FlightId],
}

impl<'a> Requests<'a> {
    /// On any of the flights, by the agent who has the token.
    pub(crate) fn new(server: &'a Server, token: &str, flights: &'a [FlightId]) -> Self {
        let head = format!(
            "POST /v1/bookings HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n",
            server.address
        );
        Self {
            server,
            head,
            flights,
        }
    }

    pub(crate) fn load(&self, connections: usize, time: Duration) -> Load {
        Load {
            address: self.server.address,
            connections,
            time,
            status: 201,
        }
    }

    /// The next booking.
    pub(crate) fn write(&self, request: &mut Vec<u8>) {
        let flight = self.flights[rand::random_range(0..self.flights.len())];
        let body = serde_json::json!({
            "segments": [{"flight_id": flight, "cabin": "economy"}],
            "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
            "contact": {"phone": "212-5550100"},
        })
        .to_string();
        let (head, key, length) = (&self.head, Uuid::new_v4(), body.len());
        // Writing to memory cannot fail.
        let _ = write!(
            request,
            "{head}idempotency-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
    }
}
