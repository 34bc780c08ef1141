//! What comes due: holds whose time limit passes, flights that change under their bookings, and seats that become free for those
//! who wait.
//!
//! Each process that writes bookings looks for it; the writer's transactions see to it that each thing is done once. Seats
//! that a booking gives back go to those who wait in its own transaction. What is left for here are seats that a change of a
//! flight or an import makes, flights that leave, and what came together so closely that nobody saw it.

use std::collections::BTreeSet;
use std::time::Duration;

use airside_common::event::Event;
use airside_common::flight::FlightId;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::service::{BookingError, Bookings};
use crate::bus::{Delivery, Subscription};

/// How often is looked for holds whose time limit has passed.
pub const HOLDS_EVERY: Duration = Duration::from_secs(1);

/// How often all flights that have changed and all waitlists are looked at, whatever was heard of them.
pub const FLIGHTS_EVERY: Duration = Duration::from_mins(1);

/// How long after an event its flights are looked at, together with those of other events: under load all the time something
/// happens.
const PAUSE: Duration = Duration::from_millis(200);

/// Flights that are looked at by name. Where something has happened on more, as in an import, all that have changed and all
/// waitlists are looked at, which does not cost more with each of them.
const MOST_NAMED: usize = 1_000;

/// Attends to what is due until told to stop or the bus ends. What the writer has been given by then it does.
pub async fn attend(bookings: Bookings, events: Box<dyn Subscription>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = attend_to(bookings, events) => {}
    }
}

async fn attend_to(bookings: Bookings, mut events: Box<dyn Subscription>) {
    let mut holds = interval(HOLDS_EVERY);
    holds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut all_flights = interval(FLIGHTS_EVERY);
    all_flights.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Heard::default();
    let mut is_failing = false;
    loop {
        let done = tokio::select! {
            _ = holds.tick() => bookings.attend_to_holds().await,
            _ = all_flights.tick() => bookings.attend_to_flights(None).await,
            () = sleep_until(heard.since + PAUSE), if !heard.flights.is_empty() => {
                let flights: Vec<FlightId> = std::mem::take(&mut heard.flights).into_iter().collect();
                let named = (flights.len() <= MOST_NAMED).then_some(&*flights);
                bookings.attend_to_flights(named).await
            }
            delivery = events.next() => match delivery {
                Some(Delivery::Event(envelope)) => {
                    heard.note(&envelope.event);
                    continue;
                }
                Some(Delivery::Lagged) => bookings.attend_to_flights(None).await,
                None => return,
            },
        };
        is_failing = told(done, is_failing);
    }
}

/// Says once that it does not work, and once that it does again. Answers whether it fails.
fn told(done: Result<usize, BookingError>, was_failing: bool) -> bool {
    match done {
        Ok(_) if was_failing => tracing::info!("what is due is attended to again"),
        Ok(_) => {}
        Err(error) if !was_failing => {
            tracing::warn!(%error, "what is due is not attended to for now");
            return true;
        }
        Err(_) => return true,
    }
    false
}

/// Flights on which something has happened.
struct Heard {
    flights: BTreeSet<FlightId>,
    /// When it was heard of the first of them.
    since: Instant,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            flights: BTreeSet::new(),
            since: Instant::now(),
        }
    }
}

impl Heard {
    fn note(&mut self, event: &Event) {
        let flights: &[FlightId] = match event {
            Event::FlightChanged { flight, .. } | Event::FlightCancelled { flight, .. } => {
                std::slice::from_ref(flight)
            }
            Event::FlightsImported { flights } | Event::InventoryChanged { flights } => flights,
            _ => return,
        };
        if self.flights.is_empty() {
            self.since = Instant::now();
        }
        for flight in flights {
            // One more says that there are too many.
            if self.flights.len() > MOST_NAMED {
                return;
            }
            self.flights.insert(*flight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(numbers: std::ops::Range<u32>) -> Event {
        Event::FlightsImported {
            flights: numbers
                .map(|number| FlightId::new(20_000, number))
                .collect(),
        }
    }

    #[test]
    fn no_flight_is_forgotten_among_those_that_were_heard_of_before() {
        let mut heard = Heard::default();
        heard.note(&imported(0..900));
        heard.note(&imported(0..1_000));
        assert_eq!(heard.flights.len(), MOST_NAMED);
        assert!(heard.flights.contains(&FlightId::new(20_000, 999)));
    }

    #[test]
    fn more_flights_than_are_named_are_not_kept() {
        let mut heard = Heard::default();
        heard.note(&imported(0..5_000));
        heard.note(&imported(5_000..9_000));
        assert_eq!(heard.flights.len(), MOST_NAMED + 1);
    }
}
