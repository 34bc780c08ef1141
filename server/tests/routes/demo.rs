//! The demonstration's schedule, as an agent meets it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use airside_common::api::search::{ItineraryPage, ItineraryQuery};
use airside_server::clock::SystemClock;
use airside_server::config::Settings;
use airside_server::demo;
use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::json;

use crate::app::TestApp;

/// Flights that depart sooner may be gone before they are asked for.
const LEAD: SignedDuration = SignedDuration::from_hours(2);

type Row = (i64, String, String, String, String);

#[tokio::test]
async fn every_future_flight_can_be_found_and_booked() {
    let app = TestApp::with(Settings::default(), Arc::new(SystemClock)).await;
    demo::top_up(&*app.app.database, &SystemClock)
        .await
        .unwrap();
    app.search.load().await.unwrap();
    let future: Vec<Row> = sqlx::query_as(
        "SELECT id, carrier, origin, destination, departure_date FROM flights WHERE departure > ?1 ORDER BY departure",
    )
    .bind((Timestamp::now() + LEAD).as_microsecond())
    .fetch_all(&app.database)
    .await
    .unwrap();
    assert!(future.len() > 90_000, "{}", future.len());

    let mut routes: BTreeMap<(&str, &str), BTreeSet<i64>> = BTreeMap::new();
    for (id, _, origin, destination, _) in &future {
        let route = routes.entry((origin, destination)).or_default();
        route.insert(*id);
    }
    let dates = || future.iter().map(|row| row.4.parse::<Date>().unwrap());
    let (first, last) = (dates().min().unwrap(), dates().max().unwrap());
    // A text that stands for a query and no other.
    let text = |query: &ItineraryQuery| format!("{query:?}");
    for ((origin, destination), mut flights) in routes {
        // Seven days an answer.
        let mut date = first.saturating_add(Span::new().days(3));
        while date <= last.saturating_add(Span::new().days(3)) {
            let mut query: ItineraryQuery = serde_json::from_value(json!({
                "origin": origin, "destination": destination, "date": date.to_string(),
                "flexible_days": 3, "max_stops": 0, "limit": 100,
            }))
            .unwrap();
            loop {
                let answer = app.search.answer(&text(&query), &query).await.unwrap();
                let page: ItineraryPage = serde_json::from_slice(&answer.bytes).unwrap();
                for itinerary in &page.items {
                    assert!(itinerary.total.is_some(), "{itinerary:?}");
                    flights.remove(&itinerary.segments[0].flight_id.raw());
                }
                query.cursor = page.next_cursor;
                if query.cursor.is_none() {
                    break;
                }
            }
            date = date.saturating_add(Span::new().days(7));
        }
        assert!(flights.is_empty(), "{origin} {destination}: {flights:?}");
    }

    // One of each carrier, one of each day.
    let mut seen = BTreeSet::new();
    let is_new = |row: &&Row| {
        let of_carrier = seen.insert(row.1.clone());
        seen.insert(row.4.clone()) || of_carrier
    };
    let agent = app.agent().await;
    let sample: Vec<&Row> = future.iter().filter(is_new).collect();
    assert!(sample.len() >= 56, "{}", sample.len());
    for (id, ..) in sample {
        let body = json!({
            "segments": [{"flight_id": id.to_string(), "cabin": "economy"}],
            "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
            "contact": {"phone": "212-5550100"},
        });
        let booked = agent.book(&format!("flight-{id}"), &body).await;
        assert_eq!(booked.verdict(), "201");
    }
    app.check().await;
}
