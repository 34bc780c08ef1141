//! Dates as agents write and read them: `TU 01DEC`.

use airside_common::ParseError;
use airside_common::time::OffsetTime;
use jiff::civil::Date;

use crate::date_entry;

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

/// `01DEC`.
pub(crate) fn short(date: Date) -> String {
    format!("{:02}{}", date.day(), month(date))
}

/// `TU 01DEC`.
pub(crate) fn with_weekday(date: Date) -> String {
    format!("{} {}", weekday(date), short(date))
}

/// `TU 01DEC26`.
pub(crate) fn full(date: Date) -> String {
    format!("{}{:02}", with_weekday(date), date.year() % 100)
}

/// `05:15`.
pub(crate) fn clock(time: OffsetTime) -> String {
    let local = time.local();
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// Days from departure to arrival on local calendars.
pub(crate) fn days_between(departure: OffsetTime, arrival: OffsetTime) -> i32 {
    let span = departure.date().until(arrival.date());
    span.map_or(0, |span| span.get_days())
}

/// The same as `+1`; empty on the same day.
pub(crate) fn day_change(departure: OffsetTime, arrival: OffsetTime) -> String {
    let days = days_between(departure, arrival);
    if days == 0 {
        String::new()
    } else {
        format!("{days:+}")
    }
}

/// `6h55`.
pub(crate) fn minutes(minutes: i64) -> String {
    format!("{}h{:02}", minutes / 60, minutes % 60)
}

/// Reads a date as [`crate::date_entry`] does, and also as it is shown here, with the weekday before it.
pub(crate) fn parse(text: &str, today: Date) -> Result<Date, ParseError> {
    let text = text.trim();
    let written = match text.split_once(' ') {
        Some((day, rest)) if day.len() == 2 && DAYS.contains(&day) => rest,
        _ => text,
    };
    date_entry::parse(written, today)
}

fn month(date: Date) -> &'static str {
    usize::try_from(date.month() - 1)
        .ok()
        .and_then(|at| MONTHS.get(at))
        .copied()
        .unwrap_or("???")
}

fn weekday(date: Date) -> &'static str {
    usize::try_from(date.weekday().to_monday_zero_offset())
        .ok()
        .and_then(|at| DAYS.get(at))
        .copied()
        .unwrap_or("??")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    proptest::proptest! {
        #[test]
        fn what_is_shown_reads_back(days in 0..360_i64) {
            let today = date(2026, 11, 24);
            let day = today.checked_add(jiff::Span::new().days(days)).unwrap();
            proptest::prop_assert_eq!(parse(&with_weekday(day), today).unwrap(), day);
            proptest::prop_assert_eq!(parse(&full(day), today).unwrap(), day);
        }
    }
}
