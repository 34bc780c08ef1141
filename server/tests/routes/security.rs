//! What every route refuses, and how.

use std::sync::Arc;

use airside_common::user::{Role, UserId};
use airside_server::clock::Clock;
use airside_server::config::Settings;
use airside_server::features::auth::caller::{Caller, SessionId};
use airside_server::features::auth::tokens::SigningKey;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{Timestamp, ToSpan};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use poem::http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::app::{DOCUMENT, TestApp};

fn caller() -> Caller {
    Caller {
        user_id: UserId::new(),
        username: "ada".parse().unwrap(),
        role: Role::Admin,
        office: "NYC1A0001".parse().unwrap(),
        session: SessionId::new(),
    }
}

/// The parts of a token that the server made.
fn parts(app: &TestApp) -> (Header, Value) {
    let token = app.key.sign(&caller(), Timestamp::now()).unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    (header, serde_json::from_slice(&claims).unwrap())
}

/// The key of the server's folder, as one who stole it would use it.
fn stolen(app: &TestApp) -> EncodingKey {
    let seed = crate::app::seed(app.folder());
    let mut der = hex("302e020100300506032b657004220420");
    der.extend(seed);
    EncodingKey::from_ed_der(&der)
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[tokio::test]
async fn a_token_is_taken_only_as_it_was_made() {
    let app = TestApp::new().await;
    let key = stolen(&app);
    let (header, claims) = parts(&app);
    let verdict = async |header: &Header, claims: &Value, key: &EncodingKey| {
        let token = encode(header, claims, key).unwrap();
        app.bearer(&token).get("/v1/auth/me").await.verdict()
    };
    assert_eq!(verdict(&header, &claims, &key).await, "200");

    let mut headers = vec![(
        "kid",
        Header {
            kid: Some("other".into()),
            ..header.clone()
        },
    )];
    headers.push((
        "no kid",
        Header {
            kid: None,
            ..header.clone()
        },
    ));
    headers.push((
        "typ",
        Header {
            typ: Some("JWT".into()),
            ..header.clone()
        },
    ));
    headers.push((
        "no typ",
        Header {
            typ: None,
            ..header.clone()
        },
    ));
    headers.push((
        "jku",
        Header {
            jku: Some("https://evil.example".into()),
            ..header.clone()
        },
    ));
    let public = app.key.public().clone();
    headers.push((
        "jwk",
        Header {
            jwk: Some(public),
            ..header.clone()
        },
    ));
    headers.push((
        "x5u",
        Header {
            x5u: Some("https://evil.example".into()),
            ..header.clone()
        },
    ));
    headers.push((
        "crit",
        Header {
            crit: Some(vec!["b64".into()]),
            ..header.clone()
        },
    ));
    for (what, changed) in headers {
        assert_eq!(
            verdict(&changed, &claims, &key).await,
            "401 unauthenticated",
            "{what}"
        );
    }
    for claim in ["exp", "nbf", "iss", "aud", "sub", "sid", "role", "office"] {
        let mut changed = claims.clone();
        changed.as_object_mut().unwrap().remove(claim);
        assert_eq!(
            verdict(&header, &changed, &key).await,
            "401 unauthenticated",
            "no {claim}"
        );
    }
    for (claim, value) in [
        ("iss", json!("evil")),
        ("aud", json!("other")),
        ("role", json!("king")),
    ] {
        let mut changed = claims.clone();
        changed[claim] = value;
        assert_eq!(
            verdict(&header, &changed, &key).await,
            "401 unauthenticated",
            "{claim}"
        );
    }
    // Another algorithm, with the public key as its secret.
    let x = serde_json::to_value(app.key.public()).unwrap()["x"].clone();
    let confused = Header {
        alg: Algorithm::HS256,
        ..header.clone()
    };
    let secret = EncodingKey::from_secret(x.as_str().unwrap().as_bytes());
    assert_eq!(
        verdict(&confused, &claims, &secret).await,
        "401 unauthenticated"
    );
    // No algorithm at all.
    let none = json!({"alg": "none", "typ": "at+jwt", "kid": header.kid}).to_string();
    let unsigned = format!(
        "{}.{}.",
        BASE64_URL_SAFE_NO_PAD.encode(none),
        BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    assert_eq!(
        app.bearer(&unsigned).get("/v1/auth/me").await.verdict(),
        "401 unauthenticated"
    );
    // Another server's key.
    let foreign = SigningKey::from_seed(&[9; 32]).unwrap();
    let token = foreign.sign(&caller(), Timestamp::now()).unwrap();
    assert_eq!(
        app.bearer(&token).get("/v1/auth/me").await.verdict(),
        "401 unauthenticated"
    );
}

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

#[tokio::test]
async fn a_clock_may_be_a_minute_behind_and_half_a_minute_ahead() {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let app = TestApp::with(Settings::default(), Arc::new(At(now))).await;
    let verdict = async |made: Timestamp| {
        let token = app.key.sign(&caller(), made).unwrap();
        app.bearer(&token).get("/v1/auth/me").await.verdict()
    };
    assert_eq!(verdict(now + 60.seconds()).await, "200");
    assert_eq!(verdict(now + 61.seconds()).await, "401 unauthenticated");
    assert_eq!(verdict(now + 1.hour()).await, "401 unauthenticated");
    assert_eq!(verdict(now - 15.minutes() - 29.seconds()).await, "200");
    assert_eq!(
        verdict(now - 15.minutes() - 30.seconds()).await,
        "401 token_expired"
    );
    assert_eq!(verdict(now - 1.hour()).await, "401 token_expired");
}

#[tokio::test]
async fn every_route_of_the_document_wants_the_right_caller() {
    let app = TestApp::new().await;
    let (anonymous, agent) = (app.anonymous(), app.agent().await);
    let document = anonymous.get("/openapi.json").await.json();
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("security").is_none() {
                assert!(
                    path.starts_with("/v1/auth/") || path == "/.well-known/jwks.json",
                    "{path}"
                );
                continue;
            }
            seen += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{id}", "1").replace("{locator}", "ABCDEF");
            let refused = anonymous.send(method.clone(), &path, &[], None).await;
            assert_eq!(refused.verdict(), "401 unauthenticated", "{method} {path}");
            assert!(refused.header("www-authenticate").starts_with("Bearer"));
            if path.starts_with("/v1/admin/") {
                // A body far too large is not looked at.
                let body = json!("x".repeat(300_000));
                let refused = agent.send(method.clone(), &path, &[], Some(&body)).await;
                assert_eq!(refused.verdict(), "403 forbidden", "{method} {path}");
            }
        }
    }
    assert!(seen > 15, "{seen}");
}

#[tokio::test]
async fn every_error_is_a_problem_with_the_requests_id() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    for (method, path, verdict) in [
        (Method::GET, "/nowhere", "404 not_found"),
        (Method::GET, "/v1/flights/none", "404 not_found"),
        (Method::DELETE, "/v1/auth/me", "405 method_not_allowed"),
        (Method::GET, "/v1/airports?colour=x", "422 colour"),
        (Method::GET, "/v1/bookings?limit=many", "422 limit"),
        (
            Method::GET,
            "/v1/itineraries?origin=1&destination=LAX&date=x",
            "422 origin",
        ),
    ] {
        let answer = agent
            .send(method, path, &[("X-Request-Id", "mine.1")], None)
            .await;
        assert_eq!(answer.verdict(), verdict, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("x-request-id"), "mine.1");
        assert_eq!(answer.json()["instance"], "mine.1");
    }
    let refused = agent.send(Method::DELETE, "/v1/auth/me", &[], None).await;
    assert_eq!(refused.header("allow"), "GET, HEAD");
    // An id that could forge a line of the log is not taken over.
    let answer = agent
        .send(Method::GET, "/healthz", &[("X-Request-Id", "a b")], None)
        .await;
    assert_eq!(answer.header("x-request-id").len(), 16);
}

#[tokio::test]
async fn an_error_says_what_is_wrong_in_words_of_its_own() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let itineraries = "/v1/itineraries?origin=JFK&destination=LAX";
    for (path, expected) in [
        (itineraries.to_owned(), "date: is missing"),
        (
            format!("{itineraries}&date=soon"),
            "date: not a date: write it as 2026-12-01",
        ),
        (
            format!("{itineraries}&date=2026-12-01&cabin=roof"),
            "cabin: is one of first, business, premium, economy",
        ),
        (
            format!("{itineraries}&date=2026-12-01&carrier=united"),
            "carrier: a carrier code has two characters, such as UA or B6",
        ),
        (
            "/v1/bookings?status=flown".to_owned(),
            "status: is one of confirmed, held, waitlisted, cancelled",
        ),
    ] {
        assert_eq!(agent.get(&path).await.json()["detail"], expected, "{path}");
    }
    let answer = agent.post("/v1/bookings", &[], None).await;
    assert_eq!(answer.json()["detail"], "Idempotency-Key: is missing");
    // Values without names would be taken for the fields in their order.
    let login = json!(["demo", "a lengthy sentence"]);
    let refused = agent.post("/v1/auth/login", &[], Some(&login)).await;
    assert_eq!(refused.json()["detail"], "body: is an object, not an array");
}

#[tokio::test]
async fn every_body_is_an_object_of_known_fields_and_of_limited_size() {
    const MOST: usize = 256 * 1024;
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut bodies = 0;
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let content = &operation["requestBody"]["content"];
            if content["application/json"].is_null() {
                continue;
            }
            bodies += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            let id = if path.contains("/users/") {
                UserId::new().to_string()
            } else {
                "7".to_owned()
            };
            let path = path
                .replace("{id}", &id)
                .replace("{queue}", "7")
                .replace("{locator}", "K7QW2M");
            let headers = [("Idempotency-Key", "key"), ("If-Match", "\"1\"")];
            let send = async |body: String, length: Option<usize>| {
                let length = length.map(|length| length.to_string());
                let mut headers = headers.to_vec();
                if let Some(length) = &length {
                    headers.push(("Content-Length", length));
                }
                let answer = admin.send_text(method.clone(), &path, &headers, body).await;
                answer.verdict()
            };
            let unknown = json!({"surprise": 1}).to_string();
            assert_eq!(send(unknown, None).await, "422 surprise", "{path}");
            assert_eq!(send("[1]".to_owned(), None).await, "422 body", "{path}");
            assert_eq!(send("{".to_owned(), None).await, "400 malformed_request");
            // Just what is taken: it is read, and found wrong.
            let filled = |length: usize| {
                let body = json!({"surprise": ""}).to_string();
                body.replace("\"\"", &format!("\"{}\"", "x".repeat(length - body.len())))
            };
            assert_eq!(filled(MOST).len(), MOST);
            assert_eq!(send(filled(MOST), None).await, "422 surprise", "{path}");
            for length in [None, Some(MOST + 1)] {
                let verdict = send(filled(MOST + 1), length).await;
                assert_eq!(verdict, "413 payload_too_large", "{path}");
            }
        }
    }
    assert_eq!(bodies, 13);
}

#[tokio::test]
async fn the_page_of_the_document_names_no_other_host() {
    let app = TestApp::new().await;
    let page = app.anonymous().get("/docs").await;
    assert_eq!(page.verdict(), "200");
    assert!(page.text.contains("SwaggerUIBundle({"));
    assert!(!page.text.contains("<script src") && !page.text.contains("<link"));
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
}

#[tokio::test]
async fn a_process_that_is_told_to_stop_is_not_ready() {
    let app = TestApp::new().await;
    let anonymous = app.anonymous();
    assert_eq!(anonymous.get("/readyz").await.verdict(), "200");
    app.app.readiness.close();
    let answer = anonymous.get("/readyz").await;
    assert_eq!(answer.verdict(), "503 unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(anonymous.get("/healthz").await.verdict(), "200");
}

/// A text has one token: what decodes to the same bytes, or has something around it, is another text.
#[tokio::test]
async fn no_other_text_of_a_token_is_taken() {
    let app = TestApp::new().await;
    let token = app.key.sign(&caller(), Timestamp::now()).unwrap();
    let verdict = async |token: &str| app.bearer(token).get("/v1/auth/me").await.verdict();
    assert_eq!(verdict(&token).await, "200");
    let parts: Vec<&str> = token.split('.').collect();
    let mut texts = vec![
        format!("{token}="),
        format!("{token}=="),
        format!("{token}."),
        format!("{token}.{}", parts[2]),
        format!(".{token}"),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}..{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[1], parts[0], parts[2]),
        token.to_lowercase(),
        String::new(),
        "x".repeat(10_000),
    ];
    // The last character of each part has bits that belong to no byte.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for end in [
        parts[0].len(),
        parts[0].len() + 1 + parts[1].len(),
        token.len(),
    ] {
        for character in alphabet.chars() {
            let mut text = token.clone();
            text.replace_range(end - 1..end, character.encode_utf8(&mut [0; 4]));
            texts.push(text);
        }
    }
    for text in texts.iter().filter(|text| **text != token) {
        assert_eq!(verdict(text).await, "401 unauthenticated", "{text}");
    }
}

#[test]
fn a_token_of_any_other_key_is_refused_whatever_it_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(TestApp::new());
    let (header, claims) = parts(&app);
    let words = || proptest::option::of("[a-zA-Z0-9:/+.-]{0,20}");
    proptest!(ProptestConfig::with_cases(200), |(seed in any::<[u8; 32]>(), alg in words(), typ in words(), kid in words(), claim in "iss|aud|sub|sid|name|role|office|iat|nbf|exp", value in words())| {
        let mut head = serde_json::to_value(&header).unwrap();
        for (name, word) in [("alg", alg), ("typ", typ), ("kid", kid)] {
            if let Some(word) = word {
                head[name] = json!(word);
            }
        }
        let mut body = claims.clone();
        if let Some(value) = value {
            body[claim] = json!(value);
        }
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&head), encode(&body));
        let mut der = hex("302e020100300506032b657004220420");
        der.extend(seed);
        let key = EncodingKey::from_ed_der(&der);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
        let token = format!("{message}.{signature}");
        let verdict = runtime.block_on(async { app.bearer(&token).get("/v1/auth/me").await.verdict() });
        prop_assert_eq!(verdict, "401 unauthenticated");
    });
}

#[test]
fn no_changed_token_is_taken() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(TestApp::new());
    let token = app.key.sign(&caller(), Timestamp::now()).unwrap();
    proptest!(ProptestConfig::with_cases(200), |(at in 0..token.len(), with in "[A-Za-z0-9_.-]", cut in any::<bool>())| {
        let mut changed = token.clone();
        if cut { changed.truncate(at) } else { changed.replace_range(at..=at, &with) }
        prop_assume!(changed != token);
        let verdict = runtime.block_on(async { app.bearer(&changed).get("/v1/auth/me").await.verdict() });
        prop_assert_eq!(verdict, "401 unauthenticated");
    });
}
