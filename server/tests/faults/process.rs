//! A real server in a folder of its own, and its clients.

use std::fs::DirBuilder;
use std::ops::RangeInclusive;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::services::FreshDatabase;

const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const PASSWORD: &str = "a lengthy sentence for tests";

/// Which database a server works on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

/// A folder with a server's data: an agent `ada`, and numbered flights of UA from JFK to ORD.
///
/// Its folder and database go when it and the last of its servers have gone.
pub(crate) struct Place {
    folder: Arc<TempDir>,
    pub(crate) date: Date,
    database: Arc<Database>,
    /// Settings beside the database's address.
    settings: Vec<(&'static str, String)>,
}

/// Where the database is.
enum Database {
    InFolder,
    Fresh(FreshDatabase),
    OfAnother(String),
}

impl Place {
    /// A place on SQLite with so many flights, each of `capacity` seats in economy.
    pub(crate) async fn new(flights: u16, capacity: u32) -> Self {
        Self::empty().furnished(flights, capacity).await
    }

    /// The same on a database.
    pub(crate) async fn on(store: Store, flights: u16, capacity: u32) -> Self {
        Self::empty_on(store)
            .await
            .furnished(flights, capacity)
            .await
    }

    /// The same on a server of PostgreSQL's.
    pub(crate) async fn on_server(server: String, flights: u16, capacity: u32) -> Self {
        let place = Self::empty_on_server(server).await;
        place.furnished(flights, capacity).await
    }

    /// The same place with users and flights.
    pub(crate) async fn furnished(self, flights: u16, capacity: u32) -> Self {
        let today = jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        let place = Self {
            date: today.saturating_add(jiff::Span::new().days(10)),
            ..self
        };
        for (name, role, office) in [("ada", "agent", "NYC1A0001"), ("eve", "agent", "LON1A0001")] {
            let arguments = ["user", "add", name, "--role", role, "--office", office];
            let output = place.run(&arguments, &format!("{PASSWORD}\n")).await;
            assert!(output.status.success(), "{output:?}");
        }
        place.import(flights, capacity).await;
        place
    }

    /// A place without anything.
    pub(crate) fn empty() -> Self {
        Self {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            date: Date::ZERO,
            database: Arc::new(Database::InFolder),
            settings: Vec::new(),
        }
    }

    /// A place without anything, on a fresh database of a server.
    pub(crate) async fn empty_on_server(server: String) -> Self {
        Self {
            database: Arc::new(Database::Fresh(FreshDatabase::on(server).await)),
            ..Self::empty()
        }
    }

    /// The same with a setting, named as in the environment. `AIRSIDE_DATABASE_URL` wins over the place's own.
    pub(crate) fn with(mut self, setting: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((setting, value.into()));
        self
    }

    /// A place without anything, on a database.
    pub(crate) async fn empty_on(store: Store) -> Self {
        let database = match store {
            Store::Sqlite => Database::InFolder,
            Store::Postgres => Database::Fresh(FreshDatabase::new().await),
        };
        Self {
            database: Arc::new(database),
            ..Self::empty()
        }
    }

    /// Another place for a server on the same database, with the same signing keys.
    pub(crate) fn beside(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        DirBuilder::new().mode(0o700).create(&data).unwrap();
        let keys = data.join("signing-keys");
        DirBuilder::new().mode(0o700).create(&keys).unwrap();
        for key in std::fs::read_dir(self.data().join("signing-keys")).unwrap() {
            let key = key.unwrap().path();
            std::fs::copy(&key, keys.join(key.file_name().unwrap())).unwrap();
        }
        Self {
            folder: Arc::new(folder),
            date: self.date,
            database: Arc::new(Database::OfAnother(self.database())),
            settings: self.settings.clone(),
        }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The database's address.
    pub(crate) fn database(&self) -> String {
        match &*self.database {
            Database::Fresh(database) => database.url(),
            Database::OfAnother(url) => url.clone(),
            Database::InFolder => format!("sqlite://{}", self.data().join("airside.db").display()),
        }
    }

    /// Imports the flights with a capacity; answers the last line, which counts.
    pub(crate) async fn import(&self, flights: u16, capacity: u32) -> String {
        self.import_numbers(1..=flights, capacity).await
    }

    /// Imports flights with these numbers.
    pub(crate) async fn import_numbers(
        &self,
        numbers: RangeInclusive<u16>,
        capacity: u32,
    ) -> String {
        let mut file = String::from(
            "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency\n",
        );
        for number in numbers {
            let row = format!(
                "UA,{number},JFK,ORD,{0}T08:00,{0}T10:00,738,{capacity},100.00,USD\n",
                self.date
            );
            file.push_str(&row);
        }
        let path = self.folder.path().join("flights.csv");
        std::fs::write(&path, file).unwrap();
        let output = self.run(&["import", path.to_str().unwrap()], "").await;
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        text.trim().lines().last().unwrap_or_default().to_owned()
    }

    fn command(&self, program: &[&str]) -> Command {
        let mut command = Command::new(program[0]);
        command
            .args(&program[1..])
            .arg("--data-dir")
            .arg(self.data())
            .env("AIRSIDE_DATABASE_URL", self.database())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a subcommand to its end.
    pub(crate) async fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(&[env!("CARGO_BIN_EXE_airside-server")]);
        let mut child = command.args(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that reads nothing closes its end; that is its affair.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        timeout(PATIENCE, child.wait_with_output())
            .await
            .unwrap()
            .unwrap()
    }

    /// Fails where `airside-server check` finds something.
    pub(crate) async fn check(&self) {
        let output = self.run(&["check"], "").await;
        assert!(output.status.success(), "{output:?}");
    }

    /// Starts the server.
    pub(crate) async fn start(&self) -> Server {
        self.start_through(&[]).await
    }

    /// Starts the server through another program that becomes it.
    pub(crate) async fn start_through(&self, wrapper: &[&str]) -> Server {
        self.start_at("127.0.0.1:0", wrapper).await
    }

    /// The same at an address.
    pub(crate) async fn start_at(&self, listen: &str, wrapper: &[&str]) -> Server {
        let mut program = wrapper.to_vec();
        program.push(env!("CARGO_BIN_EXE_airside-server"));
        let mut child = self
            .command(&program)
            .args(["run", "--listen", listen])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let at = line.find("127.0.0.1:").unwrap();
        let address: String = line[at..]
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.' || *c == ':')
            .collect();
        // What it says later is read too, or a full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Server {
            child,
            address,
            date: self.date,
            _folder: Arc::clone(&self.folder),
            _database: Arc::clone(&self.database),
        }
    }
}

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    date: Date,
    _folder: Arc<TempDir>,
    _database: Arc<Database>,
}

impl Server {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().cast_signed())
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap()
    }

    /// SIGTERM, and waits for a clean end.
    pub(crate) async fn stop(mut self) {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }

    /// A logged-in client.
    pub(crate) async fn login(&self, name: &str) -> Client {
        Client::login(&self.address, name, self.date).await
    }
}

/// A client with a token.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    /// The ids of the flights that can be booked.
    pub(crate) flights: Vec<String>,
}

impl Client {
    /// A user logged in at an address, who knows the flights of a day.
    pub(crate) async fn login(address: &str, name: &str, date: Date) -> Self {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .unwrap();
        let base = format!("http://{address}");
        let answer = http
            .post(format!("{base}/v1/auth/login"))
            .json(&json!({"username": name, "password": PASSWORD}))
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, 200, "{body}");
        let mut client = Client {
            http,
            base,
            token: body["access_token"].as_str().unwrap().to_owned(),
            refresh_token: body["refresh_token"].as_str().unwrap().to_owned(),
            flights: Vec::new(),
        };
        let path =
            format!("/v1/itineraries?origin=JFK&destination=ORD&date={date}&max_stops=0&limit=100");
        let (status, found) = client.get(&path).await;
        assert_eq!(status, 200, "{found}");
        client.flights = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                item["segments"][0]["flight_id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        client
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let answer = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// A figure of `/metrics`, named with its labels.
    pub(crate) async fn figure(&self, name: &str) -> Option<String> {
        let answer = self.http.get(format!("{}/metrics", self.base)).send();
        let text = answer.await.unwrap().text().await.unwrap();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(str::to_owned)
    }

    /// A request that changes a version of something.
    pub(crate) async fn change(
        &self,
        method: Method,
        path: &str,
        version: u64,
        body: &Value,
    ) -> (StatusCode, Value) {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .header("If-Match", format!("\"{version}\""));
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// `GET` with the moment that must be seen.
    pub(crate) async fn get_seeing(&self, path: &str, moment: &str) -> (StatusCode, Value) {
        let answer = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .header("Airside-Consistency", moment)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// The same user at another server.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self {
            base: format!("http://{}", server.address),
            ..self.clone()
        }
    }

    /// `POST`; status and body.
    pub(crate) async fn answer(&self, path: &str, body: &Value) -> (StatusCode, String) {
        let answer = self
            .http
            .post(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .json(body)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// `POST`, of which only the status is of interest.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> StatusCode {
        self.answer(path, body).await.0
    }

    /// Sends a booking.
    pub(crate) async fn send_booking(&self, key: &str, body: &Value) -> reqwest::Result<Response> {
        self.http
            .post(format!("{}/v1/bookings", self.base))
            .bearer_auth(&self.token)
            .header("Idempotency-Key", key)
            .json(body)
            .send()
            .await
    }

    /// Books; `None` where no answer came.
    pub(crate) async fn book(&self, key: &str, body: &Value) -> Option<(StatusCode, Value)> {
        let answer = self.send_booking(key, body).await.ok()?;
        Some((answer.status(), answer.json().await.ok()?))
    }

    /// One adult on a flight.
    pub(crate) fn body(&self, flight: usize) -> Value {
        json!({
            "segments": [{"flight_id": self.flights[flight % self.flights.len()], "cabin": "economy"}],
            "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
            "contact": {"phone": "212-5550100"},
        })
    }
}
