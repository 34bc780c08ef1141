//! What every database must do with figures.

use airside_common::airport::AirportCode;
use airside_common::api::bookings::Booking;
use airside_common::booking::SegmentStatus;
use airside_common::event::{Event, Unserved};
use airside_common::flight::Cabin;
use airside_common::time::CalendarDate;

use super::*;
use crate::bus::Envelope;
use crate::features::analytics::consumers::BINDING;
use crate::features::bookings::command::{Command, Outcome};
use crate::features::bookings::decide::holds_seats;
use crate::features::bookings::store::contract::schedule;
use crate::features::bookings::store::{BookingStore, contract};
use crate::features::flights::store::FlightStore;
use crate::features::search::store::SearchStore;
use crate::outbox::Outbox;
use crate::store::Database;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{agent, flight, now};

const ALWAYS: Period = Period {
    from: Date::constant(2000, 1, 1),
    to: Date::constant(2200, 1, 1),
};

async fn carry_out(store: &impl BookingStore, command: Command) -> Booking {
    let outcome = store.execute(&[command]).await.unwrap().pop().unwrap();
    match outcome {
        Outcome::Answered(answer) => serde_json::from_str(&answer.body).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// All that happened and that the consumer is told of, as messages.
async fn messages(store: &impl Outbox) -> Vec<Delivery> {
    let page = store.read_after(0, 1_000).await.unwrap();
    let delivery = |envelope: Envelope| Delivery {
        consumer: BINDING.consumer,
        envelope,
    };
    page.events
        .into_iter()
        .map(|event| delivery(event.unwrap()))
        .filter(|delivery| BINDING.takes(delivery.envelope.event.kind()))
        .collect()
}

/// Sums over all days.
async fn sums(store: &impl AnalyticsStore, by: GroupBy) -> Vec<SalesSum> {
    store.sales(ALWAYS, by, None, 100).await.unwrap()
}

/// Ten bookings of one to three people on one or two flights, every third of them cancelled; and all of them as they are.
async fn some_sales<D: Database>(store: &D) -> Vec<Booking> {
    let ada = agent(store, "ada").await;
    let (first, second) = (
        flight(store, 1, 100).await.id,
        flight(store, 2, 100).await.id,
    );
    let mut bookings = Vec::new();
    for n in 0..10_usize {
        let key = format!("key-{n}");
        let flight = if n % 2 == 0 { first } else { second };
        let person = serde_json::json!({"given_name": "Ada", "surname": "Byron", "type": "adult"});
        let create = contract::create(&ada, &key, flight.raw(), |body| {
            body["passengers"] = vec![person.clone(); 1 + n % 3].into();
        });
        let mut booking = carry_out(store, create).await;
        if n % 3 == 0 {
            let key = format!("cancel-{n}");
            let cancel = contract::cancel(&ada, &key, booking.locator, booking.version);
            booking = carry_out(store, cancel).await;
        }
        bookings.push(booking);
    }
    bookings
}

/// Seats and minor units that were booked, and that were cancelled.
fn expected(bookings: &[Booking]) -> (u64, i64, u64, i64) {
    let mut all = (0, 0, 0, 0);
    for booking in bookings {
        let seats = u64::try_from(booking.passengers.len() * booking.segments.len()).unwrap();
        all.0 += seats;
        all.1 += booking.total.minor();
        if booking.status == airside_common::booking::BookingStatus::Cancelled {
            all.2 += seats;
            all.3 += booking.total.minor();
        }
    }
    all
}

fn total(sums: &[SalesSum]) -> (u64, i64, u64, i64) {
    sums.iter().fold((0, 0, 0, 0), |all, sum| {
        (
            all.0 + sum.booked,
            all.1 + sum.revenue,
            all.2 + sum.cancelled,
            all.3 + sum.refunded,
        )
    })
}

pub(crate) async fn figures_are_those_of_the_bookings(fixture: &impl Fixture) {
    let store = fixture.database();
    let bookings = some_sales(store).await;
    assert!(
        sums(store, GroupBy::Day).await.is_empty(),
        "nobody was told yet"
    );
    let mut told = messages(store).await;
    // In any order, and again and again.
    told.reverse();
    for part in told.chunks(3) {
        store.count(part).await.unwrap();
    }
    for by in [
        GroupBy::Day,
        GroupBy::Route,
        GroupBy::Carrier,
        GroupBy::Cabin,
    ] {
        assert_eq!(total(&sums(store, by).await), expected(&bookings), "{by:?}");
    }
    let counted = sums(store, GroupBy::Day).await;
    told.reverse();
    store.count(&told).await.unwrap();
    assert_eq!(sums(store, GroupBy::Day).await, counted);
    let routes = sums(store, GroupBy::Route).await;
    let cabins = sums(store, GroupBy::Cabin).await;
    assert_eq!((routes.len(), cabins.len()), (1, 1));
    assert_eq!(cabins[0].key, "economy");
    assert!(routes[0].key.len() == 7 && routes[0].lead_days > 0);
}

pub(crate) async fn they_are_made_anew_from_the_bookings(fixture: &impl Fixture) {
    let store = fixture.database();
    let bookings = some_sales(store).await;
    let mut behind = i64::MIN;
    let mut steps = 0;
    while let Some(last) = store.recount(behind, 4).await.unwrap() {
        assert!(last > behind);
        (behind, steps) = (last, steps + 1);
    }
    assert_eq!(steps, 3, "of ten bookings");
    let made = sums(store, GroupBy::Day).await;
    assert_eq!(total(&made), expected(&bookings));
    // The same as by events.
    store.count(&messages(store).await).await.unwrap();
    assert_eq!(sums(store, GroupBy::Day).await, made);
}

pub(crate) async fn who_waits_has_bought_nothing(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let full = flight(store, 1, 1).await.id;
    let first = carry_out(store, contract::create(&ada, "first", full.raw(), |_| {})).await;
    let wait = |body: &mut serde_json::Value| body["waitlist"] = true.into();
    let waits = carry_out(store, contract::create(&ada, "waits", full.raw(), wait)).await;
    let leaves = carry_out(store, contract::create(&ada, "leaves", full.raw(), wait)).await;
    let seats = async || {
        store.count(&messages(store).await).await.unwrap();
        let (booked, _, cancelled, _) = total(&sums(store, GroupBy::Day).await);
        (booked, cancelled)
    };
    assert_eq!(seats().await, (1, 0));
    carry_out(
        store,
        contract::cancel(&ada, "leave", leaves.locator, leaves.version),
    )
    .await;
    assert_eq!(seats().await, (1, 0), "whoever left had nothing");
    carry_out(
        store,
        contract::cancel(&ada, "cancel", first.locator, first.version),
    )
    .await;
    assert_eq!(seats().await, (2, 1), "whoever waited has it now");
    let cleared = store.booking(waits.locator).await.unwrap().unwrap().booking;
    carry_out(
        store,
        contract::cancel(&ada, "too", cleared.locator, cleared.version),
    )
    .await;
    let told = seats().await;
    assert_eq!(told, (2, 2));
    store.recount(i64::MIN, 100).await.unwrap();
    assert_eq!(seats().await, told);
}

pub(crate) async fn sums_are_paged(fixture: &impl Fixture) {
    let store = fixture.database();
    some_sales(store).await;
    store.count(&messages(store).await).await.unwrap();
    let all = sums(store, GroupBy::Day).await;
    let mut found = Vec::new();
    let mut behind = None;
    loop {
        let page = store
            .sales(ALWAYS, GroupBy::Day, behind.as_ref(), 1)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        behind = Some(SalesPosition {
            key: last.key.clone(),
            currency: last.currency.code().to_owned(),
        });
        found.extend(page);
    }
    assert_eq!(found, all);
    let before = Period {
        to: Date::constant(2000, 1, 2),
        ..ALWAYS
    };
    assert!(
        store
            .sales(before, GroupBy::Day, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn flights_are_as_full_as_they_are_sold(fixture: &impl Fixture) {
    let store = fixture.database();
    some_sales(store).await;
    store.count(&messages(store).await).await.unwrap();
    let date = Date::constant(2099, 12, 7);
    let loads = store.load_factors(date, None, 10).await.unwrap();
    assert_eq!(loads.len(), 2);
    for load in &loads {
        let flight = store.flight(load.flight_id).await.unwrap().unwrap();
        assert_eq!(load.booked, flight.sold.iter().sum::<u32>());
        assert_eq!(load.capacity, flight.plan.capacities().iter().sum::<u32>());
        assert!(load.booked > 0);
        let factor = f64::from(load.booked) / f64::from(load.capacity);
        assert!((load.load_factor - factor).abs() < 1e-9);
    }
    let first = Some(loads[0].flight_id);
    assert_eq!(
        store.load_factors(date, first, 10).await.unwrap(),
        loads[1..]
    );
    let other = Date::constant(2099, 12, 8);
    assert!(
        store
            .load_factors(other, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Segments that were told of changes, accepted, replaced, dropped and cancelled.
pub(crate) async fn what_was_rebooked_is_counted_as_it_is(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let (first, second) = (flight(store, 1, 6).await.id, flight(store, 2, 6).await.id);
    let made = schedule::book(store, &ada, first, 6).await;
    let dear = r#"{"cabins":[{"cabin":"economy","capacity":6,"fare":{"amount":"150.00","currency":"USD"}}]}"#;
    schedule::moved(store, second, dear).await;
    let other = serde_json::json!({"segments": [
        {"segment": 1, "replacement": {"flight_id": second.to_string(), "cabin": "economy"}}
    ]});
    let rebook = |key: &str, booking: &Booking| schedule::rebook(&ada, key, booking, &other);
    let replaced = carry_out(store, rebook("one", &made[0])).await;
    schedule::moved(store, first, r#"{"departure":"2099-12-07T08:30"}"#).await;
    assert_eq!(schedule::tell(store).await, 5);
    let accept = serde_json::json!({"segments": [{"segment": 1}]});
    let told = Booking {
        version: 2,
        ..made[1].clone()
    };
    carry_out(store, schedule::rebook(&ada, "accept", &told, &accept)).await;
    schedule::grounded(store, first).await;
    assert_eq!(schedule::tell(store).await, 5);
    let told = Booking {
        version: 3,
        ..made[2].clone()
    };
    carry_out(store, rebook("two", &told)).await;
    carry_out(store, contract::cancel(&ada, "gone", made[3].locator, 3)).await;
    carry_out(
        store,
        contract::cancel(&ada, "too", replaced.locator, replaced.version),
    )
    .await;

    let mut expected = (0, 0, 0, 0);
    let mut net = 0;
    for booking in &made {
        let stored = store.booking(booking.locator).await.unwrap().unwrap();
        let segments = stored.booking.segments.iter().zip(&stored.terms);
        for (segment, terms) in segments {
            let fare = terms.fare.unwrap().minor();
            expected.0 += 1;
            expected.1 += fare;
            if matches!(segment.status, SegmentStatus::Un | SegmentStatus::Xx) {
                expected.2 += 1;
                expected.3 += fare;
            }
        }
        if stored
            .booking
            .segments
            .iter()
            .any(|s| holds_seats(s.status))
        {
            net += stored.booking.total.minor();
        }
    }
    assert_eq!(expected.0, 8, "six were booked, and two in place of others");
    assert_eq!(net, expected.1 - expected.3);
    let mut told = messages(store).await;
    told.reverse();
    for part in told.chunks(3) {
        store.count(part).await.unwrap();
    }
    let counted = sums(store, GroupBy::Day).await;
    assert_eq!(total(&counted), expected);
    for load in store
        .load_factors(Date::constant(2099, 12, 7), None, 10)
        .await
        .unwrap()
    {
        let flight = store.flight(load.flight_id).await.unwrap().unwrap();
        assert_eq!(load.booked, flight.sold.iter().sum::<u32>());
    }
    // The same from the bookings alone.
    store.recount(i64::MIN, 100).await.unwrap();
    assert_eq!(sums(store, GroupBy::Day).await, counted);
}

pub(crate) async fn searches_without_seats_are_counted(fixture: &impl Fixture) {
    let store = fixture.database();
    let code = |text: &str| -> AirportCode { text.parse().unwrap() };
    let wish = |to, cabin, count| Unserved {
        origin: code("JFK"),
        destination: code(to),
        cabin,
        count,
    };
    let day = CalendarDate(Date::constant(2026, 12, 1));
    for _ in 0..2 {
        let searches = vec![wish("LAX", Some(Cabin::First), 3), wish("ORD", None, 2)];
        store.report_unserved(day, searches, now()).await.unwrap();
    }
    let told = messages(store).await;
    assert!(matches!(
        told[0].envelope.event,
        Event::SearchesUnserved { .. }
    ));
    store.count(&told).await.unwrap();
    store.count(&told).await.unwrap();
    let found = store.unserved(ALWAYS, 10).await.unwrap();
    let listed: Vec<_> = found
        .iter()
        .map(|one| (one.destination, one.cabin, one.searches))
        .collect();
    let expected = [(code("LAX"), Some(Cabin::First), 6), (code("ORD"), None, 4)];
    assert_eq!(listed, expected);
    assert_eq!(found[0].day, day);
    assert_eq!(store.unserved(ALWAYS, 1).await.unwrap(), found[..1]);
}
