//! What the facts allow: pure, and the same for every database.

use std::collections::{HashMap, HashSet};

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::api::bookings::Booking;
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::SegmentStatus;
use airside_common::flight::{AircraftCode, FlightId, FlightNumber, FlightStatus, SeatNumber};
use airside_common::locator::Locator;
use airside_common::money::Money;
use airside_common::time::{Instant, OffsetTime};
use airside_common::user::UserId;
use jiff::Timestamp;

use super::command::{Action, Answer, Asked, Command, Duty, IfMatch, Outcome};
use crate::features::auth::caller::Caller;
pub use change::{Author, Change, Kind, Place, WAITLISTED, seat_balance};
pub use reschedule::Move;

mod change;
mod confirm;
mod create;
mod end;
mod rebook;
mod reschedule;
#[cfg(test)]
mod tests;
mod waitlist;
mod warn;

/// What the database says about all that a batch of commands touches, read under its locks.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The database's time: it alone says what has departed.
    pub now: Timestamp,
    /// The flights that commands name, and those of the bookings, those that exist.
    pub flights: HashMap<FlightId, FlightFacts>,
    /// The bookings that commands name, and those that wait, those that exist.
    pub bookings: HashMap<Locator, Stored>,
    /// What has happened to flights since bookings could be told of it, the earliest first; read where bookings are told.
    pub moves: HashMap<FlightId, Vec<Move>>,
    /// Waitlisted bookings that may get what these commands make free, in the order in which they came.
    pub waiting: Vec<Locator>,
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
    /// Grows with every change of the flight.
    pub version: u64,
    /// Its cabins, in the order of [`Cabin::ALL`](airside_common::flight::Cabin::ALL).
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
    /// Whether it was said that its time limit is near.
    pub is_warned: bool,
    /// What it is; `operation` is set.
    pub booking: Booking,
    /// What is known of each of its segments beside that.
    pub terms: Vec<SegmentTerms>,
}

/// On what terms a segment was booked. Segments that earlier releases have written have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SegmentTerms {
    /// The version of its flight that the party was last told of.
    pub version: Option<u64>,
    /// The fare of one seat when it was booked.
    pub fare: Option<Money>,
    /// When it was booked, where that was later than its booking.
    pub booked_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
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
    /// What to write, in order; nothing where the command is refused.
    pub changes: Vec<Change>,
}

/// Decides each command in the order of arrival: a party gets all its segments and seats or none, and a refused
/// command takes nothing. What a command gives back goes to those who wait before the next command is looked at. One decision
/// for each command.
pub fn decide(facts: &Facts, commands: &[Command]) -> Vec<Decision> {
    let mut desk = Desk {
        now: facts.now,
        flights: &facts.flights,
        sold: HashMap::new(),
        bookings: facts.bookings.clone(),
        moves: &facts.moves,
        waiting: &facts.waiting,
        taken: facts.taken.clone(),
        locators: facts.locators.iter().copied(),
    };
    commands
        .iter()
        .map(|command| match command {
            Command::Asked(asked) => match desk.run(asked) {
                Ok((change, status)) => {
                    let cleared = desk.clear(|place| change.gives_back(place));
                    done(change, status, cleared, asked)
                }
                Err(problem) => refused(problem, asked),
            },
            Command::Due(duty) => {
                let changes = desk.attend(*duty);
                Decision {
                    outcome: Outcome::Settled(changes.len()),
                    changes,
                }
            }
        })
        .collect()
}

/// The state of things between the commands of one batch.
struct Desk<'a> {
    now: Timestamp,
    flights: &'a HashMap<FlightId, FlightFacts>,
    /// Seats sold, where this batch has changed them.
    sold: HashMap<Place, u32>,
    bookings: HashMap<Locator, Stored>,
    moves: &'a HashMap<FlightId, Vec<Move>>,
    waiting: &'a [Locator],
    taken: HashSet<(FlightId, SeatNumber)>,
    locators: std::iter::Copied<std::slice::Iter<'a, Locator>>,
}

impl Desk<'_> {
    /// What somebody asked for, and the status of its success.
    fn run(&mut self, asked: &Asked) -> Result<(Change, u16), Problem> {
        match &asked.action {
            Action::Create { body, terms } => {
                self.create(body, *terms, asked).map(|change| (change, 201))
            }
            Action::Confirm { locator, expected } => {
                let stored = self.named(*locator, *expected, &asked.caller)?;
                self.confirm(stored, asked).map(|change| (change, 200))
            }
            Action::Cancel { locator, expected } => {
                let stored = self.named(*locator, *expected, &asked.caller)?;
                self.cancel(stored, asked).map(|change| (change, 200))
            }
            Action::Rebook {
                locator,
                expected,
                body,
            } => {
                let stored = self.named(*locator, *expected, &asked.caller)?;
                self.rebook(stored, body, asked).map(|change| (change, 200))
            }
        }
    }

    /// What is due; nothing where it is not, or not any more.
    fn attend(&mut self, duty: Duty) -> Vec<Change> {
        match duty {
            Duty::Expire(locator) => match self.expire(locator) {
                Some(expired) => {
                    let cleared = self.clear(|place| expired.gives_back(place));
                    std::iter::once(expired).chain(cleared).collect()
                }
                None => Vec::new(),
            },
            Duty::Clear(flight) => self.clear(|place| place.0 == flight),
            Duty::Reschedule(locator) => self.reschedule(locator).into_iter().collect(),
            Duty::Warn(locator) => self.warn(locator).into_iter().collect(),
        }
    }

    /// The booking that the caller names, at this version.
    fn named(
        &self,
        locator: Locator,
        expected: IfMatch,
        caller: &Caller,
    ) -> Result<Stored, Problem> {
        let stored = self
            .bookings
            .get(&locator)
            .filter(|stored| stored.is_visible_to(caller))
            .ok_or_else(|| {
                Problem::new(Code::NotFound, format!("there is no booking {locator}"))
            })?;
        let version = stored.booking.version;
        if expected.holds(version) {
            return Ok(stored.clone());
        }
        Err(Problem::new(
            Code::StaleVersion,
            format!("the booking is at version {version} now"),
        ))
    }

    /// Notes what a booking has become; answers it.
    fn becomes(&mut self, mut stored: Stored) -> Stored {
        stored.booking.version += 1;
        stored.booking.updated_at = Instant(self.now);
        self.bookings.insert(stored.booking.locator, stored.clone());
        stored
    }

    /// Why a flight cannot be booked, if it cannot.
    fn is_gone(&self, flight: &FlightFacts) -> Option<&'static str> {
        if flight.status == FlightStatus::Cancelled {
            Some("is cancelled")
        } else if flight.departure.instant() <= self.now {
            Some("has departed")
        } else {
            None
        }
    }

    /// What is known of a cabin before this batch.
    fn cabin(&self, (flight, cabin): Place) -> Option<CabinFacts> {
        self.flights.get(&flight)?.cabins[cabin.index()]
    }

    /// Seats sold of a cabin now.
    fn sold(&self, place: Place) -> u32 {
        self.sold
            .get(&place)
            .copied()
            .unwrap_or_else(|| self.cabin(place).map_or(0, |cabin| cabin.sold))
    }

    /// Seats that are left of a cabin now; none where there is no such cabin.
    fn left(&self, place: Place) -> u32 {
        self.cabin(place)
            .map_or(0, |cabin| cabin.capacity.saturating_sub(self.sold(place)))
    }

    fn take(&mut self, place: Place, seats: u32) {
        self.sold.insert(place, self.sold(place) + seats);
    }

    fn give_back(&mut self, place: Place, seats: u32) {
        self.sold
            .insert(place, self.sold(place).saturating_sub(seats));
    }
}

/// Whether a segment in this state has its seats counted as sold. What does not operate has no seats: a segment gives them
/// back when it becomes UN.
pub fn holds_seats(status: SegmentStatus) -> bool {
    matches!(status, SegmentStatus::Hk | SegmentStatus::Tk)
}

fn done(change: Change, status: u16, cleared: Vec<Change>, asked: &Asked) -> Decision {
    let booking = &change.booking;
    match serde_json::to_string(booking) {
        Ok(body) => Decision {
            outcome: Outcome::Answered(Answer {
                status,
                body,
                subject: Some((booking.locator, booking.version)),
            }),
            changes: std::iter::once(change).chain(cleared).collect(),
        },
        Err(error) => {
            tracing::error!(%error, key = %asked.key, "a booking that cannot be written as JSON");
            refused(
                Problem::new(Code::Internal, "the answer could not be written"),
                asked,
            )
        }
    }
}

/// Only a conflict is kept with its key; it names the request that met it, so that it is the same whenever the key comes.
fn refused(mut problem: Problem, asked: &Asked) -> Decision {
    let kept = (problem.status == 409)
        .then(|| {
            problem.instance.clone_from(&asked.request_id);
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
        changes: Vec::new(),
    }
}
