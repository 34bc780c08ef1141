//! What every store of flights must do, search's side of it included.

use super::*;
use crate::features::bookings::command::Outcome;
use crate::features::bookings::store::{BookingStore, contract as bookings};
use crate::features::flights::decide;
use crate::features::search::store::SearchStore;
use crate::features::users::store::contract::entry;
use crate::reference::reference;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{agent, flight, now};
use airside_common::api::flights::{CreateFlight, PatchFlight};

pub(crate) fn plan(number: u16, departure: &str, arrival: &str) -> FlightPlan {
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

/// The same with so many seats in economy and none elsewhere.
pub(crate) fn seats(mut plan: FlightPlan, capacity: u32) -> FlightPlan {
    let [.., economy] = plan.cabins;
    plan.cabins = [None; 4];
    plan.cabins[Cabin::Economy.index()] = economy.map(|terms| CabinTerms { capacity, ..terms });
    plan
}

fn audit() -> NewEntry {
    entry("flight.created")
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

/// One flight from its making to its end, lists of several, and what search reads of them.
pub(crate) async fn a_flight_from_its_making_to_its_end(fixture: &impl Fixture) {
    let store = fixture.database();
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

pub(crate) async fn a_number_is_listed_on_all_its_dates(fixture: &impl Fixture) {
    let store = fixture.database();
    let dates = ["2026-12-07", "2026-12-09", "2027-01-01"];
    let rows: Vec<PlannedRow> = dates
        .iter()
        .flat_map(|date| [(1, date), (2, date)])
        .zip(1..)
        .map(|((number, date), line)| PlannedRow {
            unsaid: Unsaid::Nothing,
            line,
            plan: plan(number, &format!("{date}T08:00"), &format!("{date}T11:00")),
        })
        .collect();
    store.add_missing(&rows, now()).await.unwrap();
    let listed = async |date: Option<&str>, after| -> Vec<FlightRecord> {
        let filter = FlightFilter {
            carrier: Some("UA".parse().unwrap()),
            number: Some("2".parse().unwrap()),
            date: date.map(|date| date.parse().unwrap()),
            ..FlightFilter::default()
        };
        store.list(&filter, after, 100).await.unwrap()
    };
    let dates_of = |found: &[FlightRecord]| -> Vec<String> {
        let date = |f: &FlightRecord| f.plan.departure.date().to_string();
        found.iter().map(date).collect()
    };
    let all = listed(None, None).await;
    assert_eq!(dates_of(&all), dates);
    assert!(all.iter().all(|flight| flight.plan.number.get() == 2));
    assert_eq!(dates_of(&listed(Some(dates[1]), None).await), [dates[1]]);
    let first = FlightPosition {
        departure: all[0].plan.departure.instant().as_microsecond(),
        id: all[0].id,
    };
    assert_eq!(dates_of(&listed(None, Some(first)).await), dates[1..]);
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
            unsaid: Unsaid::Nothing,
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

pub(crate) async fn a_natural_key_is_taken_once(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    for number in 1..=8 {
        let plan = plan(number, "2026-12-07T08:00", "2026-12-07T11:00");
        let (first, second) = tokio::join!(
            here.create(plan.clone(), now(), audit()),
            there.create(plan.clone(), now(), audit())
        );
        let (made, refused) = if first.is_ok() {
            (first, second)
        } else {
            (second, first)
        };
        let made = made.unwrap();
        assert!(matches!(refused, Err(FlightStoreError::AlreadyExists(id)) if id == made.id));
    }
    // Another day, another flight; a cancelled one keeps its key.
    let monday = plan(1, "2026-12-07T08:00", "2026-12-07T11:00");
    let found = here.create(monday, now(), audit()).await;
    let Err(FlightStoreError::AlreadyExists(id)) = found else {
        panic!("{found:?}");
    };
    here.cancel(id, 1, now(), audit()).await.unwrap();
    let monday = plan(1, "2026-12-07T09:00", "2026-12-07T12:00");
    let again = here.create(monday, now(), audit()).await;
    assert!(matches!(again, Err(FlightStoreError::AlreadyExists(other)) if other == id));
    let tuesday = plan(1, "2026-12-08T08:00", "2026-12-08T11:00");
    here.create(tuesday, now(), audit()).await.unwrap();
}

pub(crate) async fn a_merge_tells_what_became_of_each_row(fixture: &impl Fixture) {
    let store = fixture.database();
    let row = |number: u16, hour: u8, line| PlannedRow {
        unsaid: Unsaid::Nothing,
        line,
        plan: plan(
            number,
            &format!("2026-12-07T{hour:02}:00"),
            "2026-12-07T11:00",
        ),
    };
    let first = [row(1, 8, 2), row(2, 8, 3)];
    let merged = store.merge(&first, Expect::New, now()).await.unwrap();
    assert_eq!(merged, [RowOutcome::Created, RowOutcome::Created]);
    for expect in [Expect::New, Expect::Known] {
        let again = store.merge(&first, expect, now()).await.unwrap();
        assert_eq!(again, [RowOutcome::Unchanged, RowOutcome::Unchanged]);
    }
    let second = [row(3, 8, 2), row(2, 9, 3), row(1, 8, 4)];
    let merged = store.merge(&second, Expect::Known, now()).await.unwrap();
    assert_eq!(
        merged,
        [
            RowOutcome::Created,
            RowOutcome::Updated,
            RowOutcome::Unchanged
        ]
    );
    let third = [row(4, 9, 2), row(2, 10, 3), row(1, 8, 4)];
    let merged = store.merge(&third, Expect::New, now()).await.unwrap();
    assert_eq!(
        merged,
        [
            RowOutcome::Created,
            RowOutcome::Updated,
            RowOutcome::Unchanged
        ]
    );
    let all = store
        .list(&FlightFilter::default(), None, 10)
        .await
        .unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|f| (f.plan.number.get(), f.version))
        .collect();
    assert_eq!(
        seen,
        [(1, 1), (3, 1), (4, 1), (2, 3)],
        "by departure, then by identity"
    );
    assert_eq!(store.merge(&[], Expect::New, now()).await.unwrap(), []);
}

/// What was sold stays sold whatever an admin or a file says, and one look shows one state.
pub(crate) async fn sold_seats_bind_what_may_change(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let made = flight(store, 1, 10).await;
    let commands: Vec<_> = (0..4)
        .map(|n| {
            bookings::create(&ada, &format!("key-{n}"), made.id.raw(), |body| {
                body["seats"] = serde_json::json!([
                    {"segment": 1, "passenger": 1, "seat": format!("1{}", ["A", "B", "C", "D"][n])}
                ]);
            })
        })
        .collect();
    let outcomes = store.execute(&commands).await.unwrap();
    for outcome in outcomes {
        assert!(matches!(outcome, Outcome::Answered(answer) if answer.status == 201));
    }
    let facts = store.facts(made.id).await.unwrap().unwrap();
    assert_eq!((facts.bookings, facts.flight.sold), (4, [0, 0, 0, 4]));
    let mut chosen: Vec<String> = facts.chosen.iter().map(|(s, _)| s.to_string()).collect();
    chosen.sort();
    assert_eq!(chosen, ["1A", "1B", "1C", "1D"]);
    let offers = store.offers(&[made.id]).await.unwrap();
    assert_eq!(offers[0].cabins[3].unwrap().capacity, 6, "what is left");

    for patch in [
        r#"{"aircraft":"320"}"#,
        r#"{"cabins":[{"cabin":"economy","capacity":3,"fare":{"amount":"99.50","currency":"USD"}}]}"#,
    ] {
        let refused = change(store, &made, patch).await;
        assert!(
            matches!(refused, Err(FlightStoreError::Refused(_))),
            "{patch}"
        );
    }
    let smaller = PlannedRow {
        unsaid: Unsaid::Nothing,
        line: 2,
        plan: seats(made.plan.clone(), 3),
    };
    store.merge(&[smaller], Expect::Known, now()).await.unwrap();
    let after = store.flight(made.id).await.unwrap().unwrap();
    assert_eq!(after.sold, [0, 0, 0, 4]);
    assert!(after.plan.capacities()[3] >= 4);
    assert_eq!(store.violations().await.unwrap(), []);
}

/// What a file does not say stays as it is; a new flight gets what the plan has for it, or is not made.
pub(crate) async fn what_a_row_leaves_unsaid_stays(fixture: &impl Fixture) {
    let store = fixture.database();
    let unpriced = Unsaid::Fares {
        missing: [true, false, false, true],
    };
    let priced = Unsaid::Fares {
        missing: [false; 4],
    };
    for (expect, number) in [(Expect::New, 10), (Expect::Known, 20)] {
        let plan = |number| plan(number, "2026-12-07T08:00", "2026-12-07T11:00");
        let made = store.create(plan(number), now(), audit()).await.unwrap();
        let mut other = made.plan.clone();
        other.aircraft = "EQV".parse().unwrap();
        for cabin in other.cabins.iter_mut().flatten() {
            cabin.fare = airside_common::money::Money::from_minor(0, cabin.fare.currency());
        }
        let row = |plan: FlightPlan, number: u16, unsaid| PlannedRow {
            line: u64::from(number),
            plan: FlightPlan {
                number: airside_common::flight::FlightNumber::new(number).unwrap(),
                ..plan
            },
            unsaid,
        };
        let rows = [
            row(other.clone(), number, unpriced),
            row(plan(number), number + 1, unpriced),
            row(plan(number), number + 2, priced),
            row(other.clone(), number + 3, Unsaid::Aircraft),
        ];
        let merged = store.merge(&rows, expect, now()).await.unwrap();
        assert!(
            matches!(
                merged[..],
                [
                    RowOutcome::Updated,
                    RowOutcome::Rejected(_),
                    RowOutcome::Created,
                    RowOutcome::Created
                ]
            ),
            "{merged:?}"
        );
        let again = store.merge(&rows, expect, now()).await.unwrap();
        assert!(
            matches!(
                again[..],
                [
                    RowOutcome::Unchanged,
                    RowOutcome::Rejected(_),
                    RowOutcome::Unchanged,
                    RowOutcome::Unchanged
                ]
            ),
            "{again:?}"
        );
        let flight = store.flight(made.id).await.unwrap().unwrap();
        assert_eq!(flight.plan.cabins, made.plan.cabins, "the fares stay");
        assert_eq!(flight.plan.aircraft, other.aircraft);
        let rows = [row(made.plan.clone(), number, Unsaid::Aircraft)];
        let merged = store.merge(&rows, expect, now()).await.unwrap();
        assert_eq!(merged, [RowOutcome::Unchanged], "the aircraft stays");
    }
}
