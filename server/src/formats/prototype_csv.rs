//! The prototype's CSV: one flight a line, places by code or name, all seats in economy (described in `docs/formats.md`).

use airside_common::flight::{AircraftCode, Cabin, FlightNumber};
use airside_common::money::Currency;
use airside_common::time::{LocalTime, OffsetTime};
use jiff::Unit;

use super::cells::{self, capacity, digits, header_names, needed};
use super::{HeaderError, RowError};
use crate::features::flights::decide::{self, Refusal};
use crate::features::flights::store::{CabinTerms, FlightPlan};
use crate::reference::{AirportIndex, Reference};

const COLUMNS: [&str; 7] = [
    "flight_number",
    "source",
    "destination",
    "departure_ts",
    "arrival_ts",
    "total_seats",
    "price",
];

/// The aircraft of a new flight: the code for "equipment varies", since the file has none.
const VARIES: &str = "EQV";

/// Where each column stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// By position in [`COLUMNS`].
    at: [usize; 7],
    currency: Currency,
}

impl Header {
    /// Reads the header line; prices are in a currency that the file does not name.
    pub fn parse(line: &[u8], currency: Currency) -> Result<Self, HeaderError> {
        let names = header_names(line)?;
        let mut at = [0; 7];
        for (at, column) in at.iter_mut().zip(COLUMNS) {
            *at = needed(&names, column)?;
        }
        match names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
            Some(unknown) => Err(HeaderError::Unknown(unknown.clone())),
            None => Ok(Self { at, currency }),
        }
    }

    /// Reads a row: every cell is checked, and the flight as a whole.
    pub fn row(&self, reference: &Reference, line: &[u8]) -> Result<FlightPlan, RowError> {
        let cells = cells::row(line, COLUMNS.len())?;
        let cell = |column: usize| cells[self.at[column]].trim();
        let wrong = |column: usize| {
            move |reason: String| RowError::cell(COLUMNS[column], cell(column), reason)
        };
        let [flight, source, destination, departs, arrives, seats, price] =
            std::array::from_fn(|at| at);
        let (carrier, number) = cell(flight)
            .split_at_checked(2)
            .and_then(|(carrier, number)| {
                let number = digits(number.trim_start_matches([' ', '-']))?;
                let number = FlightNumber::new(u16::try_from(number).ok()?).ok()?;
                Some((carrier.parse().ok()?, number))
            })
            .ok_or_else(|| "a carrier and 1 to 9999, such as 6E3238".to_owned())
            .map_err(wrong(flight))?;
        let place = |column| {
            reference
                .place(cell(column))
                .map_err(|e| wrong(column)(e.to_string()))
        };
        let (from, to) = (place(source)?, place(destination)?);
        if from == to {
            return Err(wrong(destination)("is the source too".to_owned()));
        }
        let time = |column, airport| time(reference, airport, cell(column)).map_err(wrong(column));
        let (departure, arrival) = (time(departs, from)?, time(arrives, to)?);
        decide::duration(departure, arrival).map_err(|e| wrong(arrives)(e.message()))?;
        let capacity = capacity(cell(seats)).map_err(wrong(seats))?;
        let fare = cells::fare(cell(price), self.currency).map_err(wrong(price))?;
        let mut cabins = [None; 4];
        cabins[Cabin::Economy.index()] = Some(CabinTerms { capacity, fare });
        let aircraft: AircraftCode = VARIES.parse().map_err(|_| RowError::row("no aircraft"))?;
        Ok(FlightPlan {
            carrier,
            number,
            origin: reference.airport(from).code,
            destination: reference.airport(to).code,
            departure,
            arrival,
            aircraft,
            cabins,
        })
    }
}

/// An instant where the text has an offset (`Z` too), else a time on the airport's clocks. Seconds are cut off.
fn time(reference: &Reference, at: AirportIndex, text: &str) -> Result<OffsetTime, String> {
    if let Ok(time) = text.parse::<OffsetTime>() {
        let minute = time.instant().as_second().div_euclid(60) * 60;
        let instant = jiff::Timestamp::from_second(minute).map_err(|e| e.to_string())?;
        let time = OffsetTime::in_zone(instant, reference.zone(at));
        return decide::year(time.local())
            .map(|()| time)
            .map_err(Refusal::message);
    }
    let local: LocalTime = text.parse().map_err(|_| {
        "not a time: write it as 2026-12-28T15:19 (local) or 2026-12-28T15:19:57Z".to_owned()
    })?;
    let minute = local
        .0
        .round(
            jiff::civil::DateTimeRound::new()
                .smallest(Unit::Minute)
                .mode(jiff::RoundMode::Trunc),
        )
        .map_err(|e| e.to_string())?;
    decide::local(reference, "", at, LocalTime(minute)).map_err(Refusal::message)
}

#[cfg(test)]
mod tests;
