//! `/v1/admin/ingest/sources`

use airside_common::ingest::SourceName;
use airside_server::features::ingest::store::ConfiguredSource;
use serde_json::Value;

use crate::app::TestApp;

const SOURCES: &str = "/v1/admin/ingest/sources";

async fn with_source() -> TestApp {
    let app = TestApp::new().await;
    let name: SourceName = "partner".parse().unwrap();
    let source = ConfiguredSource {
        name,
        address: "ftp://airside:***@partner.example/out".to_owned(),
    };
    app.app.database.attend(&[source]).await.unwrap();
    app
}

#[tokio::test]
async fn an_admin_sees_pauses_resumes_and_polls_sources() {
    let app = with_source().await;
    let admin = app.admin().await;
    let list = admin.get(SOURCES).await.json();
    insta::assert_json_snapshot!(list, @r#"
    {
      "items": [
        {
          "address": "ftp://airside:***@partner.example/out",
          "files_refused": 0,
          "files_taken": 0,
          "files_waiting": 0,
          "last_error": null,
          "last_error_at": null,
          "last_poll": null,
          "name": "partner",
          "next_poll": null,
          "state": "idle"
        }
      ],
      "next_cursor": null
    }
    "#);
    let post = async |what: &str| {
        let path = format!("{SOURCES}/partner/{what}");
        admin.post(&path, &[], None).await
    };
    let polled: Value = post("poll").await.json();
    assert!(polled["next_poll"].is_string(), "{polled}");
    let paused: Value = post("pause").await.json();
    assert_eq!(paused["state"], "paused");
    assert_eq!(post("poll").await.verdict(), "409 conflict");
    let resumed: Value = post("resume").await.json();
    assert_eq!(resumed["state"], "idle");
    let log = admin.get("/v1/admin/audit").await.json();
    let acts: Vec<_> = log["items"].as_array().unwrap().iter().take(3).collect();
    let actions: Vec<_> = acts
        .iter()
        .map(|act| act["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["ingest.resumed", "ingest.paused", "ingest.polled"]
    );
    assert!(acts.iter().all(|act| act["target"] == "partner"));
}

#[tokio::test]
async fn what_there_is_not_is_not_found_and_agents_are_kept_out() {
    let app = with_source().await;
    let admin = app.admin().await;
    let agent = app.agent().await;
    assert_eq!(agent.get(SOURCES).await.verdict(), "403 forbidden");
    for what in ["pause", "resume", "poll"] {
        for name in ["nobody", "No%20name", "%1b"] {
            let path = format!("{SOURCES}/{name}/{what}");
            let answer = admin.post(&path, &[], None).await;
            assert_eq!(answer.verdict(), "404 not_found", "{path}");
        }
        let path = format!("{SOURCES}/partner/{what}");
        let answer = agent.post(&path, &[], None).await;
        assert_eq!(answer.verdict(), "403 forbidden");
    }
}
