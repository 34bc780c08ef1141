//! Airside CSV: one flight a line, columns found by name (described in `server/data/README.md`).

use airside_common::airport::AirportCode;
use airside_common::flight::Cabin;
use airside_common::money::parse_currency;
use airside_common::time::{LocalTime, OffsetTime};

use super::cells::{self, capacity, digits, header_names, needed, position};
use super::{HeaderError, RowError};
use crate::features::flights::decide::{self, Refusal};
use crate::features::flights::store::{CabinTerms, FlightPlan};
use crate::reference::Reference;

/// Where each column stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    columns: usize,
    carrier: usize,
    number: usize,
    origin: usize,
    destination: usize,
    departure: usize,
    arrival: usize,
    aircraft: usize,
    currency: usize,
    /// Seats and fare of each cabin that the file knows.
    cabins: [Option<(usize, usize)>; 4],
}

impl Header {
    /// Reads the header line.
    pub fn parse(line: &[u8]) -> Result<Self, HeaderError> {
        let names = header_names(line)?;
        let find = |name: &str| position(&names, name);
        let need = |name: &str| needed(&names, name);
        let mut cabins = [None; 4];
        for cabin in Cabin::ALL {
            let (seats, fare) = (format!("seats_{cabin}"), format!("fare_{cabin}"));
            cabins[cabin.index()] = match (find(&seats)?, find(&fare)?) {
                (Some(seats), Some(fare)) => Some((seats, fare)),
                (None, None) => None,
                (None, _) => return Err(HeaderError::Missing(seats)),
                (_, None) => return Err(HeaderError::Missing(fare)),
            };
        }
        let header = Self {
            columns: names.len(),
            carrier: need("carrier")?,
            number: need("number")?,
            origin: need("origin")?,
            destination: need("destination")?,
            departure: need("departure")?,
            arrival: need("arrival")?,
            aircraft: need("aircraft")?,
            currency: need("currency")?,
            cabins,
        };
        let known = 8 + 2 * cabins.iter().flatten().count();
        if names.len() > known {
            let is_known = |name: &str| {
                KNOWN.contains(&name)
                    || name.split_once('_').is_some_and(|(kind, cabin)| {
                        matches!(kind, "seats" | "fare")
                            && Cabin::ALL.iter().any(|c| c.word() == cabin)
                    })
            };
            let unknown = names.iter().find(|name| !is_known(name));
            return Err(HeaderError::Unknown(unknown.cloned().unwrap_or_default()));
        }
        Ok(header)
    }

    /// Reads a row: every cell is checked, and the flight as a whole.
    pub fn row(&self, reference: &Reference, line: &[u8]) -> Result<FlightPlan, RowError> {
        let cells = cells::row(line, self.columns)?;
        let cell = |at: usize| cells[at].trim();
        let parse_error = |column: &'static str, at: usize| {
            move |e: airside_common::ParseError| (column, at, e.to_string())
        };
        let plan = || -> Result<FlightPlan, (&'static str, usize, String)> {
            let refused = |column, at| {
                move |refusal: Refusal| match refusal {
                    Refusal::Invalid { message, .. } | Refusal::HasBookings { message, .. } => {
                        (column, at, message)
                    }
                }
            };
            let carrier = cell(self.carrier)
                .parse()
                .map_err(parse_error("carrier", self.carrier))?;
            let number = digits(cell(self.number))
                .and_then(|n| u16::try_from(n).ok())
                .and_then(|n| airside_common::flight::FlightNumber::new(n).ok())
                .ok_or_else(|| {
                    (
                        "number",
                        self.number,
                        "a flight number is 1 to 9999".to_owned(),
                    )
                })?;
            let origin: AirportCode = cell(self.origin)
                .parse()
                .map_err(parse_error("origin", self.origin))?;
            let from = decide::airport(reference, "origin", origin)
                .map_err(refused("origin", self.origin))?;
            let destination: AirportCode = cell(self.destination)
                .parse()
                .map_err(parse_error("destination", self.destination))?;
            let to = decide::airport(reference, "destination", destination)
                .map_err(refused("destination", self.destination))?;
            if origin == destination {
                return Err((
                    "destination",
                    self.destination,
                    "is the origin too".to_owned(),
                ));
            }
            let local = |column, at, airport| -> Result<OffsetTime, _> {
                let time: LocalTime = cell(at).parse().map_err(parse_error(column, at))?;
                decide::local(reference, column, airport, time).map_err(refused(column, at))
            };
            let departure = local("departure", self.departure, from)?;
            let arrival = local("arrival", self.arrival, to)?;
            decide::duration(departure, arrival).map_err(refused("arrival", self.arrival))?;
            let aircraft = cell(self.aircraft)
                .parse()
                .map_err(parse_error("aircraft", self.aircraft))?;
            let currency = parse_currency(cell(self.currency))
                .map_err(parse_error("currency", self.currency))?;
            let mut cabins = [None; 4];
            for (slot, columns) in cabins.iter_mut().zip(self.cabins) {
                let Some((seats, fare)) = columns else {
                    continue;
                };
                *slot = match (cell(seats), cell(fare)) {
                    ("", "") => None,
                    (count, price) => Some(CabinTerms {
                        capacity: capacity(count).map_err(|reason| ("seats_", seats, reason))?,
                        fare: cells::fare(price, currency)
                            .map_err(|reason| ("fare_", fare, reason))?,
                    }),
                };
            }
            decide::seats(&cabins).map_err(refused("", usize::MAX))?;
            Ok(FlightPlan {
                carrier,
                number,
                origin,
                destination,
                departure,
                arrival,
                aircraft,
                cabins,
            })
        };
        plan().map_err(|(column, at, reason)| match cells.get(at) {
            None => RowError::row(reason),
            Some(value) if column.ends_with('_') => {
                let cabin = Cabin::ALL.into_iter().find(|cabin| {
                    self.cabins[cabin.index()]
                        .is_some_and(|(seats, fare)| seats == at || fare == at)
                });
                RowError::cell(
                    format!("{column}{}", cabin.map_or("", Cabin::word)),
                    value,
                    reason,
                )
            }
            Some(value) => RowError::cell(column, value, reason),
        })
    }
}

const KNOWN: [&str; 8] = [
    "carrier",
    "number",
    "origin",
    "destination",
    "departure",
    "arrival",
    "aircraft",
    "currency",
];

#[cfg(test)]
mod tests;
