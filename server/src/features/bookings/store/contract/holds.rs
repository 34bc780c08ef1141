//! Holds.

use super::*;

fn hold(body: &mut Value) {
    body["hold"] = json!(true);
}

/// A booking on the flight 1 of six seats, held for a day.
async fn held(fixture: &impl Fixture) -> (Arc<dyn BookingStore>, Caller, Booking) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 6).await;
    let made = one(&*store, create(&ada, "held", 1, hold)).await;
    assert_eq!(word(&made), "201");
    (store, ada, booking(&made))
}

async fn holds_due(store: &dyn BookingStore) -> Vec<Duty> {
    store
        .due(
            Look::Holds {
                near: SignedDuration::ZERO,
            },
            10,
        )
        .await
        .unwrap()
}

pub(crate) async fn a_hold_keeps_its_seats_until_it_is_confirmed(fixture: &impl Fixture) {
    let (store, ada, made) = held(fixture).await;
    assert_eq!(made.status, BookingStatus::Held);
    let limit = made.time_limit.unwrap().0;
    let wait = limit.duration_since(made.created_at.0);
    assert!((SignedDuration::from_secs(86_399)..=SignedDuration::from_hours(24)).contains(&wait));
    assert_eq!(made.segments[0].status, SegmentStatus::Hk);
    assert_eq!(fixture.counters(1).await, (6, 1));
    let found = store.booking(made.locator).await.unwrap().unwrap();
    assert_eq!(found.booking, made);

    let stale = one(&*store, confirm(&ada, "stale", made.locator, 2)).await;
    assert_eq!(word(&stale), "stale_version");
    let strange = agent("eve", "LON1A0001");
    fixture.user(&strange).await;
    let hidden = one(&*store, confirm(&strange, "hidden", made.locator, 1)).await;
    assert_eq!(word(&hidden), "not_found");
    let outcome = one(&*store, confirm(&ada, "c", made.locator, 1)).await;
    let confirmed = booking(&outcome);
    assert_eq!(
        (confirmed.status, confirmed.version, confirmed.time_limit),
        (BookingStatus::Confirmed, 2, None)
    );
    let found = store.booking(made.locator).await.unwrap().unwrap();
    assert_eq!(found.booking, confirmed);
    assert_eq!(fixture.counters(1).await, (6, 1));
    let retried = one(&*store, confirm(&ada, "c", made.locator, 1)).await;
    assert_eq!(retried, outcome, "the key comes before the version");
    let again = one(&*store, confirm(&ada, "d", made.locator, 2)).await;
    assert_eq!(word(&again), "conflict");
    let kinds: Vec<&str> = fixture.events().await.iter().map(Event::kind).collect();
    assert_eq!(
        kinds,
        ["booking.created", "inventory.changed", "booking.confirmed"],
        "no seat moves with the confirmation"
    );
    fixture.pass(30).await;
    assert_eq!(holds_due(&*store).await, []);
    let nothing = one(&*store, Command::Due(Duty::Expire(made.locator))).await;
    assert_eq!(nothing, Outcome::Settled(0));
}

pub(crate) async fn a_hold_ends_by_the_time_of_the_database(fixture: &impl Fixture) {
    let (store, ada, made) = held(fixture).await;
    let seat = |b: &mut Value| {
        hold(b);
        b["seats"] = json!([{"segment": 1, "passenger": 1, "seat": "1A"}]);
    };
    let other = booking(&one(&*store, create(&ada, "other", 1, seat)).await);
    assert_eq!(holds_due(&*store).await, []);
    let expiry = || Command::Due(Duty::Expire(made.locator));
    assert_eq!(
        one(&*store, expiry()).await,
        Outcome::Settled(0),
        "too early"
    );

    fixture.pass(25).await;
    let late = one(&*store, confirm(&ada, "late", made.locator, 1)).await;
    assert_eq!(word(&late), "time_limit_passed");
    let due = holds_due(&*store).await;
    assert_eq!(due.len(), 2);
    assert!(due.contains(&Duty::Expire(made.locator)), "{due:?}");
    // The seat goes to the next in the same batch, and nothing is done twice.
    let batch = [
        Command::Due(Duty::Expire(other.locator)),
        create(&ada, "next", 1, |b| {
            b["seats"] = json!([{"segment": 1, "passenger": 1, "seat": "1A"}]);
        }),
        expiry(),
        expiry(),
        Command::Due(Duty::Expire("ZZZZZZ".parse().unwrap())),
    ];
    assert_eq!(
        words(&store.execute(&batch).await.unwrap()),
        ["1 settled", "201", "1 settled", "0 settled", "0 settled"]
    );
    assert_eq!(holds_due(&*store).await, []);
    assert_eq!(fixture.counters(1).await, (6, 1));
    let found = store.booking(made.locator).await.unwrap().unwrap().booking;
    assert_eq!(
        (found.status, found.version, found.time_limit),
        (BookingStatus::Cancelled, 2, None)
    );
    assert_eq!(found.segments[0].status, SegmentStatus::Xx);
    let after = one(&*store, confirm(&ada, "after", made.locator, 2)).await;
    assert_eq!(word(&after), "conflict");
    let events = fixture.events().await;
    let expired = events.iter().filter(|e| e.kind() == "booking.expired");
    assert_eq!(expired.count(), 2);
}

/// Whoever comes first: the other one finds nothing to be done, or says why.
pub(crate) async fn of_confirmation_and_expiry_one_wins(fixture: &impl Fixture) {
    const HOLDS: usize = 12;
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 100).await;
    let batch: Vec<Command> = (0..HOLDS)
        .map(|n| create(&ada, &format!("held-{n}"), 1, hold))
        .collect();
    let made: Vec<Booking> = store
        .execute(&batch)
        .await
        .unwrap()
        .iter()
        .map(booking)
        .collect();
    // Their time limits pass while all are at it.
    fixture.limits_in(Duration::from_millis(150)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for (n, held) in made.iter().enumerate() {
        for rival in 0..3 {
            let (store, ada, locator) = (Arc::clone(&store), ada.clone(), held.locator);
            tasks.spawn(async move {
                // Each pair meets at another moment before or after the time limit.
                tokio::time::sleep(Duration::from_millis(25 * n as u64)).await;
                let command = if rival == 0 {
                    confirm(&ada, &format!("confirm-{n}"), locator, 1)
                } else {
                    Command::Due(Duty::Expire(locator))
                };
                (n, word(&one(&*store, command).await))
            });
        }
    }
    let mut all = vec![Vec::new(); HOLDS];
    for (n, word) in tasks.join_all().await {
        all[n].push(word);
    }
    for duty in store
        .due(
            Look::Holds {
                near: SignedDuration::ZERO,
            },
            100,
        )
        .await
        .unwrap()
    {
        one(&*store, Command::Due(duty)).await;
    }
    let mut living = 0;
    for (held, words) in made.iter().zip(&all) {
        let ended = words.iter().filter(|w| *w == "1 settled").count();
        let confirmed = words.iter().filter(|w| *w == "200").count();
        let found = store.booking(held.locator).await.unwrap().unwrap().booking;
        assert!(ended + confirmed <= 1, "{words:?}");
        let expected = if confirmed == 1 {
            living += 1;
            BookingStatus::Confirmed
        } else {
            BookingStatus::Cancelled
        };
        assert_eq!((found.status, found.version), (expected, 2), "{words:?}");
    }
    assert_eq!(fixture.counters(1).await, (100, living));
}

pub(crate) async fn a_time_limit_has_bounds(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 240, 6).await;
    fixture.flight(2, 1546, 0, 6).await;
    fixture.pass(-1).await;
    let now = jiff::Timestamp::now();
    let until = |hours: i64| {
        move |b: &mut Value| {
            hold(b);
            b["time_limit"] = json!((now + SignedDuration::from_hours(hours)).to_string());
        }
    };
    let batch = [
        create(&ada, "past", 1, until(-1)),
        create(&ada, "week", 1, until(167)),
        create(&ada, "longer", 1, until(169)),
        create(&ada, "departs", 2, until(2)),
        create(&ada, "soon", 2, hold),
    ];
    let outcomes = store.execute(&batch).await.unwrap();
    let wrong = "invalid_request";
    assert_eq!(words(&outcomes), [wrong, "201", wrong, wrong, wrong]);
    for outcome in [&outcomes[0], &outcomes[2], &outcomes[3], &outcomes[4]] {
        let Outcome::Refused(problem) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(problem.errors[0].field, "time_limit");
    }
    let limit = booking(&outcomes[1]).time_limit.unwrap().0;
    assert_eq!(limit.subsec_nanosecond(), 0);
    let cut = (now + SignedDuration::from_hours(167)).duration_since(limit);
    assert!(cut < SignedDuration::from_secs(1));
}

pub(crate) async fn a_time_limit_that_is_near_is_told_once(fixture: &impl Fixture) {
    let (store, ada, made) = held(fixture).await;
    let near = Look::Holds {
        near: SignedDuration::from_hours(12),
    };
    let due = async || store.due(near, 10).await.unwrap();
    fixture.pass(11).await;
    assert_eq!(due().await, [], "13 hours are left of 24");
    fixture.pass(2).await;
    let warn = Duty::Warn(made.locator);
    assert_eq!(due().await, [warn]);
    let shorter = Look::Holds {
        near: SignedDuration::from_hours(10),
    };
    assert_eq!(store.due(shorter, 10).await.unwrap(), [], "11 are left");
    let batch = [Command::Due(warn), Command::Due(warn)];
    let outcomes = store.execute(&batch).await.unwrap();
    assert_eq!(words(&outcomes), ["1 settled", "0 settled"]);
    assert_eq!(due().await, []);
    assert_eq!(
        words(&store.execute(&batch).await.unwrap()),
        ["0 settled"; 2]
    );
    let now = store.booking(made.locator).await.unwrap().unwrap().booking;
    assert_eq!((now.version, now.status), (1, BookingStatus::Held));
    assert_eq!(store.history(made.locator).await.unwrap().len(), 1);
    let events = fixture.events().await;
    let told = events
        .iter()
        .filter(|event| event.kind() == "booking.expiring");
    assert_eq!(told.count(), 1);
    let confirmed = one(&*store, confirm(&ada, "c", made.locator, 1)).await;
    assert_eq!(word(&confirmed), "200", "whoever has seen it confirms it");
    // Whoever is held for a short time is told in the middle of it, and not at once.
    let soon = one(&*store, create(&ada, "short", 1, hold)).await;
    assert_eq!(word(&soon), "201");
    fixture.limits_in(Duration::from_hours(1)).await;
    assert_eq!(due().await, []);
}
