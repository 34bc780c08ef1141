//! Accepting what happened to flights, and taking others in their place: all of it or nothing.

use std::collections::HashSet;

use airside_common::api::bookings::{NewSegment, RebookBooking, SeatChoice};
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::money::Money;
use airside_common::time::Instant;

use super::change::flight_of;
use super::{Author, Change, Desk, FlightFacts, Kind, Place, SegmentTerms, Stored, holds_seats};
use crate::features::bookings::command::Asked;
use crate::features::bookings::hold::BEFORE_DEPARTURE;
use crate::features::bookings::{itinerary, party};

/// Segments that a booking has at most, with those that were given up.
const MOST_RECORDED: usize = 30;

impl Desk<'_> {
    /// Segments that are named are accepted or replaced; the party gets all its new seats, or keeps what it has.
    pub(super) fn rebook(
        &mut self,
        stored: Stored,
        body: &RebookBooking,
        asked: &Asked,
    ) -> Result<Change, Problem> {
        self.rebookable(&stored)?;
        let seats = u32::from(party::seats_needed(&stored.booking.passengers));
        let plan = self.plan(&stored, body)?;
        let flights: Vec<&FlightFacts> = plan
            .segments
            .iter()
            .filter(|planned| planned.lives())
            .map(|planned| planned.flight)
            .collect();
        let Some(first) = flights.first() else {
            return Err(Problem::field(
                "segments",
                "nothing would be left; cancel the booking instead",
            ));
        };
        self.sound(&stored, body, &plan, &flights)?;
        let total = if plan.segments.iter().all(Planned::stays) {
            stored.booking.total
        } else {
            plan.total(seats)?
        };
        self.enough(&plan, seats)?;
        if let Some(expected) = body.expected_total.filter(|expected| *expected != total) {
            return Err(Problem::new(
                Code::FareChanged,
                format!("the total is {total}, not {expected}"),
            ));
        }
        let time_limit = self.limit(&stored, first)?;

        let released = plan.released.clone();
        let taken: Vec<Place> = plan.legs().collect();
        let mut rebooked = stored;
        // As they were: the seats chosen on what is given up are free for whoever comes next.
        for planned in plan.segments.iter().filter(|planned| !planned.lives()) {
            if let Some(at) = planned.from {
                rebooked.booking.segments[at].status = SegmentStatus::Xx;
            }
        }
        self.leave(&mut rebooked, &released);
        for place in &taken {
            self.take(*place, seats);
        }
        let choices = std::mem::take(&mut rebooked.booking.seats);
        rebooked.booking.seats = plan.moved(choices);
        (rebooked.booking.segments, rebooked.terms) = plan.finish(self.now);
        rebooked.booking.total = total;
        rebooked.booking.time_limit = time_limit;
        let rebooked = self.becomes(rebooked);
        Ok(Change {
            by: Author::of(asked),
            kind: Kind::Rebook {
                id: rebooked.id,
                released,
                taken,
                detail: plan.detail(total),
            },
            terms: rebooked.terms.clone(),
            booking: Box::new(rebooked.seen_by(&asked.caller)),
        })
    }

    /// Whether the booking is in a state in which it can be rebooked.
    fn rebookable(&self, stored: &Stored) -> Result<(), Problem> {
        let locator = stored.booking.locator;
        let why = match stored.booking.status {
            BookingStatus::Held | BookingStatus::Confirmed => None,
            BookingStatus::Cancelled => Some("is cancelled"),
            BookingStatus::Waitlisted => Some("waits for seats and holds none; make another one"),
        };
        if let Some(why) = why {
            return Err(Problem::new(
                Code::Conflict,
                format!("the booking {locator} {why}"),
            ));
        }
        match stored
            .booking
            .time_limit
            .filter(|limit| limit.0 <= self.now)
        {
            Some(limit) => Err(Problem::new(
                Code::TimeLimitPassed,
                format!("the booking {locator} was held until {limit}"),
            )),
            None => Ok(()),
        }
    }
}

impl<'a> Desk<'a> {
    /// What each segment becomes, in their order, with new ones after those that they replace.
    fn plan(&self, stored: &Stored, body: &RebookBooking) -> Result<Plan<'a>, Problem> {
        let wishes = wishes(stored, body)?;
        let (mut segments, mut released) = (Vec::new(), Vec::new());
        for (at, (segment, terms)) in stored
            .booking
            .segments
            .iter()
            .zip(&stored.terms)
            .enumerate()
        {
            let flights = self.flights;
            let flight = flights.get(&segment.flight_id).ok_or_else(|| {
                Problem::new(
                    Code::Internal,
                    format!("the flight of segment {} is not there", at + 1),
                )
            })?;
            let mut kept = Planned {
                from: Some(at),
                flight,
                segment: segment.clone(),
                terms: SegmentTerms {
                    fare: terms
                        .fare
                        .or_else(|| flight.cabins[segment.cabin.index()].map(|cabin| cabin.fare)),
                    ..*terms
                },
                becomes: Becomes::Kept,
            };
            let Some((index, wish)) = wishes[at] else {
                segments.push(kept);
                continue;
            };
            let gives_up = wish.is_some() || segment.status == SegmentStatus::Un;
            if gives_up && holds_seats(segment.status) {
                released.push((segment.flight_id, segment.cabin));
            }
            kept.becomes = if gives_up {
                Becomes::GivenUp
            } else {
                Becomes::Accepted
            };
            segments.push(kept);
            if let Some(wanted) = wish {
                let field = format!("segments[{index}].replacement");
                let leg = self.leg(wanted, &field)?;
                let same = |status| {
                    status != SegmentStatus::Un && leg.place() == (segment.flight_id, segment.cabin)
                };
                if same(segment.status) {
                    return Err(Problem::field(
                        format!("{field}.flight_id"),
                        "is what the segment is on; accept its times instead",
                    ));
                }
                segments.push(Planned {
                    from: None,
                    flight: leg.flight,
                    segment: leg.segment(SegmentStatus::Hk),
                    terms: SegmentTerms {
                        booked_at: Some(self.now),
                        ..leg.terms()
                    },
                    becomes: Becomes::New { index },
                });
            }
        }
        if segments.len() > MOST_RECORDED {
            return Err(Problem::field(
                "segments",
                format!("the booking has had {MOST_RECORDED} segments; make another one"),
            ));
        }
        Ok(Plan { segments, released })
    }

    /// What is left can be flown, and its new flights booked.
    fn sound(
        &self,
        stored: &Stored,
        body: &RebookBooking,
        plan: &Plan<'_>,
        flights: &[&FlightFacts],
    ) -> Result<(), Problem> {
        self.bookable(
            plan.segments
                .iter()
                .filter(|one| one.is_new())
                .map(|one| one.flight),
        )?;
        itinerary::connect(flights).map_err(|broken| {
            let living: Vec<&Planned<'_>> =
                plan.segments.iter().filter(|one| one.lives()).collect();
            // The one that is new is wrong where one of the two is.
            let named = [broken.index, broken.index.saturating_sub(1)]
                .into_iter()
                .find_map(|at| living.get(at)?.index())
                .map(|index| format!("segments[{index}].replacement.flight_id"));
            let field = named.unwrap_or_else(|| match body.segments.len() {
                1 => "segments[0].segment".to_owned(),
                _ => "segments".to_owned(),
            });
            Problem::field(field, broken.message)
        })?;
        if flights.len() > airside_common::booking::MOST_SEGMENTS {
            return Err(Problem::field("segments", "one to three flights"));
        }
        let departs = flights[0].departure.date();
        if plan.segments.iter().any(Planned::is_new) {
            party::refuse(party::ages(
                &stored.booking.passengers,
                departs,
                party::latest_date(self.now),
            ))?;
        }
        Ok(())
    }

    /// Whether all new seats are there, with those that are given back.
    fn enough(&self, plan: &Plan<'_>, seats: u32) -> Result<(), Problem> {
        for planned in plan.segments.iter().filter(|one| one.is_new()) {
            let place = planned.place();
            let back = plan.released.iter().filter(|one| **one == place).count();
            let back = u32::try_from(back).unwrap_or(0) * seats;
            let left = self.left(place) + back;
            if left < seats {
                let flight = planned.flight;
                return Err(Problem::new(
                    Code::SoldOut,
                    format!(
                        "{}{} has {left} seats left in {}, the party needs {seats}",
                        flight.carrier, flight.number, place.1
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The time limit of a held booking, which lies before its first departure.
    fn limit(&self, stored: &Stored, first: &FlightFacts) -> Result<Option<Instant>, Problem> {
        let Some(limit) = stored.booking.time_limit else {
            return Ok(None);
        };
        let departure = first.departure.instant();
        if limit.0 < departure {
            return Ok(Some(limit));
        }
        let earlier = departure - BEFORE_DEPARTURE;
        if earlier <= self.now {
            return Err(Problem::field(
                "segments",
                "the first flight leaves before the time limit; confirm the booking first",
            ));
        }
        Ok(Some(Instant(earlier)))
    }
}

/// What is asked for each segment, with its position in the request: to be accepted, or another flight.
type Wishes<'b> = Vec<Option<(usize, Option<&'b NewSegment>)>>;

fn wishes<'b>(stored: &Stored, body: &'b RebookBooking) -> Result<Wishes<'b>, Problem> {
    let booking = &stored.booking;
    let mut wishes = vec![None; booking.segments.len()];
    for (index, wanted) in body.segments.iter().enumerate() {
        let wrong = |message| Problem::field(format!("segments[{index}].segment"), message);
        let at = usize::from(wanted.segment).checked_sub(1);
        let segment = at.and_then(|at| booking.segments.get(at));
        let (Some(at), Some(segment)) = (at, segment) else {
            return Err(wrong("there is no such segment"));
        };
        match (segment.status, &wanted.replacement) {
            (SegmentStatus::Xx, _) => return Err(wrong("is cancelled")),
            (SegmentStatus::Hk | SegmentStatus::Hl, None) => {
                return Err(wrong("nothing has happened to it that could be accepted"));
            }
            _ => {}
        }
        wishes[at] = Some((index, wanted.replacement.as_ref()));
    }
    Ok(wishes)
}

/// What becomes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Becomes {
    /// It stays as it is.
    Kept,
    /// Its new times are agreed to.
    Accepted,
    /// It ends.
    GivenUp,
    /// It comes in place of another; the position in the request.
    New { index: usize },
}

struct Planned<'a> {
    /// Its position before.
    from: Option<usize>,
    flight: &'a FlightFacts,
    segment: airside_common::api::bookings::Segment,
    terms: SegmentTerms,
    becomes: Becomes,
}

impl Planned<'_> {
    fn lives(&self) -> bool {
        self.becomes != Becomes::GivenUp && self.segment.status != SegmentStatus::Xx
    }

    fn stays(&self) -> bool {
        matches!(self.becomes, Becomes::Kept | Becomes::Accepted)
    }

    fn index(&self) -> Option<usize> {
        match self.becomes {
            Becomes::New { index } => Some(index),
            _ => None,
        }
    }

    fn is_new(&self) -> bool {
        self.index().is_some()
    }

    fn place(&self) -> Place {
        (self.segment.flight_id, self.segment.cabin)
    }
}

struct Plan<'a> {
    segments: Vec<Planned<'a>>,
    /// What is given back.
    released: Vec<Place>,
}

impl Plan<'_> {
    /// What is taken.
    fn legs(&self) -> impl Iterator<Item = Place> {
        self.segments
            .iter()
            .filter(|one| one.is_new())
            .map(Planned::place)
    }

    /// What the party pays for what lives: what it has booked costs what it cost.
    fn total(&self, seats: u32) -> Result<Money, Problem> {
        let too_large = || Problem::field("segments", "the total is too large to be written");
        let mut total: Option<Money> = None;
        for planned in self.segments.iter().filter(|planned| planned.lives()) {
            let fare = planned.terms.fare.ok_or_else(|| {
                Problem::new(Code::Internal, "a cabin that is booked has no fare")
            })?;
            let fares = fare.times(seats).ok_or_else(too_large)?;
            total = Some(match total {
                None => fares,
                Some(sum) if sum.currency() != fares.currency() => {
                    let field = match self.segments.iter().find_map(Planned::index) {
                        Some(index) => format!("segments[{index}].replacement.flight_id"),
                        None => "segments".to_owned(),
                    };
                    return Err(Problem::field(
                        field,
                        format!(
                            "fares in {} and {} cannot be added; book the flights apart",
                            sum.currency().code(),
                            fares.currency().code()
                        ),
                    ));
                }
                Some(sum) => sum.plus(fares).ok_or_else(too_large)?,
            });
        }
        total.ok_or_else(|| Problem::field("segments", "nothing would be left"))
    }

    /// Seats that stay chosen, at the positions that their segments have now.
    fn moved(&self, choices: Vec<SeatChoice>) -> Vec<SeatChoice> {
        let position = |before: u8| {
            let before = usize::from(before).checked_sub(1)?;
            let at = self
                .segments
                .iter()
                .position(|one| one.from == Some(before))?;
            u8::try_from(at + 1).ok()
        };
        let mut moved: Vec<SeatChoice> = choices
            .into_iter()
            .filter_map(|choice| {
                let segment = position(choice.segment)?;
                Some(SeatChoice { segment, ..choice })
            })
            .collect();
        moved.sort_unstable_by_key(|choice| (choice.segment, choice.passenger));
        moved
    }

    /// What happened, in words.
    fn detail(&self, total: Money) -> String {
        let mut told: Vec<String> = Vec::new();
        let mut named = HashSet::new();
        for (at, planned) in self.segments.iter().enumerate() {
            let name = flight_of(&planned.segment);
            match planned.becomes {
                Becomes::Kept => {}
                Becomes::Accepted => told.push(format!("{name} accepted")),
                Becomes::GivenUp => match self.segments.get(at + 1).filter(|next| next.is_new()) {
                    Some(next) => {
                        named.insert(at + 1);
                        told.push(format!("{name} replaced by {}", flight_of(&next.segment)));
                    }
                    None => told.push(format!("{name} dropped")),
                },
                Becomes::New { .. } if named.contains(&at) => {}
                Becomes::New { .. } => told.push(name),
            }
        }
        format!("{}, {total}", told.join(", "))
    }

    /// The segments with their terms as they are from now on.
    fn finish(
        &self,
        now: jiff::Timestamp,
    ) -> (
        Vec<airside_common::api::bookings::Segment>,
        Vec<SegmentTerms>,
    ) {
        self.segments
            .iter()
            .map(|planned| {
                let (mut segment, mut terms) = (planned.segment.clone(), planned.terms);
                match planned.becomes {
                    Becomes::Kept | Becomes::New { .. } => {}
                    Becomes::Accepted => {
                        segment.status = SegmentStatus::Hk;
                        segment.previous_departure = None;
                        segment.previous_arrival = None;
                    }
                    Becomes::GivenUp => {
                        segment.status = SegmentStatus::Xx;
                        terms.ended_at.get_or_insert(now);
                    }
                }
                (segment, terms)
            })
            .unzip()
    }
}
