use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use super::*;
use crate::features::bookings::store::contract::{agent, cancel, confirm, create};

fn queued(command: Command) -> Queued {
    Queued {
        command,
        answer: oneshot::channel().0,
        place: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        since: Instant::now(),
        claimed: Arc::new(AtomicBool::new(false)),
    }
}

/// A line, and the batches that were taken from it and are at work.
#[derive(Default)]
struct Desk {
    line: Line,
    at_work: Vec<Claims>,
}

impl Desk {
    fn comes(&mut self, command: Command) {
        self.line.push(queued(command), self.at_work.iter());
    }

    /// The keys of a batch that begins.
    fn takes(&mut self, most: usize) -> Vec<String> {
        let (taken, claims) = self.line.take(most);
        self.at_work.push(claims);
        self.line.sort(self.at_work.iter());
        taken
            .iter()
            .map(|q| match &q.command {
                Command::Asked(asked) => asked.key.to_string(),
                due @ Command::Due(_) => due.name(),
            })
            .collect()
    }

    fn first_ends(&mut self) {
        self.at_work.remove(0);
        self.line.sort(self.at_work.iter());
    }
}

#[test]
fn who_wants_what_is_at_work_waits_and_nobody_else_does() {
    let ada = agent("ada", "NYC1A0001");
    let mut desk = Desk::default();
    desk.comes(create(&ada, "a", 1, |_| {}));
    desk.comes(create(&ada, "b", 1, |_| {}));
    desk.comes(create(&ada, "c", 2, |_| {}));
    assert_eq!(desk.line.free(), 3, "one batch may want a cabin twice");
    assert_eq!(desk.takes(1), ["a"]);
    desk.comes(create(&ada, "d", 1, |_| {}));
    desk.comes(create(&ada, "e", 3, |_| {}));
    desk.comes(create(&ada, "f", 1, |body| {
        body["segments"][0]["cabin"] = "first".into();
    }));
    assert_eq!(desk.line.free(), 3);
    assert_eq!(desk.takes(64), ["c", "e", "f"]);
    assert_eq!(desk.line.free(), 0);
    desk.first_ends();
    assert_eq!(desk.takes(64), ["b", "d"]);
    assert!(desk.line.is_empty());
}

#[test]
fn who_waits_for_one_of_two_flights_is_overtaken_on_neither() {
    let ada = agent("ada", "NYC1A0001");
    let mut desk = Desk::default();
    desk.comes(create(&ada, "first", 1, |_| {}));
    assert_eq!(desk.takes(64), ["first"]);
    desk.comes(create(&ada, "both", 1, |body| {
        let second = serde_json::json!({"flight_id": "2", "cabin": "economy"});
        body["segments"].as_array_mut().unwrap().push(second);
    }));
    desk.comes(create(&ada, "late", 2, |_| {}));
    assert_eq!(desk.line.free(), 0);
    desk.first_ends();
    assert_eq!(desk.takes(64), ["both", "late"]);
}

#[test]
fn a_key_and_a_booking_are_at_work_once() {
    let ada = agent("ada", "NYC1A0001");
    let locator = "K7QW2M".parse().unwrap();
    let mut desk = Desk::default();
    desk.comes(create(&ada, "key", 1, |_| {}));
    desk.comes(cancel(&ada, "gone", locator, 1));
    assert_eq!(desk.takes(64), ["key", "gone"]);
    desk.comes(create(&ada, "key", 2, |_| {}));
    desk.comes(cancel(&ada, "gone again", locator, 1));
    assert_eq!(desk.line.free(), 0);
    desk.comes(create(&agent("eva", "NYC1A0001"), "key", 2, |_| {}));
    assert_eq!(desk.line.free(), 0, "the first with flight 2 waits too");
    desk.first_ends();
    assert_eq!(desk.takes(64), ["key", "gone again", "key"]);
}

#[test]
fn what_is_due_waits_for_its_booking_and_its_flight() {
    let ada = agent("ada", "NYC1A0001");
    let locator = "K7QW2M".parse().unwrap();
    let mut desk = Desk::default();
    desk.comes(confirm(&ada, "confirm", locator, 1));
    desk.comes(create(&ada, "seat", 1, |_| {}));
    assert_eq!(desk.takes(64), ["confirm", "seat"]);
    desk.comes(Command::Due(Duty::Expire(locator)));
    desk.comes(Command::Due(Duty::Clear(FlightId::from_raw(1))));
    assert_eq!(desk.line.free(), 0);
    desk.comes(Command::Due(Duty::Clear(FlightId::from_raw(2))));
    assert_eq!(desk.takes(64), ["waitlist-of-2"]);
    desk.first_ends();
    assert_eq!(desk.takes(64), ["expiry-of-K7QW2M", "waitlist-of-1"]);
}
