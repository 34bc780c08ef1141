//! What happened to flights, told to the bookings on them.
//!
//! A segment knows the version of its flight of which the party was last told. Of later changes only the last counts: what
//! has happened in between nobody was told of. The times that the party has agreed to stay with the segment until it accepts
//! others, or the flight has these again.

use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::flight::FlightStatus;
use airside_common::locator::Locator;
use airside_common::time::OffsetTime;

use super::change::flight_of;
use super::{Author, Change, Desk, Kind, Place, Stored, holds_seats};
use crate::features::bookings::party;

/// A change of a flight's times, or its cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The flight's version after it.
    pub version: u64,
    /// Departure and arrival before it.
    pub before: (OffsetTime, OffsetTime),
}

impl Desk<'_> {
    /// A booking is told what has happened to its flights since it was last told; nothing where it knows.
    pub(super) fn reschedule(&mut self, locator: Locator) -> Option<Change> {
        let mut stored = self.bookings.get(&locator)?.clone();
        if stored.booking.status == BookingStatus::Cancelled {
            return None;
        }
        let (mut noticed, mut news, mut released) = (false, Vec::new(), Vec::new());
        for at in 0..stored.booking.segments.len() {
            let Some(notice) = self.notice(&stored, at) else {
                continue;
            };
            noticed = true;
            let segment = &mut stored.booking.segments[at];
            stored.terms[at].version = Some(notice.version);
            let place = (segment.flight_id, segment.cabin);
            if holds_seats(segment.status) && !holds_seats(notice.status) {
                released.push(place);
                stored.terms[at].ended_at = Some(self.now);
            }
            segment.status = notice.status;
            (segment.departure, segment.arrival) = notice.times;
            segment.previous_departure = notice.agreed.map(|(departure, _)| departure);
            segment.previous_arrival = notice.agreed.map(|(_, arrival)| arrival);
            let name = flight_of(segment);
            if let Some(what) = notice.news {
                news.push(format!("{name} {what}"));
            }
        }
        if !noticed {
            return None;
        }
        self.leave(&mut stored, &released);
        let id = stored.id;
        if news.is_empty() {
            self.bookings.insert(locator, stored.clone());
            return Some(Change {
                by: Author::System,
                kind: Kind::Notice { id },
                terms: stored.terms,
                booking: Box::new(stored.booking),
            });
        }
        let told = self.becomes(stored);
        Some(Change {
            by: Author::System,
            kind: Kind::Reschedule {
                id,
                released,
                detail: news.join("; "),
            },
            terms: told.terms,
            booking: Box::new(told.booking),
        })
    }

    /// Gives the seats of segments back that hold none any more, and with them those that were chosen there.
    pub(super) fn leave(&mut self, stored: &mut Stored, released: &[Place]) {
        let booking = &mut stored.booking;
        let seats = u32::from(party::seats_needed(&booking.passengers));
        for place in released {
            self.give_back(*place, seats);
        }
        let segments = &booking.segments;
        let taken = &mut self.taken;
        booking.seats.retain(|choice| {
            let at = usize::from(choice.segment).checked_sub(1);
            let Some(segment) = at.and_then(|at| segments.get(at)) else {
                return false;
            };
            let stays = holds_seats(segment.status);
            if !stays {
                taken.remove(&(segment.flight_id, choice.seat));
            }
            stays
        });
    }

    /// What is to be noticed of a segment's flight, if there is something.
    fn notice(&self, stored: &Stored, at: usize) -> Option<Notice> {
        let segment = &stored.booking.segments[at];
        let known = stored.terms[at].version.unwrap_or(0);
        if matches!(segment.status, SegmentStatus::Un | SegmentStatus::Xx) {
            return None;
        }
        let flight = self.flights.get(&segment.flight_id)?;
        let moves = self.moves.get(&segment.flight_id)?;
        let first = moves.iter().find(|change| change.version > known)?;
        let is_cancelled = flight.status == FlightStatus::Cancelled;
        // A waitlist ends with its flight, by itself.
        if is_cancelled && segment.status == SegmentStatus::Hl {
            return None;
        }
        let times = (flight.departure, flight.arrival);
        let agreed = segment
            .previous_departure
            .zip(segment.previous_arrival)
            .unwrap_or(first.before);
        let agreed = (agreed != times).then_some(agreed);
        let status = match segment.status {
            SegmentStatus::Hl => SegmentStatus::Hl,
            _ if is_cancelled => SegmentStatus::Un,
            _ if agreed.is_some() => SegmentStatus::Tk,
            _ => SegmentStatus::Hk,
        };
        let news = if is_cancelled {
            Some("does not operate".to_owned())
        } else if first.before != times {
            Some(format!(
                "is {} now, not {}",
                clocks(times),
                clocks(first.before)
            ))
        } else {
            None
        };
        Some(Notice {
            version: flight.version,
            status,
            times,
            agreed,
            news,
        })
    }
}

/// What a segment becomes by what happened to its flight.
struct Notice {
    version: u64,
    status: SegmentStatus,
    times: (OffsetTime, OffsetTime),
    agreed: Option<(OffsetTime, OffsetTime)>,
    /// What the party is told, if it is something that it was not told before.
    news: Option<String>,
}

/// Departure and arrival on the clocks of the airports.
fn clocks((departure, arrival): (OffsetTime, OffsetTime)) -> String {
    let days = (arrival.date() - departure.date()).get_days();
    let later = match days {
        0 => String::new(),
        days => format!("{days:+}"),
    };
    let clock = |time: OffsetTime| time.local().strftime("%H%M").to_string();
    format!("{}-{}{later}", clock(departure), clock(arrival))
}
