//! Leg records (type 3): a flight's leg on the days of a period.

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::flight::{AircraftCode, FlightNumber};
use jiff::ToSpan;
use jiff::civil::{Date, Time};

use super::record::{Columns, Field, Record};
use super::{Carrier, cabins};
use crate::features::flights::decide;
use crate::features::flights::seat_layout::Capacities;
use crate::formats::RowError;
use crate::reference::{AirportIndex, Reference};

pub(super) const DEPARTURE: Columns = Columns(40, 43);
pub(super) const DEPARTURE_VARIATION: Columns = Columns(48, 52);
pub(super) const ARRIVAL: Columns = Columns(62, 65);
pub(super) const ARRIVAL_VARIATION: Columns = Columns(66, 70);
pub(super) const CONFIGURATION: Columns = Columns(173, 192);

/// Days of the longest period, more than any season with its neighbours.
const LONGEST: i32 = 400;

/// A leg that can be sold, on the days of its period.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) carrier: CarrierCode,
    pub(super) number: FlightNumber,
    pub(super) from: Stop,
    pub(super) to: Stop,
    pub(super) aircraft: AircraftCode,
    pub(super) seats: Capacities,
    pub(super) period: Period,
}

/// One end of a leg: when it is there, with passengers.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) code: AirportCode,
    pub(super) airport: AirportIndex,
    /// Days after the date of the period.
    pub(super) days: i8,
    pub(super) time: Time,
    /// Minutes that the file believes the clocks are ahead of UTC.
    pub(super) variation: Option<i32>,
}

/// On which dates, of the first leg's departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) from: Date,
    pub(super) to: Date,
    /// From Monday.
    pub(super) weekdays: [bool; 7],
    /// Weeks from one to the next, counted from the first day of the period.
    pub(super) every: i32,
}

/// What a record is.
#[derive(Debug)]
pub(super) enum Taken {
    /// A leg to be sold.
    Leg(Box<Leg>),
    /// No passenger flight of the carrier's own, or none that can be booked by itself.
    Skipped,
}

/// The flight number.
pub(super) fn number(record: &Record<'_>) -> Result<FlightNumber, RowError> {
    let field = record.field(Columns(6, 9));
    field
        .number()
        .and_then(|number| FlightNumber::new(u16::try_from(number).ok()?).ok())
        .ok_or_else(|| field.wrong("a flight number is 1 to 9999"))
}

/// A restriction of whom the leg may be sold to that is not applied.
pub(super) fn restriction(record: &Record<'_>) -> Option<RowError> {
    let field = record.field(Columns(150, 150));
    (field.text() != " ").then(|| field.wrong("the traffic restriction is not applied"))
}

impl Leg {
    pub(super) fn read(
        record: &Record<'_>,
        carrier: &Carrier,
        reference: &Reference,
    ) -> Result<Taken, RowError> {
        let number = number(record)?;
        let whose = record.field(Columns(3, 5));
        if whose.text().trim() != carrier.code.as_str() {
            return Err(whose.wrong(format!("the carrier record before says {}", carrier.code)));
        }
        if is_other_traffic(record)? {
            return Ok(Taken::Skipped);
        }
        let suffix = record.field(Columns(2, 2));
        if suffix.text() != " " {
            return Err(suffix.wrong(
                "a flight with an operational suffix is another one than that without, and cannot be told from it here",
            ));
        }
        for columns in [Columns(10, 11), Columns(12, 13)] {
            let field = record.field(columns);
            if field.number().is_none_or(|number| number == 0) {
                return Err(field.wrong("is a number from 01"));
            }
        }
        let from = stop(record, reference, &DEPARTS)?;
        let to = stop(record, reference, &ARRIVES)?;
        if from.code == to.code {
            return Err(record
                .field(ARRIVES.station)
                .wrong("is the departure station too"));
        }
        Ok(Taken::Leg(Box::new(Self {
            carrier: carrier.code,
            number,
            from,
            to,
            aircraft: record.field(Columns(73, 75)).parse()?,
            seats: cabins::seats(&record.field(CONFIGURATION))?,
            period: period(record, carrier)?,
        })))
    }
}

/// Whether nobody books a leg by itself under this number: freight, mail, charter, positioning, surface transport; a
/// code share that another carrier operates; or a leg without traffic of its own.
fn is_other_traffic(record: &Record<'_>) -> Result<bool, RowError> {
    let service = record.field(Columns(14, 14));
    let passengers = match service.text().as_bytes() {
        // Scheduled and additional flights: normal, shuttle, with freight in the cabin.
        b"J" | b"S" | b"Q" | b"G" | b"B" | b"R" => true,
        b"A" | b"C" | b"D" | b"E" | b"F" | b"H" | b"I" | b"K" | b"L" | b"M" | b"N" | b"O"
        | b"P" | b"T" | b"U" | b"V" | b"W" | b"X" => false,
        _ => return Err(service.wrong("there is no such service type")),
    };
    let code_share = matches!(record.field(Columns(149, 149)).text(), "L" | "Z");
    let no_local_traffic = matches!(record.field(Columns(150, 150)).text(), "A" | "H" | "I");
    Ok(!passengers || code_share || no_local_traffic)
}

/// Where the fields of one end of a leg are.
struct StopColumns {
    station: Columns,
    time: Columns,
    variation: Columns,
    days: Columns,
}

const DEPARTS: StopColumns = StopColumns {
    station: Columns(37, 39),
    time: DEPARTURE,
    variation: DEPARTURE_VARIATION,
    days: Columns(193, 193),
};

const ARRIVES: StopColumns = StopColumns {
    station: Columns(55, 57),
    time: ARRIVAL,
    variation: ARRIVAL_VARIATION,
    days: Columns(194, 194),
};

fn stop(
    record: &Record<'_>,
    reference: &Reference,
    columns: &StopColumns,
) -> Result<Stop, RowError> {
    let station = record.field(columns.station);
    let code = station.parse()?;
    let airport = decide::airport(reference, "", code).map_err(|e| station.wrong(e.message()))?;
    let (next_day, time) = record.field(columns.time).time()?;
    Ok(Stop {
        code,
        airport,
        days: record.field(columns.days).days_after()? + next_day,
        time,
        variation: record.field(columns.variation).variation()?,
    })
}

fn period(record: &Record<'_>, carrier: &Carrier) -> Result<Period, RowError> {
    let (first, last) = (record.field(Columns(15, 21)), record.field(Columns(22, 28)));
    let from = first.date()?;
    let to = match last.date_or_open()?.or(carrier.to) {
        Some(to) => to,
        // Nothing bounds it: twelve months.
        None => from
            .checked_add(1.year())
            .and_then(Date::yesterday)
            .map_err(|_| first.wrong("is too late"))?,
    };
    if to < from {
        return Err(last.wrong("the period ends before it begins"));
    }
    if (to - from).get_days() >= LONGEST {
        return Err(last.wrong(format!("the period is longer than {LONGEST} days")));
    }
    let frequency = record.field(Columns(36, 36));
    Ok(Period {
        from,
        to,
        weekdays: weekdays(&record.field(Columns(29, 35)))?,
        every: match frequency.text() {
            " " | "1" => 1,
            "2" => 2,
            _ => return Err(frequency.wrong("the frequency is blank, or 2 for every second week")),
        },
    })
}

fn weekdays(field: &Field<'_>) -> Result<[bool; 7], RowError> {
    let mut days = [false; 7];
    for ((day, found), digit) in days.iter_mut().zip(field.text().bytes()).zip(b'1'..) {
        if found == digit {
            *day = true;
        } else if found != b' ' {
            return Err(field.wrong("days of operation are written as 1234567, blank for none"));
        }
    }
    if days == [false; 7] {
        return Err(field.wrong("the leg has no day of operation"));
    }
    Ok(days)
}

impl Period {
    /// Its dates, in order.
    pub(super) fn dates(self) -> impl Iterator<Item = Date> {
        self.from
            .series(1.day())
            .take_while(move |date| *date <= self.to)
            .filter(move |date| {
                let weekday = date.weekday().to_monday_zero_offset();
                let week = (*date - self.from).get_days() / 7;
                let flies = usize::try_from(weekday).is_ok_and(|day| self.weekdays[day]);
                flies && week % self.every == 0
            })
    }
}
