//! The endpoints over a database of their own, with users that hold tokens.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use airside_common::api::auth::{Secret, Tokens};
use airside_common::api::users::{CreateUser, User};
use airside_common::user::{Role, UserId};
use airside_server::app::{App, UploadWork};
use airside_server::clock::{SharedClock, SystemClock};
use airside_server::config::Settings;
use airside_server::data_folder::DataFolder;
use airside_server::features::audit::entry::Author;
use airside_server::features::auth::caller::{Caller, SessionId};
use airside_server::features::auth::tokens::SigningKey;
use airside_server::features::search::service::Search;
use airside_server::features::uploads::store::UploadStore;
use airside_server::http::outermost::Outermost;
use airside_server::messages::consumer::{Consumer, Delivery};
use airside_server::store::SharedDatabase;
use poem::http::{Method, StatusCode};
use poem::test::{TestClient, TestRequestBuilder};
use serde_json::{Value, json};
use sqlx::SqlitePool;
use tokio_util::sync::CancellationToken;

/// The password of every user that can log in.
pub(crate) const PASSWORD: &str = "a lengthy sentence for tests";

/// The only key of a data folder.
fn signing_key(data: &DataFolder) -> SigningKey {
    SigningKey::from_seed(&seed(data.path())).unwrap()
}

/// The secret of the only key of a data folder.
pub(crate) fn seed(data: &Path) -> [u8; 32] {
    let keys = std::fs::read_dir(data.join("signing-keys")).unwrap();
    let mut keys = keys.map(|entry| entry.unwrap().path());
    let key = keys.find(|path| path.extension().is_some_and(|e| e == "key"));
    std::fs::read(key.unwrap()).unwrap().try_into().unwrap()
}

/// An application for one test.
pub(crate) struct TestApp {
    client: TestClient<Arc<Outermost>>,
    /// Signs the access tokens.
    pub(crate) key: SigningKey,
    /// The parts of the server.
    pub(crate) app: App,
    /// The database, for what the API does not do.
    pub(crate) database: SqlitePool,
    /// Search; it is not told of events, and so a test loads it.
    pub(crate) search: Arc<Search>,
    store: SharedDatabase,
    folder: tempfile::TempDir,
}

/// A user of a test with a token.
pub(crate) struct TestUser<'a> {
    app: &'a TestApp,
    token: Option<String>,
}

/// What came back.
pub(crate) struct TestAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: poem::http::HeaderMap,
    pub(crate) text: String,
}

impl TestAnswer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Status, and the code of a problem or the field that is wrong.
    pub(crate) fn verdict(&self) -> String {
        let status = self.status.as_u16();
        if self.status.is_success() {
            return status.to_string();
        }
        let body = self.json();
        let word = body["errors"][0]["field"]
            .as_str()
            .or(body["code"].as_str());
        format!("{status} {}", word.unwrap())
    }
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), Arc::new(SystemClock)).await
    }

    /// An application with other settings or another clock.
    pub(crate) async fn with(settings: Settings, clock: SharedClock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(Some(folder.path())).unwrap();
        let app = App::build(&settings, &data, clock).await.unwrap();
        app.readiness.open();
        Self {
            client: TestClient::new(Arc::clone(&app.http)),
            key: signing_key(&data),
            database: SqlitePool::connect(&data.database_url()).await.unwrap(),
            search: Arc::clone(app.search.as_ref().unwrap()),
            store: app.database.clone(),
            app,
            folder,
        }
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Somebody without a token.
    pub(crate) fn anonymous(&self) -> TestUser<'_> {
        TestUser {
            app: self,
            token: None,
        }
    }

    /// Somebody who shows a text as access token.
    pub(crate) fn bearer(&self, token: &str) -> TestUser<'_> {
        TestUser {
            app: self,
            token: Some(token.to_owned()),
        }
    }

    /// A user who can log in with [`PASSWORD`].
    pub(crate) async fn enrol(&self, name: &str, role: Role) -> User {
        let new = CreateUser {
            username: name.parse().unwrap(),
            password: Secret(PASSWORD.to_owned()),
            role,
            office: "NYC1A0001".parse().unwrap(),
        };
        let users = self.app.users.as_ref().unwrap();
        users.create(&Author::command_line(), new).await.unwrap()
    }

    /// Logs a user of [`TestApp::enrol`] in.
    pub(crate) async fn login(&self, name: &str) -> Tokens {
        let body = json!({"username": name, "password": PASSWORD});
        let answer = self
            .anonymous()
            .post("/v1/auth/login", &[], Some(&body))
            .await;
        serde_json::from_value(answer.json()).unwrap_or_else(|e| panic!("{e}: {}", answer.text))
    }

    /// Runs the worker until an upload has ended; answers it.
    pub(crate) async fn work_off(&mut self, admin: &str, id: &str) -> Value {
        let UploadWork { worker, .. } = self.app.worker.take().unwrap();
        let events = self.app.bus.subscribe("uploads").await.unwrap();
        let stop = CancellationToken::new();
        let working = tokio::spawn(worker.run(events, stop.clone()));
        let path = format!("/v1/admin/uploads/{id}");
        let mut looks = 0;
        let upload = loop {
            let upload = self.bearer(admin).get(&path).await.json();
            if !matches!(upload["status"].as_str(), Some("queued" | "processing")) {
                break upload;
            }
            looks += 1;
            assert!(looks < 1000, "{upload}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        stop.cancel();
        working.await.unwrap();
        upload
    }

    /// An admin.
    pub(crate) async fn admin(&self) -> TestUser<'_> {
        self.user("root", Role::Admin, "NYC1A0001").await
    }

    /// A user with a role in an office.
    pub(crate) async fn user(&self, name: &str, role: Role, office: &str) -> TestUser<'_> {
        let caller = Caller {
            user_id: UserId::new(),
            username: name.parse().unwrap(),
            role,
            office: office.parse().unwrap(),
            session: SessionId::new(),
        };
        sqlx::query("INSERT INTO users VALUES (?1, ?2, '', ?3, ?4, NULL, 0, 0)")
            .bind(caller.user_id.to_string())
            .bind(name)
            .bind(role.word())
            .bind(office)
            .execute(&self.database)
            .await
            .unwrap();
        TestUser {
            app: self,
            token: Some(self.key.sign(&caller, jiff::Timestamp::now()).unwrap()),
        }
    }

    /// An agent in New York.
    pub(crate) async fn agent(&self) -> TestUser<'_> {
        self.user("demo", Role::Agent, "NYC1A0001").await
    }

    /// A flight UA of a number from JFK to ORD on 1 December 2099, 08:00 local, two hours; economy only.
    pub(crate) async fn flight(&self, id: i64, number: u16, capacity: u32) {
        sqlx::query(
            "INSERT INTO flights SELECT ?1, 'UA', ?2, 'JFK', 'ORD', '2099-12-01', t * 1000000, -18000,
                 (t + 7200) * 1000000, -21600, '738', 'scheduled', 1, 0, 0
             FROM (SELECT unixepoch('2099-12-01T13:00:00') AS t)",
        )
        .bind(id)
        .bind(i64::from(number))
        .execute(&self.database)
        .await
        .unwrap();
        sqlx::query("INSERT INTO inventory VALUES (?1, 3, ?2, 0, 10000, 'USD')")
            .bind(id)
            .bind(capacity)
            .execute(&self.database)
            .await
            .unwrap();
    }

    /// Tells bookings what happened to their flights, and lets the queues hear all that has happened.
    pub(crate) async fn catch_up(&self) {
        let bookings = &self.app.bookings.as_ref().unwrap().service;
        bookings.attend_to_flights(None).await.unwrap();
        let name = |consumer: &Arc<dyn Consumer>| consumer.binding().consumer;
        let mut consumers = self.app.consumers.iter();
        let queues = consumers.find(|one| name(one).0 == "queues").unwrap();
        let page = self.store.read_after(0, 1_000).await.unwrap();
        let binding = queues.binding();
        let deliveries: Vec<Delivery> = page
            .events
            .into_iter()
            .map(|event| event.unwrap())
            .filter(|envelope| binding.takes(envelope.event.kind()))
            .map(|envelope| Delivery {
                consumer: binding.consumer,
                envelope,
            })
            .collect();
        queues.consume(&deliveries).await.unwrap();
    }

    /// A worker takes an upload, tells how far it is, and gives it back.
    pub(crate) async fn keeps_an_upload_for_a_while(&self) {
        let now = jiff::Timestamp::now();
        let taken = UploadStore::claim(&*self.store, "another worker", now).await;
        let lease = taken.unwrap().unwrap().lease;
        assert!(self.store.renew(&lease, now).await.unwrap().is_some());
        let given = UploadStore::give_back(&*self.store, &lease, Duration::ZERO).await;
        assert!(given.unwrap());
    }

    /// Tells those who listen to live events all that has happened.
    pub(crate) async fn tell_live(&self) {
        let live = self.app.live.as_ref().unwrap();
        let page = self.store.read_after(0, 1_000).await.unwrap();
        for event in page.events {
            live.take(&Arc::new(event.unwrap()));
        }
    }

    /// Fails where sold seats and bookings contradict each other.
    pub(crate) async fn check(&self) {
        assert_eq!(self.store.violations().await.unwrap(), []);
    }
}

impl TestUser<'_> {
    /// The access token.
    pub(crate) fn token(&self) -> String {
        self.token.clone().unwrap()
    }

    /// `GET` of what does not end.
    pub(crate) async fn follow(&self, path: &str) -> poem::Response {
        let request = self.app.client.get(path);
        let token = format!("Bearer {}", self.token());
        let response = request.header("Authorization", token).send().await.0;
        expect_documented(&Method::GET, path, response.status());
        response
    }

    pub(crate) async fn get(&self, path: &str) -> TestAnswer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> TestAnswer {
        self.send(Method::POST, path, headers, body).await
    }

    /// `POST /v1/bookings` with a key.
    pub(crate) async fn book(&self, key: &str, body: &Value) -> TestAnswer {
        self.post("/v1/bookings", &[("Idempotency-Key", key)], Some(body))
            .await
    }

    /// `POST /v1/bookings/{locator}/cancel` with a key and a version.
    pub(crate) async fn cancel(&self, key: &str, locator: &str, version: u64) -> TestAnswer {
        let version = format!("\"{version}\"");
        let path = format!("/v1/bookings/{locator}/cancel");
        self.post(
            &path,
            &[("Idempotency-Key", key), ("If-Match", &version)],
            None,
        )
        .await
    }

    /// `PATCH` with a version.
    pub(crate) async fn patch(&self, path: &str, version: &str, body: &Value) -> TestAnswer {
        self.send(Method::PATCH, path, &[("If-Match", version)], Some(body))
            .await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> TestAnswer {
        let body = body.map(Value::to_string);
        self.send_body(method, path, headers, body).await
    }

    /// Sends a text as the JSON that it may be.
    pub(crate) async fn send_text(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> TestAnswer {
        self.send_body(method, path, headers, Some(body)).await
    }

    /// Uploads a file as a type.
    pub(crate) async fn upload(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        file: impl Into<poem::Body>,
    ) -> TestAnswer {
        let mut request = self.app.client.post(path);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answered(&Method::POST, path, request.body(file)).await
    }

    async fn send_body(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> TestAnswer {
        let mut request = self.app.client.request(method.clone(), path);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if !headers.iter().any(|(name, _)| *name == "X-Request-Id") {
            request = request.header("X-Request-Id", "test");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.content_type("application/json").body(body);
        }
        answered(&method, path, request).await
    }
}

async fn answered(
    method: &Method,
    path: &str,
    request: TestRequestBuilder<'_, Arc<Outermost>>,
) -> TestAnswer {
    let response = request.send().await.0;
    let (parts, body) = response.into_parts();
    expect_documented(method, path, parts.status);
    TestAnswer {
        status: parts.status,
        headers: parts.headers,
        text: body.into_string().await.unwrap(),
    }
}

/// The API's document.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = airside_server::http::router::document();
    serde_json::from_str(&text).unwrap()
});

/// Fails where an operation answers with a status that its description does not name.
fn expect_documented(method: &Method, path: &str, status: StatusCode) {
    let path = path.split('?').next().unwrap();
    let is_it = |template: &str| {
        let (mut parts, mut pattern) = (path.split('/'), template.split('/'));
        loop {
            match (parts.next(), pattern.next()) {
                (None, None) => return true,
                (Some(part), Some(known)) if known == part || known.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let methods = DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .iter()
        .find_map(|(template, methods)| is_it(template).then_some(methods));
    let method = method.as_str().to_lowercase();
    if let Some(operation) = methods.and_then(|methods| methods.get(&method)) {
        let known = operation["responses"].get(status.as_str());
        assert!(known.is_some(), "{method} {path} answered {status}");
    }
}
