//! The endpoints over a database of their own, with users that hold tokens.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use airside_common::user::{Role, UserId};
use airside_server::cache::memory::MemoryCache;
use airside_server::clock::SystemClock;
use airside_server::features::auth::caller::{Caller, SessionId};
use airside_server::features::auth::revocations::Revocations;
use airside_server::features::auth::tokens::{SigningKey, Verifier};
use airside_server::features::bookings::api::BookingsApi;
use airside_server::features::bookings::service::Bookings;
use airside_server::features::bookings::store::BookingStore;
use airside_server::features::bookings::writer::Writer;
use airside_server::features::flights::api::FlightsApi;
use airside_server::features::flights::service::Flights;
use airside_server::features::search::api::SearchApi;
use airside_server::features::search::service::Search;
use airside_server::http::context::{RequestContext, RequestId};
use airside_server::store::sqlite::Sqlite;
use poem::http::{Method, StatusCode};
use poem::test::TestClient;
use poem::{EndpointExt, IntoEndpoint};
use poem_openapi::OpenApiService;
use serde_json::Value;
use sqlx::SqlitePool;

/// An application for one test.
pub(crate) struct TestApp {
    client: TestClient<poem::endpoint::BoxEndpoint<'static>>,
    key: SigningKey,
    /// The database, for what the API does not do.
    pub(crate) database: SqlitePool,
    /// Search; it is not told of events, and so a test loads it.
    pub(crate) search: Arc<Search>,
    store: Sqlite,
    _folder: tempfile::TempDir,
}

/// A user of a test with a token.
pub(crate) struct TestUser<'a> {
    app: &'a TestApp,
    token: String,
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
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("airside.db").display());
        let store = Sqlite::open(&url).await.unwrap();
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        let revocations = Arc::new(Revocations::default());
        let verifier = Verifier::new(&key, revocations, Arc::new(SystemClock)).unwrap();
        let bookings: Arc<dyn BookingStore> = Arc::new(store.clone());
        let (writer, _) = Writer::start(Arc::clone(&bookings));
        let clock = Arc::new(SystemClock);
        let cache = Arc::new(MemoryCache::new(1000, Duration::from_mins(1)));
        let search = Arc::new(Search::new(Arc::new(store.clone()), cache, clock.clone()));
        let flights = Flights::new(Arc::new(store.clone()), clock.clone());
        let api = (
            BookingsApi::new(Bookings::new(bookings, writer)),
            FlightsApi::new(flights),
            SearchApi::new(search.clone(), clock),
        );
        let context = RequestContext {
            id: RequestId::random(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            verifier: Arc::new(verifier),
            route: Arc::default(),
        };
        let endpoint = OpenApiService::new(api, "test", "1")
            .into_endpoint()
            .data(context)
            .boxed();
        Self {
            client: TestClient::new(endpoint),
            key,
            database: SqlitePool::connect(&url).await.unwrap(),
            search,
            store,
            _folder: folder,
        }
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
            token: self.key.sign(&caller, jiff::Timestamp::now()).unwrap(),
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

    /// Fails where sold seats and bookings contradict each other.
    pub(crate) async fn check(&self) {
        assert_eq!(self.store.violations().await.unwrap(), []);
    }
}

impl TestUser<'_> {
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

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> TestAnswer {
        let mut request = self
            .app
            .client
            .request(method, path)
            .header("Authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body_json(body);
        }
        let response = request.send().await.0;
        let (parts, body) = response.into_parts();
        TestAnswer {
            status: parts.status,
            headers: parts.headers,
            text: body.into_string().await.unwrap(),
        }
    }
}
