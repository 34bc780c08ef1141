//! Waitlists.

use super::*;

/// So many adults who wait where seats are short.
fn waits(people: usize) -> impl FnOnce(&mut Value) {
    move |body| {
        body["waitlist"] = json!(true);
        body["passengers"] = vec![body["passengers"][0].clone(); people].into();
    }
}

/// On the flights 1 and 2, which connect.
fn on_both(body: &mut Value) {
    body["segments"] =
        json!([{"flight_id": "1", "cabin": "economy"}, {"flight_id": "2", "cabin": "economy"}]);
}

async fn state(store: &dyn BookingStore, of: &Booking) -> (BookingStatus, SegmentStatus, u64) {
    let found = store.booking(of.locator).await.unwrap().unwrap().booking;
    let first = found.segments[0].status;
    assert!(
        found.segments.iter().all(|s| s.status == first),
        "{found:?}"
    );
    (found.status, first, found.version)
}

const WAITS: (BookingStatus, SegmentStatus, u64) =
    (BookingStatus::Waitlisted, SegmentStatus::Hl, 1);
const CLEARED: (BookingStatus, SegmentStatus, u64) =
    (BookingStatus::Confirmed, SegmentStatus::Hk, 2);

fn clear(flight: i64) -> Command {
    Command::Due(Duty::Clear(FlightId::from_raw(flight)))
}

async fn due(store: &dyn BookingStore) -> Vec<Duty> {
    store.due(Look::Everything, 10).await.unwrap()
}

/// Makes bookings one after the other, each with its own batch.
async fn make<const N: usize>(store: &dyn BookingStore, commands: [Command; N]) -> [Booking; N] {
    let mut made = Vec::new();
    for command in commands {
        made.push(booking(&one(store, command).await));
    }
    made.try_into().unwrap()
}

pub(crate) async fn a_party_waits_for_all_its_flights_or_for_none(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 2).await;
    fixture.onward(2, 1546, 51, 2).await;
    let [at_once, first, both, short] = make(
        &*store,
        [
            create(&ada, "at-once", 2, waits(1)),
            create(&ada, "first", 1, waits(1)),
            create(&ada, "both", 1, |b| {
                waits(2)(b);
                on_both(b);
            }),
            create(&ada, "short", 2, |_| {}),
        ],
    )
    .await;
    let made = (BookingStatus::Confirmed, SegmentStatus::Hk, 1);
    for confirmed in [&at_once, &first, &short] {
        assert_eq!(state(&*store, confirmed).await, made);
    }
    assert_eq!(state(&*store, &both).await, WAITS);
    assert_eq!(both.status, BookingStatus::Waitlisted);
    assert_eq!(fixture.counters(1).await, (2, 1), "who waits holds nothing");
    assert_eq!(fixture.counters(2).await, (2, 2));
    // Seats on one of the two are not enough, nor is one seat on each.
    one(&*store, cancel(&ada, "c1", first.locator, 1)).await;
    one(&*store, cancel(&ada, "c2", at_once.locator, 1)).await;
    assert_eq!(state(&*store, &both).await, WAITS);
    assert_eq!(due(&*store).await, []);
    one(&*store, cancel(&ada, "c3", short.locator, 1)).await;
    assert_eq!(state(&*store, &both).await, CLEARED);
    assert_eq!(fixture.counters(1).await, (2, 2));
    assert_eq!(fixture.counters(2).await, (2, 2));

    let impossible = one(&*store, create(&ada, "three", 1, waits(3))).await;
    assert_eq!(word(&impossible), "sold_out", "there will never be three");
    let waiting = booking(&one(&*store, create(&ada, "gone", 1, waits(1))).await);
    let asked = one(&*store, confirm(&ada, "asked", waiting.locator, 1)).await;
    assert_eq!(word(&asked), "conflict");
    let gone = booking(&one(&*store, cancel(&ada, "c4", waiting.locator, 1)).await);
    assert_eq!(gone.status, BookingStatus::Cancelled);
    assert_eq!(fixture.counters(1).await, (2, 2), "it held nothing");
    one(&*store, cancel(&ada, "c5", both.locator, 2)).await;
    assert_eq!(fixture.counters(1).await, (2, 0));
}

pub(crate) async fn free_seats_go_to_those_who_came_first(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 4).await;
    let full = |b: &mut Value| b["passengers"] = vec![b["passengers"][0].clone(); 2].into();
    let [a, _b, first, second, third] = make(
        &*store,
        [
            create(&ada, "a", 1, full),
            create(&ada, "b", 1, full),
            create(&ada, "first", 1, waits(1)),
            create(&ada, "second", 1, waits(1)),
            create(&ada, "third", 1, waits(1)),
        ],
    )
    .await;
    for waiting in [&first, &second, &third] {
        assert_eq!(state(&*store, waiting).await, WAITS);
    }
    one(&*store, cancel(&ada, "x", a.locator, 1)).await;
    assert_eq!(state(&*store, &first).await, CLEARED);
    assert_eq!(state(&*store, &second).await, CLEARED);
    assert_eq!(state(&*store, &third).await, WAITS);
    assert_eq!(fixture.counters(1).await, (4, 4));
    let again = [clear(1), clear(1)];
    assert_eq!(
        words(&store.execute(&again).await.unwrap()),
        ["0 settled", "0 settled"]
    );
    let events = fixture.events().await;
    let cleared: Vec<Locator> = events
        .iter()
        .filter_map(|event| match event {
            Event::WaitlistCleared(cleared) => Some(cleared.locator),
            _ => None,
        })
        .collect();
    assert_eq!(cleared, [first.locator, second.locator]);
}

pub(crate) async fn a_party_that_is_too_large_is_passed_over_and_keeps_its_place(
    fixture: &impl Fixture,
) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 3).await;
    let [a, b, c, large, small, last] = make(
        &*store,
        [
            create(&ada, "a", 1, |_| {}),
            create(&ada, "b", 1, |_| {}),
            create(&ada, "c", 1, |_| {}),
            create(&ada, "large", 1, waits(2)),
            create(&ada, "small", 1, waits(1)),
            create(&ada, "last", 1, waits(1)),
        ],
    )
    .await;
    one(&*store, cancel(&ada, "xa", a.locator, 1)).await;
    assert_eq!(state(&*store, &large).await, WAITS);
    assert_eq!(state(&*store, &small).await, CLEARED);
    // Two at once are for the one that came before.
    let both = [
        Command::Due(Duty::Expire(large.locator)),
        cancel(&ada, "xb", b.locator, 1),
        cancel(&ada, "xc", c.locator, 1),
    ];
    let outcomes = store.execute(&both).await.unwrap();
    assert_eq!(words(&outcomes), ["0 settled", "200", "200"]);
    let (kept, passed) = (state(&*store, &large).await, state(&*store, &last).await);
    // The first cancellation of the batch freed one seat, which the last one fits into.
    assert_eq!((kept, passed), (WAITS, CLEARED));
    fixture.resize(1, 4).await;
    assert_eq!(
        words(&store.execute(&[clear(1)]).await.unwrap()),
        ["1 settled"]
    );
    assert_eq!(state(&*store, &large).await, CLEARED);
    assert_eq!(fixture.counters(1).await, (4, 4));
}

pub(crate) async fn what_is_given_back_goes_to_those_who_wait_in_the_same_batch(
    fixture: &impl Fixture,
) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 1).await;
    let until_then = |b: &mut Value| b["hold"] = json!(true);
    let [held, waiting, next] = make(
        &*store,
        [
            create(&ada, "held", 1, until_then),
            create(&ada, "waits", 1, waits(1)),
            create(&ada, "next", 1, waits(1)),
        ],
    )
    .await;
    let batch = [
        cancel(&ada, "x", held.locator, 1),
        create(&ada, "late", 1, |_| {}),
        // Changed twice in one batch: it gets the seat and gives it to the next.
        cancel(&ada, "y", waiting.locator, 2),
        create(&ada, "later", 1, |_| {}),
    ];
    assert_eq!(
        words(&store.execute(&batch).await.unwrap()),
        ["200", "sold_out", "200", "sold_out"]
    );
    let gone = (BookingStatus::Cancelled, SegmentStatus::Xx, 3);
    assert_eq!(state(&*store, &waiting).await, gone);
    assert_eq!(state(&*store, &next).await, CLEARED);
    assert_eq!(fixture.counters(1).await, (1, 1));
    let history = store.history(waiting.locator).await.unwrap();
    let actions: Vec<&str> = history.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["booking.created", "waitlist.cleared", "booking.cancelled"]
    );
}

pub(crate) async fn new_seats_are_given_to_those_who_wait(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    for flight in 1..=3 {
        fixture
            .flight(flight, 1540 + u16::try_from(flight).unwrap(), 48, 1)
            .await;
        let key = format!("full-{flight}");
        one(&*store, create(&ada, &key, flight, |_| {})).await;
    }
    let [large, small] = make(
        &*store,
        [
            create(&ada, "large", 1, waits(1)),
            create(&ada, "small", 1, waits(1)),
        ],
    )
    .await;
    assert_eq!(due(&*store).await, []);
    fixture.resize(1, 3).await;
    fixture.resize(2, 3).await;
    let flights =
        |ids: &[i64]| -> Vec<FlightId> { ids.iter().copied().map(FlightId::from_raw).collect() };
    let clear_one = Duty::Clear(FlightId::from_raw(1));
    assert_eq!(due(&*store).await, [clear_one]);
    for (among, expected) in [(&[1, 2, 3][..], &[clear_one][..]), (&[2, 3], &[])] {
        let among = flights(among);
        let found = store.due(Look::Flights(&among), 10).await.unwrap();
        assert_eq!(found, expected);
    }
    assert_eq!(
        words(&store.execute(&[clear(2), clear(1)]).await.unwrap()),
        ["0 settled", "2 settled"]
    );
    assert_eq!(state(&*store, &large).await, CLEARED);
    assert_eq!(state(&*store, &small).await, CLEARED);
    assert_eq!(fixture.counters(1).await, (3, 3));
    assert_eq!(due(&*store).await, []);
}

pub(crate) async fn a_waitlist_ends_with_its_flight(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    for flight in 1..=2 {
        fixture
            .flight(
                flight,
                1540 + u16::try_from(flight).unwrap(),
                24 * flight,
                1,
            )
            .await;
        let key = format!("full-{flight}");
        one(&*store, create(&ada, &key, flight, |_| {})).await;
    }
    let [departs, stays, grounded] = make(
        &*store,
        [
            create(&ada, "departs", 1, waits(1)),
            create(&ada, "stays", 2, waits(1)),
            create(&ada, "grounded", 2, waits(1)),
        ],
    )
    .await;
    assert_eq!(due(&*store).await, []);
    fixture.pass(25).await;
    fixture.resize(1, 2).await;
    let expire = |of: &Booking| Duty::Expire(of.locator);
    assert_eq!(
        due(&*store).await,
        [expire(&departs)],
        "nobody gets a seat that has left"
    );
    assert_eq!(one(&*store, clear(1)).await, Outcome::Settled(0));
    let early = one(&*store, Command::Due(expire(&stays))).await;
    assert_eq!(early, Outcome::Settled(0));
    assert_eq!(
        one(&*store, Command::Due(expire(&departs))).await,
        Outcome::Settled(1)
    );
    let gone = (BookingStatus::Cancelled, SegmentStatus::Xx, 2);
    assert_eq!(state(&*store, &departs).await, gone);
    assert_eq!(fixture.counters(1).await, (2, 1));

    fixture.ground(2).await;
    fixture.resize(2, 9).await;
    let among = [FlightId::from_raw(2)];
    let mut found = store.due(Look::Flights(&among), 10).await.unwrap();
    let mut expected = vec![expire(&stays), expire(&grounded)];
    let name = |duty: &Duty| Command::Due(*duty).name();
    found.sort_by_key(name);
    expected.sort_by_key(name);
    assert_eq!(found, expected);
    assert_eq!(one(&*store, clear(2)).await, Outcome::Settled(0));
    for duty in found {
        assert_eq!(one(&*store, Command::Due(duty)).await, Outcome::Settled(1));
    }
    assert_eq!(due(&*store).await, []);
    assert_eq!(fixture.counters(2).await, (9, 1));
}

pub(crate) async fn what_nobody_asked_for_is_in_the_history_of_nobody(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 1).await;
    let until_then = |b: &mut Value| b["hold"] = json!(true);
    let [held, waiting] = make(
        &*store,
        [
            create(&ada, "held", 1, until_then),
            create(&ada, "waits", 1, waits(1)),
        ],
    )
    .await;
    fixture.pass(25).await;
    one(&*store, Command::Due(Duty::Expire(held.locator))).await;
    for (of, action) in [(&held, "booking.expired"), (&waiting, "waitlist.cleared")] {
        let history = store.history(of.locator).await.unwrap();
        let shown: Vec<(&str, &str)> = history
            .iter()
            .map(|entry| (entry.by.as_str(), entry.action.as_str()))
            .collect();
        assert_eq!(shown, [("ada", "booking.created"), ("system", action)]);
    }
    let events = fixture.events().await;
    for event in &events[events.len() - 3..] {
        match event {
            Event::BookingExpired(of) | Event::WaitlistCleared(of) => {
                assert_eq!((&of.operation, of.version), (&None, 2));
                assert_eq!(of.office, ada.office);
            }
            Event::InventoryChanged { flights } => assert_eq!(flights.len(), 1),
            other => panic!("{other:?}"),
        }
    }
}
