//! What only its owner may read, and what is written nowhere.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::process::{PASSWORD, Place};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_for_its_owner_alone() {
    let place = Place::new(1, 10).await;
    let server = place.start().await;
    server.login("ada").await;
    let folder = place.data();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut names = Vec::new();
    let keys = folder.join("signing-keys");
    for folder in [&folder, &keys] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), expected, "{}", path.display());
            names.push(path.file_name().unwrap().to_owned());
        }
    }
    let extensions = names.iter().filter_map(|name| Path::new(name).extension());
    assert_eq!(extensions.filter(|it| *it == "key").count(), 1);
    for name in ["airside.db", "airside.db-wal", "signing-keys"] {
        assert!(names.iter().any(|n| n == name), "{name}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_gets_into_the_log_or_an_error() {
    const WRONG: &str = "a wrong sentence of somebody";
    const NEW: &str = "a new sentence by an admin";
    let place = Place::new(1, 10).await;
    let arguments = [
        "user",
        "add",
        "root",
        "--role",
        "admin",
        "--office",
        "NYC1A0001",
    ];
    let made = place.run(&arguments, &format!("{PASSWORD}\n")).await;
    assert!(made.status.success(), "{made:?}");
    for format in ["text", "json"] {
        let log = place.data().with_file_name(format!("{format}.log"));
        let script = format!("exec \"$@\" 2>{}", log.display());
        let format = format!("AIRSIDE_LOG_FORMAT={format}");
        let environment = ["AIRSIDE_LOG_LEVEL=trace", "AIRSIDE_LOG_REQUESTS=all"];
        let mut wrapper = vec!["sh", "-c", &script, "sh", "env", &format];
        wrapper.extend(environment);
        let server = place.start_through(&wrapper).await;
        let (ada, root) = (server.login("ada").await, server.login("root").await);
        let mut secrets = vec![
            PASSWORD.to_owned(),
            WRONG.to_owned(),
            "2718281828".to_owned(),
            NEW.to_owned(),
            ada.token.clone(),
            ada.refresh_token.clone(),
            root.token.clone(),
            root.refresh_token.clone(),
        ];
        let mut said = String::new();
        for body in [
            json!({"username": "ada", "password": WRONG}),
            json!({"username": "ada", "password": {"text": WRONG}}),
            json!({"username": "ada", "password": 2_718_281_828_i64}),
            json!({"username": "ada", "password": WRONG, "extra": NEW}),
        ] {
            said += &ada.answer("/v1/auth/login", &body).await.1;
        }
        let path = format!("/v1/admin/users?cursor={WRONG}");
        let (status, _) = root.get(&path).await;
        assert_eq!(status, 200);
        let new =
            json!({"username": "eva", "password": NEW, "role": "agent", "office": "NYC1A0001"});
        said += &root.answer("/v1/admin/users", &new).await.1;
        let weak =
            json!({"username": "eva", "password": "weak!", "role": "agent", "office": "NYC1A0001"});
        said += &root.answer("/v1/admin/users", &weak).await.1;
        let token = json!({"refresh_token": ada.refresh_token});
        let (_, pair) = ada.answer("/v1/auth/refresh", &token).await;
        let pair: serde_json::Value = serde_json::from_str(&pair).unwrap();
        for name in ["access_token", "refresh_token"] {
            secrets.push(pair[name].as_str().unwrap().to_owned());
        }
        // Shown a second time.
        said += &ada.answer("/v1/auth/refresh", &token).await.1;
        server.stop().await;

        let log = std::fs::read_to_string(log).unwrap();
        assert!(
            log.contains("DEBUG") && log.contains("/v1/auth/login"),
            "{log}"
        );
        for secret in secrets {
            for part in secret.split('.').filter(|part| part.len() > 4) {
                assert!(!log.contains(part), "{part}");
                assert!(!said.contains(part), "{said}");
            }
        }
    }
}
