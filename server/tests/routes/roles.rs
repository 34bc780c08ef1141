//! Which service answers what, and where a request comes from behind a proxy.

use std::sync::Arc;

use airside_common::user::Role;
use airside_server::app::{App, BuildError};
use airside_server::clock::SystemClock;
use airside_server::config::Settings;
use airside_server::data_folder::DataFolder;
use airside_server::roles::set::ServiceRole;
use poem::http::Method;
use poem::test::TestClient;
use serde_json::json;

use crate::app::{DOCUMENT, TestApp};

/// Settings as a file says them.
pub(crate) fn settings(file: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, file).unwrap();
    Settings::load(Some(&path), []).unwrap()
}

/// The service of a path.
fn owner(path: &str) -> ServiceRole {
    let owners = [
        ("/v1/auth/", ServiceRole::Auth),
        ("/.well-known/jwks.json", ServiceRole::Auth),
        ("/v1/itineraries", ServiceRole::Search),
        ("/v1/flights/", ServiceRole::Search),
        ("/v1/airports", ServiceRole::Search),
        ("/v1/bookings", ServiceRole::Bookings),
        ("/v1/events", ServiceRole::Bookings),
        ("/v1/queues", ServiceRole::Bookings),
        ("/v1/admin/", ServiceRole::Admin),
    ];
    let owner = owners.iter().find(|(prefix, _)| path.starts_with(prefix));
    owner.unwrap_or_else(|| panic!("nobody answers {path}")).1
}

#[tokio::test]
async fn a_process_answers_the_paths_of_its_services_and_no_others() {
    let mut answered = 0;
    for role in ServiceRole::ALL {
        let settings = settings(&format!(
            "roles = [\"{}\"]\n[auth]\njwks_url = \"http://127.0.0.1:1/keys\"
             [[ingest.sources]]\nname = \"partner\"\nurl = \"file:///srv/partner\"",
            role.word()
        ));
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(Some(folder.path())).unwrap();
        let app = App::build(&settings, &data, Arc::new(SystemClock))
            .await
            .unwrap();
        assert_eq!(app.auth.is_some(), role == ServiceRole::Auth);
        assert_eq!(app.search.is_some(), role == ServiceRole::Search);
        assert_eq!(app.bookings.is_some(), role == ServiceRole::Bookings);
        assert_eq!(app.live.is_some(), role == ServiceRole::Bookings);
        assert_eq!(app.users.is_some(), role == ServiceRole::Admin);
        assert_eq!(app.worker.is_some(), role == ServiceRole::Worker);
        assert_eq!(app.ingest.is_some(), role == ServiceRole::Ingest);
        assert_eq!(
            folder.path().join("signing-keys").exists(),
            role == ServiceRole::Auth
        );
        let client = TestClient::new(Arc::clone(&app.http));
        for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let method: Method = method.to_uppercase().parse().unwrap();
                let url = path
                    .replace("{id}", "1")
                    .replace("{locator}", "ABCDEF")
                    .replace("{name}", "partner");
                let answer = client.request(method.clone(), &url).send().await.0;
                let there = answer.status() != 404;
                assert_eq!(there, owner(path) == role, "{role:?} {method} {path}");
                answered += usize::from(there);
            }
        }
        for path in ["/healthz", "/metrics", "/openapi.json", "/docs"] {
            client.get(path).send().await.assert_status_is_ok();
        }
        let answer = client.get("/v1/nothing").send().await;
        answer.assert_content_type("application/problem+json");
    }
    assert_eq!(answered, 58, "each operation by one service");
}

#[tokio::test]
async fn who_signs_no_tokens_needs_the_keys_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(Some(folder.path())).unwrap();
    let settings = settings("roles = [\"search\", \"admin\"]");
    let built = App::build(&settings, &data, Arc::new(SystemClock)).await;
    let Err(error @ BuildError::NoKeys(_)) = built else {
        panic!("it was built");
    };
    assert!(error.to_string().contains("(search,admin)"), "{error}");
}

#[tokio::test]
async fn while_no_key_is_known_nobody_is_sent_away_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(Some(folder.path())).unwrap();
    let settings = settings("roles = [\"search\"]\n[auth]\njwks_url = \"http://127.0.0.1:1/keys\"");
    let app = App::build(&settings, &data, Arc::new(SystemClock))
        .await
        .unwrap();
    let elsewhere = TestApp::new().await;
    elsewhere.enrol("ada", Role::Agent).await;
    let token = elsewhere.login("ada").await.access_token.0;
    let client = TestClient::new(app.http);
    let answer = client
        .get("/v1/airports")
        .header("Authorization", format!("Bearer {token}"));
    let answer = answer.send().await.0;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    let nobody = client.get("/v1/airports").send().await.0;
    assert_eq!(nobody.status(), 401);
    let nonsense = client
        .get("/v1/airports")
        .header("Authorization", "Bearer a.b.c");
    assert_eq!(nonsense.send().await.0.status(), 401);
}

#[tokio::test]
async fn logins_are_throttled_by_the_address_that_a_trusted_proxy_tells() {
    let body = json!({"username": "eve", "password": "wrong"});
    let tried = async |app: &TestApp, passed_on_for: &str| {
        let headers = [("X-Forwarded-For", passed_on_for)];
        let anonymous = app.anonymous();
        anonymous
            .post("/v1/auth/login", &headers, Some(&body))
            .await
            .status
            .as_u16()
    };
    let limits = "[auth]\naddress_failures_per_minute = 1\naccount_failures_per_minute = 9";
    let clock = || Arc::new(SystemClock);
    let app = TestApp::with(settings(limits), clock()).await;
    assert_eq!(tried(&app, "198.51.100.1").await, 401);
    assert_eq!(
        tried(&app, "198.51.100.2").await,
        429,
        "anybody can send it"
    );

    let proxy = format!("{limits}\n[http]\ntrusted_proxies = [\"127.0.0.1\"]");
    let app = TestApp::with(settings(&proxy), clock()).await;
    assert_eq!(tried(&app, "198.51.100.1").await, 401);
    assert_eq!(tried(&app, "198.51.100.2").await, 401);
    assert_eq!(
        tried(&app, "203.0.113.9, 198.51.100.2").await,
        429,
        "the nearest counts"
    );
    let admin = app.admin().await;
    let log = admin.get("/v1/admin/audit").await.json();
    assert_eq!(log["items"][0]["target"], "198.51.100.2");
}
