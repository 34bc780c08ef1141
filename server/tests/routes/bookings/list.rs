use airside_common::user::Role;
use serde_json::json;

use super::{one_adult, with};
use crate::app::{TestApp, TestUser};

async fn keys(user: &TestUser<'_>, query: &str) -> Vec<String> {
    let answer = user.get(&format!("/v1/bookings{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let page = answer.json();
    let names = |b: &serde_json::Value| b["passengers"][0]["surname"].as_str().unwrap().to_owned();
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(names)
        .collect()
}

#[tokio::test]
async fn a_list_shows_the_own_offices_and_is_filtered() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let stranger = app.user("stranger", Role::Agent, "LON1A0001").await;
    let admin = app.user("admin", Role::Admin, "LON1A0001").await;
    // 47451 days after 1970-01-01 is 1 December 2099.
    let day = 47_451_i64 << 32;
    app.flight(day | 1, 1545, 10).await;
    app.flight(day | 2, 7, 10).await;
    let named = |flight: i64, surname: &str| {
        with(
            day | flight,
            &json!({"passengers": [{"given_name": "A", "surname": surname, "type": "adult"}]}),
        )
    };
    agent.book("a", &named(1, "One")).await;
    agent.book("b", &named(2, "Two")).await;
    stranger.book("a", &named(1, "Three")).await;

    assert_eq!(keys(&agent, "").await, ["Two", "One"]);
    assert_eq!(keys(&stranger, "").await, ["Three"]);
    assert_eq!(keys(&admin, "").await, ["Three", "Two", "One"]);
    assert_eq!(keys(&agent, "?surname=ONE").await, ["One"]);
    assert_eq!(keys(&agent, "?surname=Three").await, [""; 0]);
    assert_eq!(keys(&agent, "?flight=UA1545").await, ["One"]);
    assert_eq!(keys(&agent, "?flight=ua0007").await, ["Two"]);
    assert_eq!(keys(&agent, "?date=2099-12-01").await, ["Two", "One"]);
    assert_eq!(keys(&agent, "?date=2099-12-02").await, [""; 0]);
    assert_eq!(keys(&agent, "?flight=UA7&date=2099-12-01").await, ["Two"]);
    assert_eq!(keys(&agent, "?status=cancelled").await, [""; 0]);
    assert_eq!(keys(&agent, "?operation=a").await, ["One"]);
    assert_eq!(keys(&stranger, "?operation=b").await, [""; 0]);
    for (query, field) in [
        ("?flight=1545", "flight"),
        ("?flight=U", "flight"),
        ("?cursor=x", "cursor"),
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
    ] {
        let answer = agent.get(&format!("/v1/bookings{query}")).await;
        assert_eq!(answer.verdict(), format!("422 {field}"));
    }

    let path = format!("/v1/admin/flights/{}/bookings", day | 1);
    let of_flight = admin.get(&path).await.json();
    assert_eq!(of_flight["items"].as_array().unwrap().len(), 2);
    assert_eq!(agent.get(&path).await.verdict(), "403 forbidden");
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 10).await;
    for n in 0..5 {
        agent.book(&format!("key-{n}"), &one_adult(1)).await;
    }
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    for _ in 0..3 {
        let page = agent.get(&format!("/v1/bookings{query}")).await.json();
        for booking in page["items"].as_array().unwrap() {
            seen.push(booking["operation"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
            None => query.clear(),
        }
    }
    assert_eq!(seen, ["key-4", "key-3", "key-2", "key-1", "key-0"]);
    assert_eq!(query, "", "the last page says that it is the last");
}
