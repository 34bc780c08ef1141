//! What every store of flights must do, search's side of it included.

use super::*;
use crate::features::flights::decide;
use crate::features::search::store::SearchStore;
use crate::reference::reference;
use airside_common::api::flights::{CreateFlight, PatchFlight};

fn plan(number: u16, departure: &str, arrival: &str) -> FlightPlan {
    let asked: CreateFlight = serde_json::from_value(serde_json::json!({
        "carrier": "UA", "number": number, "origin": "JFK", "destination": "LAX",
        "departure": departure, "arrival": arrival, "aircraft": "738",
        "cabins": [
            {"cabin": "economy", "capacity": 150, "fare": {"amount": "99.50", "currency": "USD"}},
            {"cabin": "first", "capacity": 8, "fare": {"amount": "500.00", "currency": "USD"}},
        ],
    }))
    .unwrap();
    decide::create(reference(), &asked).unwrap()
}

fn audit() -> NewEntry {
    NewEntry {
        user: "admin".to_owned(),
        request_id: "1".to_owned(),
        action: "flight.created",
        target: String::new(),
        outcome: "ok".to_owned(),
    }
}

fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

async fn change(
    store: &dyn FlightStore,
    flight: &FlightRecord,
    patch: &str,
) -> Result<FlightRecord, FlightStoreError> {
    let patch: PatchFlight = serde_json::from_str(patch).unwrap();
    let change = FlightChange {
        id: flight.id,
        version: flight.version,
        patch,
    };
    store.change(change, now(), audit()).await
}

/// One flight from its making to its end, and lists of several.
pub(crate) async fn holds(store: &(impl FlightStore + SearchStore)) {
    let first = plan(1, "2026-12-07T08:00", "2026-12-07T11:00");
    let made = store.create(first.clone(), now(), audit()).await.unwrap();
    assert_eq!((&made.plan, made.version, made.sold), (&first, 1, [0; 4]));
    let again = store.create(first, now(), audit()).await;
    assert!(matches!(again, Err(FlightStoreError::AlreadyExists(id)) if id == made.id));
    assert_eq!(made.id.raw() >> 32, 20_794, "the day is in the identity");

    changes(store, &made).await;
    lists(store).await;
    searches(store).await;
}

async fn changes(store: &impl FlightStore, made: &FlightRecord) {
    let later = r#"{"departure":"2026-12-07T09:00","cabins":[{"cabin":"first","capacity":10,
                    "fare":{"amount":"1.00","currency":"USD"}}]}"#;
    let changed = change(store, made, later).await.unwrap();
    assert_eq!(changed.version, 2);
    assert_eq!(
        changed.plan.departure.to_string(),
        "2026-12-07T09:00:00-05:00"
    );
    assert_eq!(changed.plan.capacities(), [10, 0, 0, 150]);
    assert_eq!(
        store.flight(made.id).await.unwrap().as_ref(),
        Some(&changed)
    );
    let facts = store.facts(made.id).await.unwrap().unwrap();
    assert_eq!((facts.flight, facts.bookings), (changed.clone(), 0));

    let stale = change(store, made, later).await;
    assert!(matches!(stale, Err(FlightStoreError::Stale { current: 2 })));
    let same = change(store, &changed, later).await.unwrap();
    assert_eq!(same.version, 2, "nothing changed");
    let wrong = change(store, &changed, r#"{"arrival":"2026-12-07T01:00"}"#).await;
    assert!(matches!(wrong, Err(FlightStoreError::Refused(_))));
    let unknown = FlightId::new(1, 1);
    assert_eq!(store.flight(unknown).await.unwrap(), None);
    let gone = store.cancel(unknown, 1, now(), audit()).await;
    assert!(matches!(gone, Err(FlightStoreError::NotFound)));

    let cancelled = store.cancel(made.id, 2, now(), audit()).await.unwrap();
    assert_eq!(
        (cancelled.status, cancelled.version),
        (FlightStatus::Cancelled, 3)
    );
    let twice = store.cancel(made.id, 3, now(), audit()).await.unwrap();
    assert_eq!(twice.version, 3);
}

async fn lists(store: &impl FlightStore) {
    let rows: Vec<PlannedRow> = (2..=6)
        .map(|number| PlannedRow {
            line: u64::from(number),
            plan: plan(number, "2026-12-08T08:00", "2026-12-08T11:00"),
        })
        .collect();
    assert!(matches!(
        store.add_missing(&rows, now()).await.unwrap()[..],
        [RowOutcome::Created, ..]
    ));
    let again = store.add_missing(&rows, now()).await.unwrap();
    assert!(
        again
            .iter()
            .all(|outcome| *outcome == RowOutcome::Unchanged)
    );

    let of = |filter: FlightFilter| async move {
        let found = store.list(&filter, None, 100).await.unwrap();
        found
            .iter()
            .map(|f| f.plan.number.get())
            .collect::<Vec<_>>()
    };
    let none = FlightFilter::default;
    assert_eq!(of(none()).await, [1, 2, 3, 4, 5, 6]);
    let origin = Some("JFK".parse().unwrap());
    let destination = Some("JFK".parse().unwrap());
    assert_eq!(of(FlightFilter { origin, ..none() }).await.len(), 6);
    assert_eq!(
        of(FlightFilter {
            destination,
            ..none()
        })
        .await
        .len(),
        0
    );
    let date = Some("2026-12-07".parse().unwrap());
    assert_eq!(of(FlightFilter { date, ..none() }).await, [1]);
    let number = Some("4".parse().unwrap());
    let carrier = Some("UA".parse().unwrap());
    assert_eq!(
        of(FlightFilter {
            carrier,
            number,
            ..none()
        })
        .await,
        [4]
    );
    let status = Some(FlightStatus::Cancelled);
    assert_eq!(of(FlightFilter { status, ..none() }).await, [1]);

    let mut after = None;
    let mut paged = Vec::new();
    for _ in 0..4 {
        let page = store.list(&none(), after, 2).await.unwrap();
        after = page.last().map(|last| FlightPosition {
            departure: last.plan.departure.instant().as_microsecond(),
            id: last.id,
        });
        paged.extend(page.iter().map(|f| f.plan.number.get()));
        if page.is_empty() {
            break;
        }
    }
    assert_eq!(paged, [1, 2, 3, 4, 5, 6]);
}

async fn searches(store: &impl SearchStore) {
    let start = FlightId::from_raw(i64::MIN);
    let first = store.schedule(now(), start, 3).await.unwrap();
    let rest = store.schedule(now(), first[2].id, 3).await.unwrap();
    let numbers: Vec<u16> = first.iter().chain(&rest).map(|f| f.number.get()).collect();
    assert_eq!(
        numbers,
        [2, 3, 4, 5, 6],
        "the cancelled one does not operate"
    );
    let versions = store.versions(now(), start, 100).await.unwrap();
    let expected: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|f| (f.id, f.version))
        .collect();
    assert_eq!(versions, expected);
    let late = "2026-12-09T00:00:00Z".parse().unwrap();
    assert!(store.schedule(late, start, 100).await.unwrap().is_empty());

    let cancelled = FlightId::new(20_794, 1);
    let named = store.scheduled(&[first[0].id, cancelled]).await.unwrap();
    assert_eq!(named, first[..1]);
    let offers = store.offers(&[first[0].id, cancelled]).await.unwrap();
    assert_eq!(offers.len(), 2);
    let economy = offers.iter().find(|o| o.id == first[0].id).unwrap().cabins[3].unwrap();
    assert_eq!((economy.capacity, economy.fare.minor()), (150, 9_950));
}
