//! What the facts allow: pure, and the same for every database.

use std::collections::{BTreeMap, HashMap, HashSet};

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::api::bookings::Booking;
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::flight::{
    AircraftCode, Cabin, FlightId, FlightNumber, FlightStatus, SeatNumber,
};
use airside_common::locator::Locator;
use airside_common::money::Money;
use airside_common::time::{Instant, OffsetTime};
use airside_common::user::UserId;
use jiff::Timestamp;

use super::command::{Action, Answer, Command, IfMatch, Outcome};
use super::party;
use crate::features::auth::caller::Caller;

mod create;
#[cfg(test)]
mod tests;

/// What the database says about all that a batch of commands touches, read under its locks.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The database's time: it alone says what has departed.
    pub now: Timestamp,
    /// The flights that commands name, those that exist.
    pub flights: HashMap<FlightId, FlightFacts>,
    /// The bookings that commands name, those that exist.
    pub bookings: HashMap<Locator, Stored>,
    /// Of the seats that commands name, those that somebody has.
    pub taken: HashSet<(FlightId, SeatNumber)>,
    /// Locators that are free, different from each other, one for each command.
    pub locators: Vec<Locator>,
}

/// A flight as it is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightFacts {
    /// Which flight.
    pub id: FlightId,
    /// Carrier.
    pub carrier: CarrierCode,
    /// Number.
    pub number: FlightNumber,
    /// From.
    pub origin: AirportCode,
    /// To.
    pub destination: AirportCode,
    /// Departure.
    pub departure: OffsetTime,
    /// Arrival.
    pub arrival: OffsetTime,
    /// Type of aircraft.
    pub aircraft: AircraftCode,
    /// Whether it operates.
    pub status: FlightStatus,
    /// Its cabins, in the order of [`Cabin::ALL`].
    pub cabins: [Option<CabinFacts>; 4],
}

/// A cabin as it is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CabinFacts {
    /// Seats there are.
    pub capacity: u32,
    /// Seats sold.
    pub sold: u32,
    /// Fare of one seat.
    pub fare: Money,
}

/// A booking as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number in the database.
    pub id: i64,
    /// Who made it.
    pub made_by: UserId,
    /// What it is; `operation` is set.
    pub booking: Booking,
}

impl Stored {
    /// Whether a caller may see it: one of the same office, or an admin.
    pub fn is_visible_to(&self, caller: &Caller) -> bool {
        caller.sees(&self.booking.office)
    }

    /// The booking as a caller sees it: its key is for its maker alone.
    pub fn seen_by(mut self, caller: &Caller) -> Booking {
        if self.made_by != caller.user_id {
            self.booking.operation = None;
        }
        self.booking
    }
}

/// What is to be written for one command, and what is answered.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The answer.
    pub outcome: Outcome,
    /// What to write; nothing where the command is refused.
    pub change: Option<Change>,
}

/// A change of one booking. The seats that it takes or gives back are in [`seat_balance`].
#[derive(Debug, Clone)]
pub enum Change {
    /// A new booking.
    Create(Box<Booking>),
    /// A booking that has ended.
    Cancel {
        /// Its number in the database.
        id: i64,
        /// The booking as it is now.
        booking: Box<Booking>,
        /// What its segments held before.
        released: Vec<(FlightId, Cabin)>,
    },
}

impl Change {
    /// The booking after the change.
    pub fn booking(&self) -> &Booking {
        match self {
            Self::Create(booking) | Self::Cancel { booking, .. } => booking,
        }
    }

    /// What happened, in words, for the history.
    pub fn detail(&self) -> String {
        let booking = self.booking();
        let flights: Vec<String> = booking
            .segments
            .iter()
            .map(|s| {
                format!(
                    "{}{} {} {}{} {}",
                    s.carrier,
                    s.number,
                    s.departure.date(),
                    s.origin,
                    s.destination,
                    s.cabin
                )
            })
            .collect();
        let people = match booking.passengers.len() {
            1 => "1 passenger".to_owned(),
            count => format!("{count} passengers"),
        };
        match self {
            Self::Create(_) => format!("{people} on {}, {}", flights.join(", "), booking.total),
            Self::Cancel { .. } => format!("{people} off {}", flights.join(", ")),
        }
    }
}

/// Seats that changes take (positive) or give back (negative), in the order in which counters are locked.
pub fn seat_balance(changes: &[&Change]) -> BTreeMap<(FlightId, Cabin), i64> {
    let mut balance = BTreeMap::new();
    for change in changes {
        let seats = i64::from(party::seats_needed(&change.booking().passengers));
        match change {
            Change::Create(booking) => {
                for segment in &booking.segments {
                    *balance
                        .entry((segment.flight_id, segment.cabin))
                        .or_default() += seats;
                }
            }
            Change::Cancel { released, .. } => {
                for place in released {
                    *balance.entry(*place).or_default() -= seats;
                }
            }
        }
    }
    balance.retain(|_, seats| *seats != 0);
    balance
}

/// Decides each command in the order of arrival: a party gets all its segments and seats or none, and a refused
/// command takes nothing. One decision for each command.
pub fn decide(facts: &Facts, commands: &[Command]) -> Vec<Decision> {
    let mut desk = Desk {
        now: facts.now,
        flights: &facts.flights,
        sold: HashMap::new(),
        bookings: facts.bookings.clone(),
        taken: facts.taken.clone(),
        locators: facts.locators.iter().copied(),
    };
    commands
        .iter()
        .map(|command| match desk.run(command) {
            Ok((change, status)) => done(change, status, command),
            Err(problem) => refused(problem, command),
        })
        .collect()
}

/// The state of things between the commands of one batch.
struct Desk<'a> {
    now: Timestamp,
    flights: &'a HashMap<FlightId, FlightFacts>,
    /// Seats sold, where this batch has changed them.
    sold: HashMap<(FlightId, Cabin), u32>,
    bookings: HashMap<Locator, Stored>,
    taken: HashSet<(FlightId, SeatNumber)>,
    locators: std::iter::Copied<std::slice::Iter<'a, Locator>>,
}

impl Desk<'_> {
    fn run(&mut self, command: &Command) -> Result<(Change, u16), Problem> {
        match &command.action {
            Action::Create(body) => self
                .create(body, command)
                .map(|booking| (Change::Create(Box::new(booking)), 201)),
            Action::Cancel { locator, expected } => self
                .cancel(*locator, *expected, &command.caller)
                .map(|change| (change, 200)),
        }
    }

    fn cancel(
        &mut self,
        locator: Locator,
        expected: IfMatch,
        caller: &Caller,
    ) -> Result<Change, Problem> {
        let stored = self
            .bookings
            .get_mut(&locator)
            .filter(|stored| stored.is_visible_to(caller))
            .ok_or_else(|| {
                Problem::new(Code::NotFound, format!("there is no booking {locator}"))
            })?;
        let booking = &mut stored.booking;
        if !expected.holds(booking.version) {
            return Err(Problem::new(
                Code::StaleVersion,
                format!("the booking is at version {} now", booking.version),
            ));
        }
        if booking.status == BookingStatus::Cancelled {
            return Err(Problem::new(
                Code::Conflict,
                format!("the booking {locator} is cancelled already"),
            ));
        }
        booking.status = BookingStatus::Cancelled;
        booking.version += 1;
        booking.updated_at = Instant(self.now);
        for choice in std::mem::take(&mut booking.seats) {
            let segment = usize::from(choice.segment)
                .checked_sub(1)
                .and_then(|at| booking.segments.get(at));
            if let Some(segment) = segment {
                self.taken.remove(&(segment.flight_id, choice.seat));
            }
        }
        let seats = u32::from(party::seats_needed(&booking.passengers));
        let mut released = Vec::new();
        for segment in &mut booking.segments {
            if holds_seats(segment.status) {
                let place = (segment.flight_id, segment.cabin);
                released.push(place);
                if let Some(sold) = self.sold.get_mut(&place) {
                    *sold = sold.saturating_sub(seats);
                } else if let Some(cabin) = self
                    .flights
                    .get(&segment.flight_id)
                    .and_then(|flight| flight.cabins[segment.cabin.index()])
                {
                    self.sold.insert(place, cabin.sold.saturating_sub(seats));
                }
            }
            segment.status = SegmentStatus::Xx;
        }
        Ok(Change::Cancel {
            id: stored.id,
            booking: Box::new(stored.clone().seen_by(caller)),
            released,
        })
    }
}

/// Whether a segment in this state has its seats counted as sold.
pub fn holds_seats(status: SegmentStatus) -> bool {
    matches!(
        status,
        SegmentStatus::Hk | SegmentStatus::Tk | SegmentStatus::Un
    )
}

fn done(change: Change, status: u16, command: &Command) -> Decision {
    let booking = change.booking();
    match serde_json::to_string(booking) {
        Ok(body) => Decision {
            outcome: Outcome::Answered(Answer {
                status,
                body,
                subject: Some((booking.locator, booking.version)),
            }),
            change: Some(change),
        },
        Err(error) => {
            tracing::error!(%error, key = %command.key, "a booking that cannot be written as JSON");
            refused(
                Problem::new(Code::Internal, "the answer could not be written"),
                command,
            )
        }
    }
}

/// Only a conflict is kept with its key; it names the request that met it, so that it is the same whenever the key comes.
fn refused(mut problem: Problem, command: &Command) -> Decision {
    let kept = (problem.status == 409)
        .then(|| {
            problem.instance.clone_from(&command.request_id);
            serde_json::to_string(&problem).ok()
        })
        .flatten();
    let outcome = match kept {
        Some(body) => Outcome::Answered(Answer {
            status: problem.status,
            body,
            subject: None,
        }),
        None => Outcome::Refused(Box::new(problem)),
    };
    Decision {
        outcome,
        change: None,
    }
}
