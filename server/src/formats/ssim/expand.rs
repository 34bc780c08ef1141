//! A leg on each of its dates.

use airside_common::flight::Cabin;
use airside_common::money::Money;
use airside_common::time::{LocalTime, OffsetTime};
use jiff::Span;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::leg::{
    ARRIVAL, ARRIVAL_VARIATION, CONFIGURATION, DEPARTURE, DEPARTURE_VARIATION, Leg, Stop,
};
use super::record::Columns;
use crate::features::flights::decide;
use crate::features::flights::store::{CabinTerms, FlightPlan, PlannedRow, Unsaid};
use crate::formats::{Days, Defaults, Finding, FlightKey, RowError, Sink};
use crate::reference::{Reference, reference};

/// The flights of a leg. What is wrong with several of them alike is one finding.
pub(super) fn expand(line: u64, leg: &Leg, days: Days, defaults: &Defaults, sink: &mut impl Sink) {
    let reference = reference();
    let (cabins, missing) = cabins(leg, defaults);
    let mut wrong = Gathered::default();
    let mut differs = Gathered::default();
    let mut any = false;
    for date in leg.period.dates() {
        any = true;
        let key = |date| FlightKey {
            carrier: leg.carrier,
            number: leg.number,
            origin: leg.from.code,
            date,
        };
        let flown = (|| {
            let departure = moment(reference, &leg.from, date, days, DEPARTURE)?;
            let arrival = moment(reference, &leg.to, date, days, ARRIVAL)?;
            decide::duration(departure, arrival).map_err(|e| (ARRIVAL, e.message()))?;
            decide::seats(&cabins).map_err(|e| (CONFIGURATION, e.message()))?;
            Ok((departure, arrival))
        })();
        let (departure, arrival) = match flown {
            Ok(times) => times,
            Err((columns, reason)) => {
                let flight = key(local_date(reference, &leg.from, date, days));
                wrong.add(columns, reason, flight);
                sink.mention(flight);
                continue;
            }
        };
        let flight = key(departure.date());
        for (stop, time, columns) in [
            (&leg.from, departure, DEPARTURE_VARIATION),
            (&leg.to, arrival, ARRIVAL_VARIATION),
        ] {
            if let Some(said) = stop.variation
                && said * 60 != time.offset().seconds()
            {
                let reason = format!(
                    "the clocks of {} are at {} then, which was taken, not at {}",
                    stop.code,
                    hours_and_minutes(time.offset().seconds() / 60),
                    hours_and_minutes(said)
                );
                differs.add(columns, reason, flight);
            }
        }
        sink.plan(PlannedRow {
            line,
            plan: FlightPlan {
                carrier: leg.carrier,
                number: leg.number,
                origin: leg.from.code,
                destination: leg.to.code,
                departure,
                arrival,
                aircraft: leg.aircraft,
                cabins,
            },
            unsaid: Unsaid::Fares { missing },
        });
    }
    if !any {
        sink.reject(Finding {
            line,
            error: RowError {
                column: Columns(29, 35).to_string(),
                reason: "none of its days is in the period".to_owned(),
                value: format!("{} to {}", leg.period.from, leg.period.to),
            },
        });
    }
    wrong.tell(|error| sink.reject(Finding { line, error }));
    differs.tell(|error| sink.note(Finding { line, error }));
}

/// Cabins with the fares of new flights, and those that have none.
fn cabins(leg: &Leg, defaults: &Defaults) -> ([Option<CabinTerms>; 4], [bool; 4]) {
    let mut cabins = [None; 4];
    let mut missing = [false; 4];
    for at in Cabin::ALL.map(Cabin::index) {
        if leg.seats[at] == 0 {
            continue;
        }
        missing[at] = defaults.fares[at].is_none();
        cabins[at] = Some(CabinTerms {
            capacity: leg.seats[at],
            fare: defaults.fares[at].unwrap_or(Money::from_minor(0, defaults.currency)),
        });
    }
    (cabins, missing)
}

/// When a leg that belongs to a date is at one of its ends.
fn moment(
    reference: &Reference,
    stop: &Stop,
    date: Date,
    days: Days,
    columns: Columns,
) -> Result<OffsetTime, (Columns, String)> {
    let written = written(stop, date);
    match days {
        Days::Local => decide::local(reference, "", stop.airport, LocalTime(written))
            .map_err(|e| (columns, e.message())),
        Days::Utc => Offset::UTC
            .to_timestamp(written)
            .map(|instant| OffsetTime::in_zone(instant, reference.zone(stop.airport)))
            .map_err(|e| (columns, e.to_string())),
    }
}

/// Date and time as the file has them.
fn written(stop: &Stop, date: Date) -> DateTime {
    date.saturating_add(Span::new().days(stop.days))
        .to_datetime(stop.time)
}

/// The local date, also where the local time is none.
fn local_date(reference: &Reference, stop: &Stop, date: Date, days: Days) -> Date {
    match moment(reference, stop, date, days, DEPARTURE) {
        Ok(time) => time.date(),
        Err(_) => written(stop, date).date(),
    }
}

/// `+0530`.
fn hours_and_minutes(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}

/// What was found on dates, each kind once, with the first flight and how many more there are.
#[derive(Default)]
struct Gathered(Vec<(Columns, String, FlightKey, u32)>);

impl Gathered {
    fn add(&mut self, columns: Columns, reason: String, flight: FlightKey) {
        let same =
            |(c, r, ..): &&mut (Columns, String, FlightKey, u32)| *c == columns && *r == reason;
        match self.0.iter_mut().find(same) {
            Some((.., more)) => *more += 1,
            None => self.0.push((columns, reason, flight, 0)),
        }
    }

    fn tell(self, mut tell: impl FnMut(RowError)) {
        for (columns, reason, flight, more) in self.0 {
            tell(RowError {
                column: columns.to_string(),
                reason,
                value: match more {
                    0 => flight.to_string(),
                    more => format!("{flight} and {more} more"),
                },
            });
        }
    }
}
