//! A real server in this process, with flights and users of its own.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use airside_common::api::auth::Secret;
use airside_common::api::flights::{CabinPlan, CreateFlight};
use airside_common::api::users::CreateUser;
use airside_common::flight::{Cabin, FlightNumber};
use airside_common::money::{Currency, Money};
use airside_common::time::LocalTime;
use airside_common::user::Role;
use airside_server::app::App;
use airside_server::clock::SystemClock;
use airside_server::config::Settings;
use airside_server::data_folder::DataFolder;
use airside_server::features::audit::entry::Author;
use airside_server::features::flights::service::Flights;
use airside_server::messages::store::Queued;
use airside_server::roles::Running;
use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

/// The password of every user.
pub(crate) const PASSWORD: &str = "a lengthy sentence for tests";

/// A running server; it ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// What a server has beside flights.
#[derive(Default)]
pub(crate) struct Extras {
    /// Sources by name, and where they are.
    pub(crate) sources: Vec<(&'static str, String)>,
    /// Consumers, and the messages that they did not take.
    pub(crate) letters: Vec<(&'static str, &'static str)>,
}

impl Extras {
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for (name, url) in &self.sources {
            let source = serde_json::json!({ "name": name, "url": url });
            let source = serde_json::from_value(source).unwrap();
            settings.ingest.sources.push(source);
        }
        settings
    }
}

impl Server {
    /// Starts one with the agents `ada` and `eve` and the admin `root`, all of one office, and flights UA1, UA2, … from
    /// JFK to LAX in three days with so many seats in economy.
    pub(crate) fn start(seats: &[u32]) -> Self {
        Self::start_with(seats, Extras::default())
    }

    /// The same with more.
    pub(crate) fn start_with(seats: &[u32], extras: Extras) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let stop = CancellationToken::new();
        let (told, address) = mpsc::channel();
        let (until, seats) = (stop.clone(), seats.to_vec());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(&data, &seats, extras, &told, until));
        });
        Self {
            address: address.recv().expect("the server starts"),
            stop,
            thread: Some(thread),
            _folder: folder,
        }
    }

    /// The day on which the flights fly.
    pub(crate) fn day() -> Date {
        let today = jiff::Zoned::now().date();
        today.saturating_add(jiff::Span::new().days(3))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // What went wrong in it has failed the test already.
            let _ = thread.join();
        }
    }
}

async fn serve(
    data: &std::path::Path,
    seats: &[u32],
    extras: Extras,
    told: &mpsc::Sender<SocketAddr>,
    stop: CancellationToken,
) {
    let folder = DataFolder::open(Some(data)).unwrap();
    let app = App::build(&extras.settings(), &folder, Arc::new(SystemClock))
        .await
        .unwrap();
    for (name, role) in [
        ("ada", Role::Agent),
        ("eve", Role::Agent),
        ("root", Role::Admin),
    ] {
        let user = CreateUser {
            username: name.parse().unwrap(),
            password: Secret(PASSWORD.to_owned()),
            role,
            office: "NYC1A0001".parse().unwrap(),
        };
        let users = app.users.as_ref().unwrap();
        users.create(&Author::command_line(), user).await.unwrap();
    }
    // Before the start, so that the timetable has them from the beginning.
    let flights = Flights::new(Arc::clone(&app.database) as _, Arc::clone(&app.clock));
    for (number, seats) in (1..).zip(seats) {
        let author = Author {
            user: "root".to_owned(),
            request_id: "test".to_owned(),
        };
        flights
            .create(&flight(number, *seats), &author)
            .await
            .unwrap();
    }
    for (message, (consumer, payload)) in (1..).zip(extras.letters) {
        let letter = Queued {
            consumer,
            message,
            payload,
        };
        let error = "no such airport";
        let noted = app.database.note_failure(consumer, message, error);
        noted.await.unwrap();
        app.database.bury(&letter, 4).await.unwrap();
    }
    let running = Running::start(app).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    told.send(listener.local_addr().unwrap()).unwrap();
    running.serve(listener, 1000, stop).await;
}

fn flight(number: u16, seats: u32) -> CreateFlight {
    let at = |hour| LocalTime(Server::day().at(hour, 0, 0, 0));
    CreateFlight {
        carrier: "UA".parse().unwrap(),
        number: FlightNumber::new(number).unwrap(),
        origin: "JFK".parse().unwrap(),
        destination: "LAX".parse().unwrap(),
        departure: at(8),
        arrival: at(11),
        aircraft: "738".parse().unwrap(),
        cabins: vec![CabinPlan {
            cabin: Cabin::Economy,
            capacity: seats,
            fare: Money::from_minor(10_000, Currency::USD),
        }],
    }
}
