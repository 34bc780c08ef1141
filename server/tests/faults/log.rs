//! A database that breaks under a running server: who asks is told little, the log says what and to whom.

use serde_json::Value;
use sqlx::SqlitePool;

use crate::process::Place;

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_logged_with_the_request_that_met_it() {
    let place = Place::new(1, 10).await;
    let log = place.data().with_file_name("server.log");
    let script = format!("exec \"$@\" 2>{}", log.display());
    let wrapper = ["sh", "-c", &script, "sh", "env", "AIRSIDE_LOG_FORMAT=json"];
    let server = place.start_through(&wrapper).await;
    let client = server.login("ada").await;
    let database = SqlitePool::connect(&place.database()).await.unwrap();
    for statement in [
        "ALTER TABLE history RENAME TO gone_history",
        "ALTER TABLE users RENAME TO gone_users",
    ] {
        sqlx::query(statement).execute(&database).await.unwrap();
    }
    database.close().await;
    let body = serde_json::json!({"username": "ada", "password": "a wrong sentence"});
    let (status, login) = client.answer("/v1/auth/login", &body).await;
    assert_eq!(status, 503, "{login}");
    let login: Value = serde_json::from_str(&login).unwrap();
    let (status, booking) = client.book("key", &client.body(0)).await.unwrap();
    assert_eq!(status, 500, "{booking}");
    for answer in [&login, &booking] {
        assert!(!answer.to_string().contains("gone_"), "{answer}");
        assert!(!answer.to_string().contains("no such table"), "{answer}");
    }
    server.stop().await;

    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["level"] == "ERROR")
        .collect();
    let of = |field: &str, answer: &Value| -> &Value {
        let line = lines.iter().find(|line| line[field] == answer["instance"]);
        line.unwrap_or_else(|| panic!("{answer} in {log}"))
    };
    let cause = &of("request_id", &login)["cause"];
    assert!(cause.as_str().unwrap().contains("no such table"), "{cause}");
    let error = &of("requests", &booking)["error"];
    assert!(error.as_str().unwrap().contains("no such table"), "{error}");
}
