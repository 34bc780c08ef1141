//! `/openapi.json`

use std::collections::HashSet;

use poem::http::Method;
use serde_json::json;

use crate::app::{DOCUMENT, TestApp};

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_a_group_and_all_its_answers() {
    let app = TestApp::new().await;
    let served = app.anonymous().get("/openapi.json").await.json();
    assert_eq!(
        served, *DOCUMENT,
        "the command prints what the server shows"
    );
    // Fields that OpenAPI 3.0 does not know are no part of it.
    let info: Vec<&String> = served["info"].as_object().unwrap().keys().collect();
    assert_eq!(info, ["description", "title", "version"]);

    let mut names = HashSet::new();
    for (path, methods) in served["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{name} twice");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{name}");
            let answers = operation["responses"].as_object().unwrap();
            let mut statuses: Vec<&str> = answers.keys().map(String::as_str).collect();
            statuses.sort_unstable();
            assert!(!statuses.contains(&"default"), "{method} {path}");
            for status in ["422", "500", "503"] {
                assert!(statuses.contains(&status), "{name} lacks {status}");
            }
            for status in statuses.iter().filter(|s| **s >= "400") {
                let content = &answers[*status]["content"]["application/problem+json"];
                assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem");
            }
            let waits = &answers["503"]["headers"]["Retry-After"]["schema"]["type"];
            assert_eq!(*waits, json!("integer"), "{name}");
        }
    }
    assert_eq!(names.len(), 58);
    let of = |path: &str, method: &str| -> String {
        let answers = served["paths"][path][method]["responses"].as_object();
        let statuses: Vec<&str> = answers.unwrap().keys().map(String::as_str).collect();
        statuses.join(" ")
    };
    assert_eq!(
        of("/v1/bookings", "post"),
        "201 400 401 408 409 413 415 422 429 500 503 507"
    );
    assert_eq!(
        of("/v1/bookings/{locator}/cancel", "post"),
        "200 401 404 409 412 422 428 429 500 503 507"
    );
    assert_eq!(
        of("/v1/bookings/{locator}/rebook", "post"),
        "200 400 401 404 408 409 412 413 415 422 428 429 500 503 507"
    );
    assert_eq!(
        of("/v1/queues/{queue}/take", "post"),
        "200 204 401 404 409 422 429 500 503 507"
    );
    assert_eq!(
        of("/v1/bookings/{locator}/confirm", "post"),
        "200 401 404 409 412 422 428 429 500 503 507"
    );
    assert_eq!(
        of("/v1/auth/login", "post"),
        "200 400 401 408 413 415 422 429 500 503 507"
    );
    assert_eq!(of("/v1/events", "get"), "200 401 422 429 500 503");
    let stream = &served["paths"]["/v1/events"]["get"]["responses"]["200"]["content"];
    let told = &stream["text/event-stream"]["schema"]["$ref"];
    assert_eq!(*told, json!("#/components/schemas/LiveEvent"));
    assert_eq!(of("/v1/admin/audit", "get"), "200 401 403 422 429 500 503");
    assert_eq!(
        of("/v1/admin/uploads", "post"),
        "200 202 400 401 403 408 409 413 415 422 429 500 503 507"
    );
}

#[tokio::test]
async fn numbers_are_taken_within_the_bounds_that_are_described() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.flight(1, 1545, 10).await;
    app.search.load().await.unwrap();
    let webhook = json!({"url": "https://example.com/", "events": ["booking.created"]});
    let made = admin.post("/v1/admin/webhooks", &[], Some(&webhook)).await;
    assert_eq!(made.header("location"), "/v1/admin/webhooks/1");
    let mut pages = 0;
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        let parameters = methods["get"]["parameters"].as_array();
        for parameter in parameters.into_iter().flatten() {
            let Some(most) = parameter["schema"]["maximum"].as_f64() else {
                continue;
            };
            let least = parameter["schema"]["minimum"].as_f64().unwrap();
            let name = parameter["name"].as_str().unwrap();
            pages += usize::from(name == "limit");
            let path = path.replace("{id}", "1").replace("{queue}", "7");
            let needed = match path.as_str() {
                "/v1/itineraries" => "origin=JFK&destination=ORD&date=2099-12-01&",
                "/v1/admin/analytics/sales" => "from=2099-12-01&to=2099-12-02&",
                "/v1/admin/analytics/load-factors" => "date=2099-12-01&",
                _ => "",
            };
            for (value, verdict) in [
                (least - 1.0, format!("422 {name}")),
                (least, "200".to_owned()),
                (most, "200".to_owned()),
                (most + 1.0, format!("422 {name}")),
            ] {
                let url = format!("{path}?{needed}{name}={value}");
                assert_eq!(admin.get(&url).await.verdict(), verdict, "{url}");
            }
        }
    }
    assert_eq!(pages, 15, "every list has pages of at most a hundred");
}

/// What is absent in an answer is null in some: both are described.
#[tokio::test]
async fn nulls_are_described() {
    let schemas = &DOCUMENT["components"]["schemas"];
    for (schema, field) in [
        ("BookingPage", "next_cursor"),
        ("User", "disabled_at"),
        ("Booking", "time_limit"),
        ("Itinerary", "total"),
    ] {
        let described = &schemas[schema]["properties"][field];
        assert_eq!(described["nullable"], json!(true), "{schema}.{field}");
    }
    assert!(schemas["Problem"]["properties"]["errors"]["nullable"].is_null());
}

/// Bodies take no fields but those that are described, and say so; answers are free to get more.
#[test]
fn what_only_requests_are_made_of_is_closed() {
    let schemas = DOCUMENT["components"]["schemas"].as_object().unwrap();
    let is_closed = |name: &str| schemas[name]["additionalProperties"] == json!(false);
    let closed: Vec<&String> = schemas.keys().filter(|name| is_closed(name)).collect();
    assert_eq!(
        closed,
        [
            "CabinPlan",
            "CreateBooking",
            "CreateFlight",
            "CreateUser",
            "CreateWebhook",
            "DelayItem",
            "LoginRequest",
            "NewSegment",
            "PatchFlight",
            "PatchUser",
            "PatchWebhook",
            "PlaceItem",
            "RebookBooking",
            "RebookSegment",
            "RefreshRequest",
        ]
    );
    let operations = DOCUMENT["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|methods| methods.as_object().unwrap().values());
    let bodies = operations.filter_map(|operation| operation.get("requestBody"));
    for body in bodies {
        // A file is no JSON.
        if !body["content"]["text/csv"].is_null() {
            continue;
        }
        let named = &body["content"]["application/json"]["schema"]["$ref"];
        let (_, name) = named.as_str().unwrap().rsplit_once('/').unwrap();
        assert!(is_closed(name), "{name}");
    }
}

#[tokio::test]
async fn head_is_answered_like_get() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    for path in ["/healthz", "/v1/auth/me", "/v1/airports?query=jfk"] {
        let (get, head) = (
            agent.get(path).await,
            agent.send(Method::HEAD, path, &[], None).await,
        );
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
}
