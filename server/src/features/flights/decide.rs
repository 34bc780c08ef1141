//! The rules of flights, pure: what a flight may be, what may change while bookings live on it.

use std::borrow::Cow;

use airside_common::airport::AirportCode;
use airside_common::api::flights::{CabinPlan, CreateFlight, PatchFlight};
use airside_common::flight::{Cabin, FlightStatus};
use airside_common::time::{LocalTime, OffsetTime};
use jiff::civil::DateTime;

use super::seat_layout::{MOST_SEATS, SeatLayout};
use super::store::{CabinTerms, FlightFacts, FlightPlan, PlannedRow, Unsaid};
use crate::reference::{AirportIndex, Reference};

/// Why a flight cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A value is wrong.
    #[error("{field}: {message}")]
    Invalid {
        /// Which field, as in the request's body or the file's header.
        field: String,
        /// What is wrong, for a person.
        message: String,
    },
    /// Bookings live on it, and the change would touch them.
    #[error("{message}")]
    HasBookings {
        /// Which field of the request, as in its body; of a file's row which property of the flight.
        field: String,
        /// What is in the way, for a person.
        message: String,
    },
}

impl Refusal {
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
        }
    }

    /// What is wrong, without the field.
    pub(crate) fn message(self) -> String {
        match self {
            Self::Invalid { message, .. } | Self::HasBookings { message, .. } => message,
        }
    }
}

/// The most hours from departure to arrival.
const LONGEST_HOURS: i64 = 24;

/// The flight that an admin asks for.
pub fn create(reference: &Reference, asked: &CreateFlight) -> Result<FlightPlan, Refusal> {
    let origin = airport(reference, "origin", asked.origin)?;
    let destination = airport(reference, "destination", asked.destination)?;
    if asked.origin == asked.destination {
        return Err(Refusal::invalid("destination", "is the origin too"));
    }
    let departure = local(reference, "departure", origin, asked.departure)?;
    let arrival = local(reference, "arrival", destination, asked.arrival)?;
    duration(departure, arrival)?;
    let mut cabins = [None; 4];
    for (at, cabin) in asked.cabins.iter().enumerate() {
        let slot = &mut cabins[cabin.cabin.index()];
        if slot.is_some() {
            return Err(Refusal::invalid(
                format!("cabins[{at}].cabin"),
                "stands twice",
            ));
        }
        *slot = Some(terms(at, cabin)?);
    }
    seats(&cabins)?;
    Ok(FlightPlan {
        carrier: asked.carrier,
        number: asked.number,
        origin: asked.origin,
        destination: asked.destination,
        departure,
        arrival,
        aircraft: asked.aircraft,
        cabins,
    })
}

/// What a flight becomes by a change.
pub fn change(
    reference: &Reference,
    facts: &FlightFacts,
    patch: &PatchFlight,
) -> Result<FlightPlan, Refusal> {
    let now = &facts.flight.plan;
    let mut plan = now.clone();
    if let Some(departure) = patch.departure {
        let origin = airport(reference, "departure", now.origin)?;
        plan.departure = local(reference, "departure", origin, departure)?;
        if plan.departure.date() != now.departure.date() {
            return Err(Refusal::invalid(
                "departure",
                "the date is part of what the flight is and cannot change",
            ));
        }
    }
    if let Some(arrival) = patch.arrival {
        let destination = airport(reference, "arrival", now.destination)?;
        plan.arrival = local(reference, "arrival", destination, arrival)?;
    }
    duration(plan.departure, plan.arrival)?;
    if let Some(aircraft) = patch.aircraft {
        plan.aircraft = aircraft;
    }
    let mut named = [false; 4];
    for (at, cabin) in patch.cabins.iter().flatten().enumerate() {
        if std::mem::replace(&mut named[cabin.cabin.index()], true) {
            return Err(Refusal::invalid(
                format!("cabins[{at}].cabin"),
                "stands twice",
            ));
        }
        plan.cabins[cabin.cabin.index()] = Some(terms(at, cabin)?);
    }
    seats(&plan.cabins)?;
    bound(facts, &plan, |cabin| {
        let named = patch.cabins.iter().flatten();
        let at = named.map(|c| c.cabin).position(|named| named == cabin);
        at.map_or_else(
            || "cabins".to_owned(),
            |at| format!("cabins[{at}].capacity"),
        )
    })?;
    Ok(plan)
}

/// Whether a flight is to be cancelled: `false` where it was before. Those who have booked it are told by events; whoever only
/// waits for seats waits no longer.
pub fn cancel(facts: &FlightFacts) -> bool {
    facts.flight.status != FlightStatus::Cancelled
}

/// Whether bookings are to be told of a change.
pub fn is_told(facts: &FlightFacts, plan: &FlightPlan) -> bool {
    let now = &facts.flight.plan;
    facts.bookings > 0 && (plan.departure, plan.arrival) != (now.departure, now.arrival)
}

/// The flight that a row asks for: what its file leaves unsaid is as it is `now`, if the flight exists.
pub fn asked<'a>(
    row: &'a PlannedRow,
    now: Option<&FlightPlan>,
) -> Result<Cow<'a, FlightPlan>, Refusal> {
    match (row.unsaid, now) {
        (Unsaid::Nothing, _) | (Unsaid::Aircraft, None) => Ok(Cow::Borrowed(&row.plan)),
        (Unsaid::Aircraft, Some(now)) => Ok(Cow::Owned(FlightPlan {
            aircraft: now.aircraft,
            ..row.plan.clone()
        })),
        (Unsaid::Fares { missing }, now) => {
            let mut plan = row.plan.clone();
            for cabin in Cabin::ALL {
                let Some(terms) = &mut plan.cabins[cabin.index()] else {
                    continue;
                };
                match now.and_then(|now| now.cabins[cabin.index()]) {
                    Some(now) => terms.fare = now.fare,
                    None if missing[cabin.index()] => {
                        return Err(Refusal::invalid(
                            "",
                            format!(
                                "the file has no fares, and none is set for a new {cabin} cabin \
                                 (import.fares, --fare)"
                            ),
                        ));
                    }
                    None => {}
                }
            }
            seats(&plan.cabins)?;
            Ok(Cow::Owned(plan))
        }
    }
}

/// Whether a row changes nothing of a flight.
pub fn is_so(row: &PlannedRow, now: &FlightPlan) -> bool {
    asked(row, Some(now)).is_ok_and(|asked| *asked == *now)
}

/// What merging a file's row means for the flight that exists.
pub fn merge<'a>(facts: &FlightFacts, row: &'a PlannedRow) -> Result<Merge<'a>, Refusal> {
    let asked = asked(row, Some(&facts.flight.plan))?;
    if facts.flight.plan == *asked {
        return Ok(Merge::Unchanged);
    }
    bound(facts, &asked, |cabin| format!("{cabin}.capacity"))?;
    Ok(Merge::Changed(asked))
}

/// Whether a row changes a flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge<'a> {
    /// It says what is.
    Unchanged,
    /// It says something else, which the rules allow: this.
    Changed(Cow<'a, FlightPlan>),
}

/// What sold seats and living bookings forbid; `capacity_of` says which field has the seats of a cabin.
fn bound(
    facts: &FlightFacts,
    plan: &FlightPlan,
    capacity_of: impl Fn(Cabin) -> String,
) -> Result<(), Refusal> {
    let refused = |field: String, message: String| Err(Refusal::HasBookings { field, message });
    let now = &facts.flight.plan;
    for cabin in Cabin::ALL {
        let sold = facts.flight.sold[cabin.index()];
        let capacity = plan.cabins[cabin.index()].map_or(0, |c| c.capacity);
        if capacity < sold {
            return refused(
                capacity_of(cabin),
                format!("{sold} seats are sold in {cabin}, more than {capacity}"),
            );
        }
    }
    if facts.bookings == 0 {
        return Ok(());
    }
    let living = |field: &str, what: &str| {
        let bookings = facts.bookings;
        refused(
            field.to_owned(),
            format!("{bookings} bookings live on the flight: {what} cannot change"),
        )
    };
    if plan.destination != now.destination {
        return living("destination", "its destination");
    }
    if plan.aircraft != now.aircraft {
        return living("aircraft", "its aircraft");
    }
    let currency = |plan: &FlightPlan| {
        plan.cabins
            .iter()
            .flatten()
            .next()
            .map(|c| c.fare.currency())
    };
    if currency(plan) != currency(now) {
        return living("cabins", "its currency");
    }
    if plan.capacities() != now.capacities() {
        let layout = SeatLayout::of(plan.aircraft, &plan.capacities());
        if let Some((seat, cabin)) = facts
            .chosen
            .iter()
            .find(|(seat, cabin)| layout.cabin_of(*seat) != Some(*cabin))
        {
            return refused(
                capacity_of(*cabin),
                format!("seat {seat} is chosen and would not exist in its cabin any more"),
            );
        }
    }
    Ok(())
}

/// An airport that is known.
pub(crate) fn airport(
    reference: &Reference,
    field: &str,
    code: AirportCode,
) -> Result<AirportIndex, Refusal> {
    reference
        .find(code)
        .ok_or_else(|| Refusal::invalid(field, format!("there is no airport {code}")))
}

/// A local time that happens once, at a whole minute.
pub(crate) fn local(
    reference: &Reference,
    field: &str,
    at: AirportIndex,
    time: LocalTime,
) -> Result<OffsetTime, Refusal> {
    if time.0.second() != 0 || time.0.subsec_nanosecond() != 0 {
        return Err(Refusal::invalid(field, "schedules have whole minutes"));
    }
    year(time.0).map_err(|refusal| Refusal::invalid(field, refusal.message()))?;
    reference
        .local(at, time)
        .map_err(|e| Refusal::invalid(field, e.to_string()))
}

/// A year that schedules have.
pub(crate) fn year(local: DateTime) -> Result<(), Refusal> {
    if (1970..=2199).contains(&local.year()) {
        Ok(())
    } else {
        Err(Refusal::invalid("", "a year from 1970 to 2199"))
    }
}

/// Arrival after departure, within a day.
pub(crate) fn duration(departure: OffsetTime, arrival: OffsetTime) -> Result<(), Refusal> {
    let minutes = (arrival.instant().as_second() - departure.instant().as_second()) / 60;
    if minutes <= 0 {
        return Err(Refusal::invalid("arrival", "is not after the departure"));
    }
    if minutes > LONGEST_HOURS * 60 {
        return Err(Refusal::invalid(
            "arrival",
            format!("is more than {LONGEST_HOURS} hours after the departure"),
        ));
    }
    Ok(())
}

fn terms(at: usize, cabin: &CabinPlan) -> Result<CabinTerms, Refusal> {
    if !(1..=MOST_SEATS).contains(&cabin.capacity) {
        return Err(Refusal::invalid(
            format!("cabins[{at}].capacity"),
            format!("is 1 to {MOST_SEATS}"),
        ));
    }
    if cabin.fare.minor() < 0 {
        return Err(Refusal::invalid(
            format!("cabins[{at}].fare"),
            "must not be negative",
        ));
    }
    if cabin.fare.minor() > HIGHEST_FARE {
        return Err(Refusal::invalid(
            format!("cabins[{at}].fare"),
            "is too high",
        ));
    }
    Ok(CabinTerms {
        capacity: cabin.capacity,
        fare: cabin.fare,
    })
}

/// Highest fare of one seat, in minor units: sums of a party's fares stay far inside 64 bits.
pub(crate) const HIGHEST_FARE: i64 = 1_000_000_000_000;

/// What holds of all cabins together.
pub(crate) fn seats(cabins: &[Option<CabinTerms>; 4]) -> Result<(), Refusal> {
    let mut there = cabins.iter().flatten();
    let Some(first) = there.next() else {
        return Err(Refusal::invalid("cabins", "at least one cabin is needed"));
    };
    if there.any(|cabin| cabin.fare.currency() != first.fare.currency()) {
        return Err(Refusal::invalid("cabins", "all fares have one currency"));
    }
    let all: u32 = cabins.iter().flatten().map(|c| c.capacity).sum();
    if all > MOST_SEATS {
        return Err(Refusal::invalid(
            "cabins",
            format!("an aircraft has at most {MOST_SEATS} seats"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
