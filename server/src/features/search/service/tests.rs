use std::sync::atomic::{AtomicU64, Ordering};

use airside_common::event::Unserved;
use airside_common::time::CalendarDate;

use super::*;
use crate::bus::memory::MemoryBus;
use crate::bus::{Bus, Envelope};
use crate::cache::memory::MemoryCache;
use crate::clock::Clock;
use crate::features::flights::store::CabinTerms;
use crate::features::search::consumers::{follow, react};
use crate::features::search::kept::OLDEST_AVAILABILITY;
use crate::features::search::timetable::tests::{flight, named};
use airside_common::event::Event;
use airside_common::money::{Currency, Money};
use async_trait::async_trait;
use parking_lot::Mutex;
use rstest::rstest;
use tokio_util::sync::CancellationToken;

/// Noon of 2026-12-01 UTC, and so many seconds.
#[derive(Default)]
struct Noon(AtomicU64);

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        let noon: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let later = i64::try_from(self.0.load(Ordering::Relaxed)).unwrap();
        noon + jiff::SignedDuration::from_secs(later)
    }
}

/// A store in memory that counts its looks.
#[derive(Default)]
struct Shelf {
    flights: Mutex<Vec<ScheduledFlight>>,
    seats: Mutex<FxHashMap<FlightId, u32>>,
    looks: AtomicU64,
    /// Whoever has read seats waits for it before telling them.
    telling: tokio::sync::Mutex<()>,
}

#[async_trait]
impl SearchStore for Shelf {
    async fn schedule(
        &self,
        after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<ScheduledFlight>, StoreError> {
        let mut flights = self.flights.lock().clone();
        flights.retain(|f| f.id > behind && f.departure.instant() > after);
        flights.sort_by_key(|f| f.id);
        flights.truncate(limit as usize);
        Ok(flights)
    }

    async fn scheduled(&self, ids: &[FlightId]) -> Result<Vec<ScheduledFlight>, StoreError> {
        let flights = self.flights.lock().clone();
        Ok(flights
            .into_iter()
            .filter(|f| ids.contains(&f.id))
            .collect())
    }

    async fn versions(
        &self,
        after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<(FlightId, u64)>, StoreError> {
        let flights = self.schedule(after, behind, limit).await?;
        Ok(flights.iter().map(|f| (f.id, f.version)).collect())
    }

    async fn report_unserved(
        &self,
        _: CalendarDate,
        _: Vec<Unserved>,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    async fn offers(&self, ids: &[FlightId]) -> Result<Vec<FlightOffers>, StoreError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let seats = self.seats.lock().clone();
        let _telling = self.telling.lock().await;
        Ok(ids
            .iter()
            .map(|id| {
                let serial = id.raw() & 0xffff;
                let terms = |seats, minor| {
                    Some(CabinTerms {
                        capacity: seats,
                        fare: Money::from_minor(minor, Currency::USD),
                    })
                };
                FlightOffers {
                    id: *id,
                    cabins: [
                        None,
                        terms(2, 50_000),
                        None,
                        terms(seats.get(id).copied().unwrap_or(9), 10_000 - serial * 100),
                    ],
                }
            })
            .collect())
    }
}

/// Direct flights each hour from 08:00 to 19:00 of New York, and one connection over Chicago that none of them dominates.
async fn search() -> (Arc<Shelf>, Search) {
    let (shelf, _, search) = search_at_noon().await;
    (shelf, search)
}

async fn search_at_noon() -> (Arc<Shelf>, Arc<Noon>, Search) {
    let shelf = Arc::new(Shelf::default());
    {
        let zero = FlightId::new(0, 0);
        let mut flights = shelf.flights.lock();
        for hour in 0..12 {
            let direct = flight(zero, "JFK", "LAX", (13 + i64::from(hour)) * 60, 360);
            flights.push(named(direct, hour + 1));
        }
        flights.push(named(flight(zero, "JFK", "ORD", 14 * 60 + 30, 150), 50));
        flights.push(named(flight(zero, "ORD", "LAX", 17 * 60 + 45, 190), 51));
        // It departed half an hour ago.
        flights.push(named(flight(zero, "JFK", "LAX", 11 * 60 + 30, 360), 60));
    }
    let cache = Arc::new(MemoryCache::new(1000, OLDEST_AVAILABILITY));
    let clock = Arc::new(Noon::default());
    let search = Search::new(shelf.clone(), cache, clock.clone());
    search.load().await.unwrap();
    (shelf, clock, search)
}

fn query(extra: &str) -> ItineraryQuery {
    let mut query =
        serde_json::json!({"origin": "JFK", "destination": "LAX", "date": "2026-12-01"});
    let extra: serde_json::Value = serde_json::from_str(extra).unwrap();
    for (name, value) in extra.as_object().unwrap() {
        query[name] = value.clone();
    }
    serde_json::from_value(query).unwrap()
}

/// A text that stands for a query and no other.
fn text(query: &ItineraryQuery) -> String {
    format!("{query:?}")
}

async fn answer(search: &Search, query: &ItineraryQuery) -> Result<Arc<Answer>, SearchError> {
    search.answer(&text(query), query).await
}

fn kept(search: &Search, query: &ItineraryQuery) -> Option<Arc<Answer>> {
    search.kept(&text(query))
}

async fn page(search: &Search, query: ItineraryQuery) -> ItineraryPage {
    let answer = answer(search, &query).await.unwrap();
    serde_json::from_slice(&answer.bytes).unwrap()
}

fn serials(page: &ItineraryPage) -> Vec<Vec<i64>> {
    page.items
        .iter()
        .map(|i| {
            i.segments
                .iter()
                .map(|s| s.flight_id.raw() & 0xffff)
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn the_day_is_found_without_what_has_departed() {
    let (_, search) = search().await;
    let found = page(&search, query(r#"{"limit": 100}"#)).await;
    let mut expected: Vec<Vec<i64>> = (1..=12).map(|n| vec![n]).collect();
    expected.insert(2, vec![50, 51]);
    assert_eq!(serials(&found), expected);
    assert_eq!(found.next_cursor, None);
    assert_eq!(found.items[0].total.unwrap().to_string(), "99.00 USD");
    assert_eq!(found.items[2].stops, 1);
}

#[rstest]
#[case(r#"{"sort": "price", "max_stops": 0}"#, vec![12, 11, 10])]
#[case(r#"{"sort": "arrival", "max_stops": 0}"#, vec![1, 2, 3])]
#[case(r#"{"earliest": "10:00", "latest": "11:00", "max_stops": 0}"#, vec![3, 4])]
#[case(r#"{"carrier": "AA"}"#, vec![])]
#[case(r#"{"date": "2026-12-02", "flexible_days": 1, "max_stops": 0}"#, vec![1, 2, 3])]
#[case(r#"{"date": "2026-11-30"}"#, vec![])]
#[tokio::test]
async fn filters_and_orders(#[case] extra: &str, #[case] first: Vec<i64>) {
    let (_, search) = search().await;
    let found = page(&search, query(extra)).await;
    let found: Vec<i64> = serials(&found).into_iter().flatten().take(3).collect();
    assert_eq!(found, first);
}

/// A connection that the direct flights at 10:00 (the third) and 11:00 (the fourth) dominate.
async fn with_a_detour() -> (Arc<Shelf>, Search) {
    let (shelf, search) = search().await;
    let zero = FlightId::new(0, 0);
    shelf.flights.lock().extend([
        named(flight(zero, "JFK", "MIA", 15 * 60, 180), 80),
        named(flight(zero, "MIA", "LAX", 19 * 60, 180), 81),
    ]);
    search.load().await.unwrap();
    (shelf, search)
}

fn has_detour(page: &ItineraryPage) -> bool {
    serials(page).contains(&vec![80, 81])
}

#[rstest]
#[case("departure", false)]
#[case("arrival", false)]
#[case("duration", false)]
// It costs less than the direct flights.
#[case("price", true)]
#[tokio::test]
async fn a_detour_is_shown_where_it_is_worth_it(#[case] sort: &str, #[case] shown: bool) {
    let (shelf, search) = with_a_detour().await;
    let asked = |extra: &str| query(&format!(r#"{{"sort": "{sort}", "limit": 100{extra}}}"#));
    assert_eq!(has_detour(&page(&search, asked("")).await), shown);

    // One direct flight without seats for all, then the other.
    let sell = async |serial, left| {
        let flights = shelf.flights.lock().clone();
        let id = flights.iter().find(|f| f.id.raw() & 0xffff == serial);
        let id = id.unwrap().id;
        shelf.seats.lock().insert(id, left);
        search.seats_changed(&[id]).await;
    };
    let two = r#", "passengers": 2"#;
    sell(3, 1).await;
    assert_eq!(has_detour(&page(&search, asked(two)).await), shown);
    sell(4, 1).await;
    assert!(has_detour(&page(&search, asked(two)).await), "not for two");
    assert_eq!(has_detour(&page(&search, asked("")).await), shown);
    let business = asked(&format!(r#"{two}, "cabin": "business", "max_stops": 1"#));
    let in_business = page(&search, business).await;
    assert!(
        !has_detour(&in_business),
        "the direct flights have seats, and it costs more"
    );
}

#[rstest]
#[case(r#"{"origin": "QQQ"}"#, "origin")]
#[case(r#"{"destination": "QQQ"}"#, "destination")]
#[case(r#"{"destination": "JFK"}"#, "destination")]
#[case(r#"{"passengers": 0}"#, "passengers")]
#[case(r#"{"passengers": 10}"#, "passengers")]
#[case(r#"{"max_stops": 3}"#, "max_stops")]
#[case(r#"{"flexible_days": 4}"#, "flexible_days")]
#[case(r#"{"limit": 0}"#, "limit")]
#[case(r#"{"limit": 101}"#, "limit")]
#[case(r#"{"earliest": "8:00"}"#, "earliest")]
#[case(r#"{"latest": "24:00"}"#, "latest")]
#[case(r#"{"earliest": "10:00", "latest": "09:00"}"#, "latest")]
#[case(r#"{"cursor": "abc"}"#, "cursor")]
#[tokio::test]
async fn wrong_parameters_are_named(#[case] extra: &str, #[case] named: &str) {
    let (_, search) = search().await;
    match answer(&search, &query(extra)).await.unwrap_err() {
        SearchError::Invalid(wrong) => assert_eq!(wrong.field, named),
        SearchError::Store(error) => panic!("{error}"),
    }
}

#[rstest]
#[case("departure")]
#[case("price")]
#[case("duration")]
#[case("arrival")]
#[tokio::test]
async fn pages_hold_everything_once(#[case] sort: &str) {
    let (_, search) = search().await;
    let whole = page(
        &search,
        query(&format!(r#"{{"sort": "{sort}", "limit": 100}}"#)),
    )
    .await;
    let mut next = query(&format!(r#"{{"sort": "{sort}", "limit": 3}}"#));
    let mut paged = Vec::new();
    for _ in 0..9 {
        let part = page(&search, next.clone()).await;
        paged.extend(serials(&part));
        next.cursor = part.next_cursor;
        if next.cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, serials(&whole));

    // A cursor belongs to its query.
    let mut other = query(&format!(r#"{{"sort": "{sort}", "limit": 3}}"#));
    other.cursor = page(&search, other.clone()).await.next_cursor;
    other.passengers = 2;
    assert!(answer(&search, &other).await.is_err());
}

#[tokio::test]
async fn the_party_needs_seats_in_one_cabin() {
    let (shelf, search) = search().await;
    let first = shelf.flights.lock()[0].id;
    shelf.seats.lock().insert(first, 1);
    let found = page(&search, query(r#"{"passengers": 2, "max_stops": 0}"#)).await;
    assert_eq!(
        found.items[0].total.unwrap().to_string(),
        "1000.00 USD",
        "only business has two"
    );
    assert_eq!(found.items[1].total.unwrap().to_string(), "196.00 USD");
    let found = page(&search, query(r#"{"passengers": 3, "max_stops": 0}"#)).await;
    assert_eq!(found.items[0].total, None);
    let economy = r#"{"passengers": 2, "max_stops": 0, "cabin": "economy"}"#;
    let found = page(&search, query(economy)).await;
    assert_eq!(
        serials(&found)[0],
        [2],
        "without seats in the asked cabin it is left out"
    );
}

#[tokio::test]
async fn answers_are_kept_until_something_in_them_changes() {
    let (shelf, search) = search().await;
    let asked = query(r#"{"max_stops": 0}"#);
    let first = answer(&search, &asked).await.unwrap();
    let looks = || shelf.looks.load(Ordering::Relaxed);
    let before = looks();
    assert!(Arc::ptr_eq(&first, &answer(&search, &asked).await.unwrap()));
    assert_eq!(looks(), before);

    // Another flight's seats do not matter.
    let elsewhere = shelf
        .flights
        .lock()
        .iter()
        .find(|f| f.id.raw() & 0xffff == 50)
        .unwrap()
        .id;
    let changed = |id| Event::InventoryChanged { flights: vec![id] };
    react(&search, &changed(elsewhere)).await.unwrap();
    assert!(kept(&search, &asked).is_some());

    let id = shelf.flights.lock()[0].id;
    shelf.seats.lock().insert(id, 4);
    react(&search, &changed(id)).await.unwrap();
    let found = page(&search, asked.clone()).await;
    assert_eq!(found.items[0].segments[0].cabins[1].available, 4);

    // A cancelled flight goes.
    shelf.flights.lock().remove(0);
    let event = Event::FlightCancelled {
        flight: id,
        version: 2,
    };
    react(&search, &event).await.unwrap();
    assert_eq!(serials(&page(&search, asked).await)[0], [2]);
}

#[tokio::test]
async fn the_parts_of_an_import_are_in_the_timetable_by_one_change() {
    let (shelf, search) = search().await;
    let search = Arc::new(search);
    let bus = MemoryBus::default();
    let events = bus.subscribe("search").await.unwrap();
    let stop = CancellationToken::new();
    let before = search.timetable();
    let mut told = Vec::new();
    for serial in 70..72 {
        let new = flight(FlightId::new(0, 0), "JFK", "LAX", 20 * 60, 360);
        let new = named(new, serial);
        told.push(Envelope {
            id: serial.into(),
            at: Timestamp::now(),
            event: Event::FlightsImported {
                flights: vec![new.id],
            },
        });
        shelf.flights.lock().push(new);
    }
    bus.publish(told).await.unwrap();
    let following = tokio::spawn(follow(Arc::clone(&search), events, stop.clone()));
    let both = async {
        while search.timetable().len() < before.len() + 2 {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, both).await.unwrap();
    assert_eq!(search.timetable().generation(), before.generation() + 1);
    stop.cancel();
    following.await.unwrap();
}

#[tokio::test]
async fn what_departs_is_offered_no_more() {
    let (_, clock, search) = search_at_noon().await;
    let asked = query(r#"{"max_stops": 0}"#);
    assert_eq!(serials(&page(&search, asked.clone()).await)[0], [1]);
    let all: Vec<FlightId> = search.timetable().versions().into_keys().collect();
    search.seats_changed(&all).await;
    // The first departs at 13:00; an answer made shortly before is not given again then.
    for (seconds, first) in [(3590, 1), (3605, 2), (179 * 60, 3)] {
        clock.0.store(seconds, Ordering::Relaxed);
        assert_eq!(serials(&page(&search, asked.clone()).await)[0], [first]);
    }
    search.reconcile().await.unwrap();
    assert_eq!(
        search.timetable().len(),
        9 + 1 + 1,
        "the timetable forgets it"
    );
}

#[tokio::test]
async fn what_departs_ends_no_answer_that_it_is_not_in() {
    let (_, clock, search) = search_at_noon().await;
    let early = query(r#"{"max_stops": 0, "latest": "08:30"}"#);
    let late = query(r#"{"max_stops": 0, "earliest": "09:30"}"#);
    // At a quarter to one, so that both are young enough when the first flight departs at one.
    clock.0.store(3570, Ordering::Relaxed);
    for query in [&early, &late] {
        answer(&search, query).await.unwrap();
    }
    clock.0.store(3600, Ordering::Relaxed);
    search.reconcile().await.unwrap();
    assert_eq!(search.timetable().len(), 11 + 2, "it is forgotten");
    assert!(kept(&search, &late).is_some());
    assert!(kept(&search, &early).is_none());
}

#[tokio::test]
async fn an_answer_of_cached_seats_holds_for_half_a_minute_and_no_seats_are_older_than_a_minute() {
    let (_, clock, search) = search_at_noon().await;
    let first = query(r#"{"max_stops": 0}"#);
    answer(&search, &first).await.unwrap();
    let oldest = CACHED_FOR.as_secs();
    // The cache of the server gives seats until then: an answer made of them last.
    clock.0.store(oldest, Ordering::Relaxed);
    let second = query(r#"{"max_stops": 0, "limit": 100}"#);
    let answer = answer(&search, &second).await.unwrap();
    assert_eq!(answer.as_of, Noon::default().now(), "made of cached seats");
    clock.0.store(oldest + 29, Ordering::Relaxed);
    assert!(kept(&search, &first).is_some() && kept(&search, &second).is_some());
    clock.0.store(60, Ordering::Relaxed);
    assert!(kept(&search, &first).is_none() && kept(&search, &second).is_none());
}

#[rstest]
#[case::behind(0, 1800)]
#[case::ahead(1800, 0)]
#[tokio::test]
async fn seats_that_were_read_by_another_clock_are_of_use(#[case] its: u64, #[case] own: u64) {
    let (shelf, ..) = search_at_noon().await;
    let cache = Arc::new(MemoryCache::new(1000, CACHED_FOR));
    let asked = query(r#"{"max_stops": 0}"#);
    for seconds in [its, own] {
        let clock = Arc::new(Noon::default());
        clock.0.store(seconds, Ordering::Relaxed);
        let search = Search::new(shelf.clone(), cache.clone(), clock.clone());
        search.load().await.unwrap();
        let as_of = answer(&search, &asked).await.unwrap().as_of;
        let now = clock.now();
        assert!(
            (now - CACHED_FOR..=now).contains(&as_of),
            "{as_of} at {now}"
        );
        assert!(kept(&search, &asked).is_some());
    }
    assert_eq!(
        shelf.looks.load(Ordering::Relaxed),
        1,
        "the second found what the first had read"
    );
}

#[tokio::test]
async fn a_lost_event_heals() {
    let (shelf, search) = search().await;
    let asked = query(r#"{"max_stops": 0, "limit": 100}"#);
    assert_eq!(page(&search, asked.clone()).await.items.len(), 12);
    {
        let mut flights = shelf.flights.lock();
        flights.remove(11);
        flights.push(named(
            flight(FlightId::new(0, 0), "JFK", "LAX", 13 * 60 + 5, 360),
            70,
        ));
        flights[1].version = 2;
    }
    assert_eq!(search.reconcile().await.unwrap(), 2);
    let found = page(&search, asked).await;
    let first: Vec<i64> = serials(&found).into_iter().flatten().take(3).collect();
    assert_eq!((found.items.len(), first), (12, vec![1, 70, 2]));
    assert_eq!(search.reconcile().await.unwrap(), 0);
}

fn times(timetable: &Timetable) -> Vec<(FlightId, u64)> {
    let mut all: Vec<_> = timetable.versions().into_iter().collect();
    all.sort_unstable();
    all
}

/// An event that comes again, comes late, or tells what a comparison has found already, changes nothing.
#[tokio::test]
async fn events_may_come_twice_late_and_around_a_comparison() {
    let (shelf, search) = search().await;
    let id = shelf.flights.lock()[3].id;
    let gone = shelf.flights.lock()[4].id;
    let changed = |version| Event::FlightChanged {
        flight: id,
        version,
    };
    let cancelled = Event::FlightCancelled {
        flight: gone,
        version: 2,
    };
    shelf.flights.lock()[3].version = 3;
    shelf.flights.lock().remove(4);
    react(&search, &changed(3)).await.unwrap();
    react(&search, &cancelled).await.unwrap();
    let right = times(&search.timetable());
    let generation = search.timetable().generation();
    assert!(right.contains(&(id, 3)) && right.iter().all(|(id, _)| *id != gone));

    let created = Event::FlightCreated {
        flight: gone,
        version: 1,
    };
    let imported = Event::FlightsImported {
        flights: vec![id, gone],
    };
    for event in [
        changed(3),
        changed(2),
        cancelled.clone(),
        created.clone(),
        imported,
    ] {
        react(&search, &event).await.unwrap();
        assert_eq!(times(&search.timetable()), right, "{event:?}");
    }
    search.reconcile().await.unwrap();

    // The comparison first, and then the events of what it has found.
    shelf.flights.lock()[3].version = 5;
    search.reconcile().await.unwrap();
    let right = times(&search.timetable());
    assert!(right.contains(&(id, 5)));
    for event in [changed(5), changed(4), created] {
        react(&search, &event).await.unwrap();
        assert_eq!(times(&search.timetable()), right, "{event:?}");
    }
    assert!(search.timetable().generation() > generation);
}

/// Seats are read anew after an event, also where the event comes twice.
#[tokio::test]
async fn seats_of_before_an_event_are_not_kept() {
    let (shelf, search) = search().await;
    let asked = query(r#"{"max_stops": 0}"#);
    let id = shelf.flights.lock()[0].id;
    let shown =
        async || page(&search, asked.clone()).await.items[0].segments[0].cabins[1].available;
    assert_eq!(shown().await, 9);
    let event = Event::InventoryChanged { flights: vec![id] };
    for seats in [8, 7] {
        shelf.seats.lock().insert(id, seats);
        react(&search, &event).await.unwrap();
        assert_eq!(shown().await, seats);
        react(&search, &event).await.unwrap();
        assert_eq!(shown().await, seats);
    }
    // Events were lost, and nobody knows of what.
    shelf.seats.lock().insert(id, 6);
    assert_eq!(shown().await, 7);
    search.reconcile_all().await.unwrap();
    assert_eq!(shown().await, 6);
}

/// Whoever read before a change and tells after it: what it read is kept neither as an answer nor as seats.
#[tokio::test]
async fn an_answer_that_a_change_overtakes_is_not_kept() {
    let (shelf, search) = search().await;
    let asked = query(r#"{"max_stops": 0}"#);
    let id = shelf.flights.lock()[0].id;
    let first = |page: &ItineraryPage| page.items[0].segments[0].cabins[1].available;
    let telling = shelf.telling.lock().await;
    let (overtaken, ()) = tokio::join!(page(&search, asked.clone()), async {
        while shelf.looks.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        shelf.seats.lock().insert(id, 4);
        let changed = Event::InventoryChanged { flights: vec![id] };
        react(&search, &changed).await.unwrap();
        drop(telling);
    });
    assert_eq!(first(&overtaken), 9, "it read before the change");
    assert!(kept(&search, &asked).is_none());
    assert_eq!(first(&page(&search, asked).await), 4);
}
