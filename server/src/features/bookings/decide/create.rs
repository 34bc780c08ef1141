//! Making a booking.

use airside_common::api::bookings::{Booking, CreateBooking, NewSegment, Segment};
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::flight::SeatNumber;
use airside_common::money::Money;
use airside_common::time::Instant;

use super::{Author, CabinFacts, Change, Desk, FlightFacts, Kind, Place, SegmentTerms};
use crate::features::bookings::command::Asked;
use crate::features::bookings::hold::HoldTerms;
use crate::features::bookings::{itinerary, party};
use crate::features::flights::seat_layout::SeatLayout;

impl Desk<'_> {
    /// A booking, with its seats taken from what the batch has left, or with none where it waits for them; or a reason, with
    /// nothing taken.
    pub(super) fn create(
        &mut self,
        body: &CreateBooking,
        terms: HoldTerms,
        asked: &Asked,
    ) -> Result<Change, Problem> {
        let legs = self.legs(body)?;
        let flights: Vec<&FlightFacts> = legs.iter().map(|leg| leg.flight).collect();
        self.bookable(flights.iter().copied())?;
        itinerary::connect(&flights).map_err(|broken| {
            Problem::field(
                format!("segments[{}].flight_id", broken.index),
                broken.message,
            )
        })?;
        let departs = flights[0].departure.date();
        party::refuse(party::ages(
            &body.passengers,
            departs,
            party::latest_date(self.now),
        ))?;
        let seats = u32::from(party::seats_needed(&body.passengers));
        let total = total(&legs, seats)?;
        let chosen = chosen_seats(body, &legs)?;

        let time_limit = if body.hold == Some(true) {
            let departure = flights[0].departure.instant();
            Some(terms.limit(body.time_limit, self.now, departure)?)
        } else {
            None
        };
        let short = legs.iter().find_map(|leg| self.short(leg, seats));
        let status = match short {
            None if time_limit.is_some() => BookingStatus::Held,
            None => BookingStatus::Confirmed,
            Some(_) if body.waitlist == Some(true) => {
                if let Some(leg) = legs.iter().find(|leg| leg.facts.capacity < seats) {
                    return Err(never(leg, seats));
                }
                BookingStatus::Waitlisted
            }
            Some(problem) => return Err(problem),
        };
        for (flight, seat) in &chosen {
            if self.taken.contains(&(flight.id, *seat)) {
                return Err(Problem::new(
                    Code::SeatTaken,
                    format!(
                        "seat {seat} on {}{} belongs to somebody else",
                        flight.carrier, flight.number
                    ),
                ));
            }
        }
        if let Some(expected) = body.expected_total.filter(|expected| *expected != total) {
            return Err(Problem::new(
                Code::FareChanged,
                format!("the total is {total}, not {expected}"),
            ));
        }
        let locator = self
            .locators
            .next()
            .ok_or_else(|| Problem::new(Code::Unavailable, "no free record locator was drawn"))?;

        let segment_status = if status == BookingStatus::Waitlisted {
            SegmentStatus::Hl
        } else {
            for leg in &legs {
                self.take(leg.place(), seats);
            }
            SegmentStatus::Hk
        };
        self.taken
            .extend(chosen.iter().map(|(flight, seat)| (flight.id, *seat)));
        let booking = Booking {
            locator,
            status,
            version: 1,
            segments: legs.iter().map(|leg| leg.segment(segment_status)).collect(),
            passengers: body.passengers.clone(),
            seats: body.seats.clone().unwrap_or_default(),
            contact: body.contact.clone(),
            total,
            time_limit,
            office: asked.caller.office.clone(),
            created_by: asked.caller.username.clone(),
            created_at: Instant(self.now),
            updated_at: Instant(self.now),
            operation: Some(asked.key.clone()),
        };
        Ok(Change {
            by: Author::of(asked),
            kind: Kind::Create,
            terms: legs.iter().map(Leg::terms).collect(),
            booking: Box::new(booking),
        })
    }

    /// Refuses flights that have departed or will not.
    pub(super) fn bookable<'f>(
        &self,
        flights: impl IntoIterator<Item = &'f FlightFacts>,
    ) -> Result<(), Problem> {
        for flight in flights {
            if let Some(why) = self.is_gone(flight) {
                return Err(Problem::new(
                    Code::FlightNotBookable,
                    format!(
                        "{}{} on {} {why}",
                        flight.carrier,
                        flight.number,
                        flight.departure.date()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The refusal, where too few seats are left.
    fn short(&self, leg: &Leg<'_>, seats: u32) -> Option<Problem> {
        let left = self.left(leg.place());
        (left < seats).then(|| {
            Problem::new(
                Code::SoldOut,
                format!(
                    "{}{} has {left} seats left in {}, the party needs {seats}",
                    leg.flight.carrier, leg.flight.number, leg.cabin
                ),
            )
        })
    }
}

/// The refusal of a party that would wait for more seats than there are.
fn never(leg: &Leg<'_>, seats: u32) -> Problem {
    Problem::new(
        Code::SoldOut,
        format!(
            "{}{} has no more than {} seats in {}, the party needs {seats}",
            leg.flight.carrier, leg.flight.number, leg.facts.capacity, leg.cabin
        ),
    )
}

/// One flight of the itinerary in its cabin.
pub(super) struct Leg<'a> {
    pub(super) flight: &'a FlightFacts,
    cabin: airside_common::flight::Cabin,
    facts: CabinFacts,
}

impl Leg<'_> {
    pub(super) fn place(&self) -> Place {
        (self.flight.id, self.cabin)
    }

    /// The terms on which it is booked with its booking.
    pub(super) fn terms(&self) -> SegmentTerms {
        SegmentTerms {
            version: Some(self.flight.version),
            fare: Some(self.facts.fare),
            booked_at: None,
            ended_at: None,
        }
    }

    pub(super) fn segment(&self, status: SegmentStatus) -> Segment {
        let flight = self.flight;
        Segment {
            flight_id: flight.id,
            carrier: flight.carrier,
            number: flight.number,
            origin: flight.origin,
            destination: flight.destination,
            departure: flight.departure,
            arrival: flight.arrival,
            aircraft: flight.aircraft,
            cabin: self.cabin,
            status,
            previous_departure: None,
            previous_arrival: None,
        }
    }
}

impl<'a> Desk<'a> {
    fn legs(&self, body: &CreateBooking) -> Result<Vec<Leg<'a>>, Problem> {
        body.segments
            .iter()
            .enumerate()
            .map(|(index, wanted)| self.leg(wanted, &format!("segments[{index}]")))
            .collect()
    }

    /// A flight to be booked in its cabin; the field names it in the request.
    pub(super) fn leg(&self, wanted: &NewSegment, field: &str) -> Result<Leg<'a>, Problem> {
        let flights = self.flights;
        let flight = flights.get(&wanted.flight_id).ok_or_else(|| {
            Problem::field(format!("{field}.flight_id"), "there is no such flight")
        })?;
        let facts = flight.cabins[wanted.cabin.index()].ok_or_else(|| {
            Problem::field(
                format!("{field}.cabin"),
                format!(
                    "{}{} has no {} cabin",
                    flight.carrier, flight.number, wanted.cabin
                ),
            )
        })?;
        Ok(Leg {
            flight,
            cabin: wanted.cabin,
            facts,
        })
    }
}

fn total(legs: &[Leg<'_>], seats: u32) -> Result<Money, Problem> {
    let mut total: Option<Money> = None;
    for (index, leg) in legs.iter().enumerate() {
        let field = || format!("segments[{index}].flight_id");
        let too_large = || Problem::field(field(), "the total is too large to be written");
        let fares = leg.facts.fare.times(seats).ok_or_else(too_large)?;
        total = Some(match total {
            None => fares,
            Some(sum) if sum.currency() != fares.currency() => {
                return Err(Problem::field(
                    field(),
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
    total.ok_or_else(|| Problem::field("segments", "one to three flights"))
}

/// The chosen seats with their flights, each checked against the aircraft's layout.
fn chosen_seats<'a>(
    body: &CreateBooking,
    legs: &[Leg<'a>],
) -> Result<Vec<(&'a FlightFacts, SeatNumber)>, Problem> {
    let mut layouts: Vec<Option<SeatLayout>> = vec![None; legs.len()];
    body.seats
        .iter()
        .flatten()
        .enumerate()
        .map(|(index, choice)| {
            let at = usize::from(choice.segment).saturating_sub(1);
            let leg = legs.get(at).ok_or_else(|| {
                Problem::field(format!("seats[{index}].segment"), "no such segment")
            })?;
            let layout = layouts[at].get_or_insert_with(|| {
                let capacities = leg.flight.cabins.map(|c| c.map_or(0, |c| c.capacity));
                SeatLayout::of(leg.flight.aircraft, &capacities)
            });
            let field = format!("seats[{index}].seat");
            match layout.cabin_of(choice.seat) {
                Some(cabin) if cabin == leg.cabin => Ok((leg.flight, choice.seat)),
                Some(cabin) => Err(Problem::field(
                    field,
                    format!(
                        "seat {} is in {cabin}, the booking in {}",
                        choice.seat, leg.cabin
                    ),
                )),
                None => Err(Problem::field(
                    field,
                    format!(
                        "{}{} has no seat {}",
                        leg.flight.carrier, leg.flight.number, choice.seat
                    ),
                )),
            }
        })
        .collect()
}
