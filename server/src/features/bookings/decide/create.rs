//! Making a booking.

use airside_common::api::bookings::{Booking, CreateBooking, Segment};
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::flight::{FlightId, FlightStatus, SeatNumber};
use airside_common::money::Money;
use airside_common::time::Instant;

use super::{CabinFacts, Desk, FlightFacts};
use crate::features::bookings::command::Command;
use crate::features::bookings::{itinerary, party};
use crate::features::flights::seat_layout::SeatLayout;

impl Desk<'_> {
    /// A booking, with its seats taken from what the batch has left; or a reason, with nothing taken.
    pub(super) fn create(
        &mut self,
        body: &CreateBooking,
        command: &Command,
    ) -> Result<Booking, Problem> {
        let legs = self.legs(body)?;
        let flights: Vec<&FlightFacts> = legs.iter().map(|leg| leg.flight).collect();
        self.bookable(&flights)?;
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

        for leg in &legs {
            self.available(leg, seats)?;
        }
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

        for leg in &legs {
            self.sold.insert(leg.place(), self.sold(leg) + seats);
        }
        self.taken
            .extend(chosen.iter().map(|(flight, seat)| (flight.id, *seat)));
        Ok(Booking {
            locator,
            status: BookingStatus::Confirmed,
            version: 1,
            segments: legs.iter().map(Leg::segment).collect(),
            passengers: body.passengers.clone(),
            seats: body.seats.clone().unwrap_or_default(),
            contact: body.contact.clone(),
            total,
            time_limit: None,
            office: command.caller.office.clone(),
            created_by: command.caller.username.clone(),
            created_at: Instant(self.now),
            updated_at: Instant(self.now),
            operation: Some(command.key.clone()),
        })
    }

    fn bookable(&self, flights: &[&FlightFacts]) -> Result<(), Problem> {
        for flight in flights {
            let why = if flight.status == FlightStatus::Cancelled {
                "is cancelled"
            } else if flight.departure.instant() <= self.now {
                "has departed"
            } else {
                continue;
            };
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
        Ok(())
    }

    fn available(&self, leg: &Leg<'_>, seats: u32) -> Result<(), Problem> {
        let left = leg.facts.capacity.saturating_sub(self.sold(leg));
        if left >= seats {
            return Ok(());
        }
        Err(Problem::new(
            Code::SoldOut,
            format!(
                "{}{} has {left} seats left in {}, the party needs {seats}",
                leg.flight.carrier, leg.flight.number, leg.cabin
            ),
        ))
    }

    fn sold(&self, leg: &Leg<'_>) -> u32 {
        self.sold
            .get(&leg.place())
            .copied()
            .unwrap_or(leg.facts.sold)
    }
}

/// One flight of the itinerary in its cabin.
struct Leg<'a> {
    flight: &'a FlightFacts,
    cabin: airside_common::flight::Cabin,
    facts: CabinFacts,
}

impl Leg<'_> {
    fn place(&self) -> (FlightId, airside_common::flight::Cabin) {
        (self.flight.id, self.cabin)
    }

    fn segment(&self) -> Segment {
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
            status: SegmentStatus::Hk,
        }
    }
}

impl<'a> Desk<'a> {
    fn legs(&self, body: &CreateBooking) -> Result<Vec<Leg<'a>>, Problem> {
        let flights = self.flights;
        body.segments
            .iter()
            .enumerate()
            .map(|(index, wanted)| {
                let flight = flights.get(&wanted.flight_id).ok_or_else(|| {
                    Problem::field(
                        format!("segments[{index}].flight_id"),
                        "there is no such flight",
                    )
                })?;
                let facts = flight.cabins[wanted.cabin.index()].ok_or_else(|| {
                    Problem::field(
                        format!("segments[{index}].cabin"),
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
            })
            .collect()
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
