//! Four processes that write at the same time.

use std::collections::HashMap;

use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use tokio::task::JoinSet;

use super::*;

const PROCESSES: usize = 4;
const FLIGHTS: i64 = 8;

/// A database that others have opened too, flights with so many seats, and somebody who books.
async fn opened_by_four(capacity: u32) -> (Bookings, Vec<Postgres>, Caller) {
    let fixture = Bookings::new().await;
    let ada = contract::agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    for flight in 1..=FLIGHTS {
        fixture
            .flight(flight, u16::try_from(flight).unwrap(), 48, capacity)
            .await;
    }
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(fixture.0.of_another_process().await);
    }
    (fixture, processes, ada)
}

/// Runs a task a process, all at once.
async fn all<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    processes: Vec<Postgres>,
    task: impl Fn(usize, Postgres) -> F,
) -> Vec<T> {
    let tasks: JoinSet<T> = processes
        .into_iter()
        .enumerate()
        .map(|(number, process)| task(number, process))
        .collect();
    tasks.join_all().await
}

fn count(outcomes: &[Outcome], word: &str) -> usize {
    outcomes
        .iter()
        .filter(|o| contract::word(o) == word)
        .count()
}

fn made(outcomes: &[Outcome]) -> Vec<Locator> {
    outcomes
        .iter()
        .filter(|outcome| contract::word(outcome) == "201")
        .map(|outcome| contract::booking(outcome).locator)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn opposite_orders_of_flights_and_bookings_meet_no_deadlock() {
    const ROUNDS: usize = 15;
    let (fixture, processes, ada) = opened_by_four(1_000).await;
    let first: Vec<Command> = (0..40)
        .map(|n| contract::create(&ada, &format!("first-{n}"), 1 + n % FLIGHTS, |_| {}))
        .collect();
    let shared = made(&fixture.store().execute(&first).await.unwrap());
    assert_eq!(shared.len(), 40);
    let outcomes = all(processes, |process, store| {
        let (ada, shared) = (ada.clone(), shared.clone());
        async move {
            let mut outcomes = Vec::new();
            let mut own = Vec::new();
            for round in 0..ROUNDS {
                let mut batch: Vec<Command> = (1..=FLIGHTS)
                    .map(|flight| {
                        let key = format!("make-{process}-{round}-{flight}");
                        contract::create(&ada, &key, flight, |_| {})
                    })
                    .collect();
                // Those that all four want to cancel, and some of its own.
                let gone = shared.iter().skip(round).step_by(ROUNDS).chain(&own);
                batch.extend(gone.map(|locator| {
                    let key = format!("end-{process}-{round}-{locator}");
                    contract::cancel(&ada, &key, *locator, 1)
                }));
                if process % 2 == 1 {
                    batch.reverse();
                }
                let done = store.execute(&batch).await.unwrap();
                own = made(&done).into_iter().step_by(2).collect();
                outcomes.extend(done);
            }
            outcomes
        }
    })
    .await
    .concat();
    let (made, ended) = (count(&outcomes, "201"), count(&outcomes, "200"));
    assert_eq!(made, PROCESSES * ROUNDS * 8);
    assert_eq!(count(&outcomes, "stale_version"), 3 * shared.len());
    assert_eq!(made + ended + 3 * shared.len(), outcomes.len());
    let mut sold = 0;
    for flight in 1..=FLIGHTS {
        sold += fixture.counters(flight).await.1 as usize;
    }
    assert_eq!(sold, shared.len() + made - ended);
    assert_eq!(fixture.store().violations().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_keys_in_opposite_orders_are_each_one_booking() {
    const ROUNDS: usize = 10;
    const KEYS: usize = 16;
    let (fixture, processes, ada) = opened_by_four(1_000).await;
    let answers = all(processes, |process, store| {
        let ada = ada.clone();
        async move {
            let mut answers = HashMap::new();
            for round in 0..ROUNDS {
                let mut batch: Vec<Command> = (0..KEYS)
                    .map(|n| contract::create(&ada, &format!("key-{round}-{n}"), 1, |_| {}))
                    .collect();
                if process % 2 == 1 {
                    batch.reverse();
                }
                let done = store.execute(&batch).await.unwrap();
                let keys = batch.iter().filter_map(|c| Some(c.asked()?.key.clone()));
                answers.extend(keys.zip(done));
            }
            answers
        }
    })
    .await;
    assert_eq!(answers[0].len(), ROUNDS * KEYS);
    for other in &answers {
        assert_eq!(*other, answers[0], "one outcome, wherever the key comes");
    }
    let all: Vec<Outcome> = answers[0].values().cloned().collect();
    assert_eq!(count(&all, "201"), ROUNDS * KEYS);
    assert_eq!(fixture.counters(1).await, (1_000, 160));
    assert_eq!(fixture.store().violations().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hot_flight_sells_every_seat_once() {
    let (fixture, processes, ada) = opened_by_four(101).await;
    let outcomes = all(processes, |process, store| {
        let ada = ada.clone();
        async move {
            let mut outcomes = Vec::new();
            for round in 0..8 {
                let batch: Vec<Command> = (0..8)
                    .map(|n| contract::create(&ada, &format!("{process}-{round}-{n}"), 1, |_| {}))
                    .collect();
                outcomes.extend(store.execute(&batch).await.unwrap());
            }
            outcomes
        }
    })
    .await
    .concat();
    assert_eq!(count(&outcomes, "201"), 101);
    assert_eq!(count(&outcomes, "sold_out"), 4 * 8 * 8 - 101);
    assert_eq!(fixture.counters(1).await, (101, 101));
    assert_eq!(fixture.store().violations().await.unwrap(), []);
}

/// Holds that end, are confirmed and cancelled, and parties that wait for one and for two flights, in all processes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn holds_and_waitlists_meet_no_deadlock_and_sell_no_seat_twice() {
    const ROUNDS: usize = 12;
    let (fixture, processes, ada) = opened_by_four(12).await;
    for flight in 1..=FLIGHTS {
        let number = 100 + u16::try_from(flight).unwrap();
        fixture.onward(100 + flight, number, 51, 12).await;
    }
    let outcomes = all(processes, |process, store| {
        let ada = ada.clone();
        async move {
            let mut outcomes = Vec::new();
            let mut own: Vec<Locator> = Vec::new();
            for round in 0..ROUNDS {
                let mut batch: Vec<Command> = (1..=FLIGHTS)
                    .map(|flight| {
                        let key = format!("make-{process}-{round}-{flight}");
                        contract::create(&ada, &key, flight, |b| {
                            if (round + process) % 2 == 0 {
                                b["waitlist"] = true.into();
                            } else {
                                b["hold"] = true.into();
                            }
                            if round % 3 == 0 {
                                let onward = (100 + flight).to_string();
                                let second =
                                    serde_json::json!({"flight_id": onward, "cabin": "economy"});
                                b["segments"].as_array_mut().unwrap().push(second);
                            }
                        })
                    })
                    .collect();
                for (n, locator) in own.iter().enumerate() {
                    let key = format!("end-{process}-{round}-{locator}");
                    batch.push(match n % 3 {
                        0 => contract::cancel(&ada, &key, *locator, 1),
                        1 => contract::confirm(&ada, &key, *locator, 1),
                        _ => Command::Due(Duty::Expire(*locator)),
                    });
                }
                for flight in 1..=FLIGHTS {
                    batch.push(Command::Due(Duty::Clear(FlightId::from_raw(flight))));
                }
                if process % 2 == 1 {
                    batch.reverse();
                }
                let done = store.execute(&batch).await.unwrap();
                own = made(&done);
                outcomes.extend(done);
                // For each second hold the time is over.
                let over = "UPDATE bookings SET time_limit = now()
                            WHERE status = 'held' AND id % 2 = 0 AND locator = ANY ($1)";
                let mine: Vec<&str> = own.iter().map(Locator::as_str).collect();
                let over = sqlx::query(over).bind(mine);
                over.execute(&store.primary()).await.unwrap();
            }
            outcomes
        }
    })
    .await
    .concat();
    assert!(
        count(&outcomes, "1 settled") > 0,
        "nothing was due: {:?}",
        outcomes
            .iter()
            .map(contract::word)
            .collect::<std::collections::BTreeSet<_>>()
    );
    assert!(
        count(&outcomes, "201") > PROCESSES * ROUNDS,
        "hardly anything was made"
    );
    assert!(
        count(&outcomes, "200") > ROUNDS,
        "hardly anything has ended"
    );
    assert_eq!(fixture.store().violations().await.unwrap(), []);
    // Once all is still, whoever waits waits for seats that are not there.
    while let due @ [_, ..] = &fixture.store().due(Look::Everything, 64).await.unwrap()[..] {
        let commands: Vec<Command> = due.iter().copied().map(Command::Due).collect();
        let settled = fixture.store().execute(&commands).await.unwrap();
        assert!(
            settled
                .iter()
                .any(|outcome| *outcome != Outcome::Settled(0))
        );
    }
    let waiting = "SELECT count(*) FROM segments s JOIN inventory i USING (flight_id, cabin)
                   WHERE s.status = 'HL' AND s.seats <= i.capacity - i.sold
                     AND NOT EXISTS (SELECT FROM segments o JOIN inventory f USING (flight_id, cabin)
                                     WHERE o.booking_id = s.booking_id AND o.seats > f.capacity - f.sold)";
    let fits: i64 = sqlx::query_scalar(waiting)
        .fetch_one(&fixture.database().primary())
        .await
        .unwrap();
    assert_eq!(fits, 0);
    assert_eq!(fixture.store().violations().await.unwrap(), []);
}

/// All four find the same holds at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hold_ends_once_whoever_looks() {
    const HOLDS: usize = 40;
    let (fixture, processes, ada) = opened_by_four(100).await;
    let batch: Vec<Command> = (0..HOLDS)
        .map(|n| {
            let flight = 1 + i64::try_from(n).unwrap() % FLIGHTS;
            contract::create(&ada, &format!("held-{n}"), flight, |b| {
                b["hold"] = true.into();
            })
        })
        .collect();
    let held = made(&fixture.store().execute(&batch).await.unwrap());
    fixture.pass(25).await;
    let settled = all(processes, |process, store| {
        let (ada, held) = (ada.clone(), held.clone());
        async move {
            let due = store
                .due(
                    Look::Holds {
                        near: SignedDuration::ZERO,
                    },
                    100,
                )
                .await
                .unwrap();
            let mut batch: Vec<Command> = due.into_iter().map(Command::Due).collect();
            // One of them also wants to keep what has ended.
            if process == 0 {
                for locator in held {
                    let key = format!("keep-{locator}");
                    batch.push(contract::confirm(&ada, &key, locator, 1));
                }
            }
            store.execute(&batch).await.unwrap()
        }
    })
    .await
    .concat();
    assert_eq!(count(&settled, "1 settled"), HOLDS);
    assert_eq!(count(&settled, "200"), 0);
    for flight in 1..=FLIGHTS {
        assert_eq!(fixture.counters(flight).await, (100, 0));
    }
    let events = fixture.events().await;
    let expired = events.iter().filter(|e| e.kind() == "booking.expired");
    assert_eq!(expired.count(), HOLDS);
    assert_eq!(fixture.store().violations().await.unwrap(), []);
}
