//! Dates as agents type them: `1dec`, `01DEC26`, `+3`, `fri`, `tomorrow`, `2026-12-01`.

use std::ops::RangeInclusive;

use airside_common::ParseError;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Years that a date is taken of: those of flights, and of people who travel.
const YEARS: RangeInclusive<i16> = 1900..=2099;

/// Years to look ahead for a day that not every year has: two leap years are at most eight years apart.
const LEAP_REACH: i16 = 8;

/// Reads a date, seen from today.
///
/// A day and month without a year is the next such day, today included; a weekday is the next such day after today;
/// `+3` is in three days. Of an empty text nothing is guessed.
pub fn parse(text: &str, today: Date) -> Result<Date, ParseError> {
    let date = any_year(text, today)?;
    if YEARS.contains(&date.year()) {
        return Ok(date);
    }
    let (first, last) = (YEARS.start(), YEARS.end());
    let year = date.year();
    Err(ParseError::new(format!(
        "date: {year:04} is not {first} to {last}"
    )))
}

fn any_year(text: &str, today: Date) -> Result<Date, ParseError> {
    let text = text.trim().to_ascii_lowercase();
    let wrong = || ParseError::new("not a date: write it as 1dec, +3, fri or 2026-12-01");
    match text.as_str() {
        "today" | "." => return Ok(today),
        "tomorrow" | "tmr" => return today.tomorrow().map_err(|_| wrong()),
        _ => {}
    }
    if let Some(days) = text.strip_prefix('+') {
        let shaped = (1..=3).contains(&days.len()) && days.bytes().all(|b| b.is_ascii_digit());
        let days: i32 = days.parse().map_err(|_| wrong())?;
        return shaped
            .then(|| today.checked_add(days.days()).ok())
            .flatten()
            .ok_or_else(wrong);
    }
    if let Some(weekday) = weekday(&text) {
        return today.nth_weekday(1, weekday).map_err(|_| wrong());
    }
    if text.len() == 10 && text.as_bytes()[4] == b'-' {
        return text.parse().map_err(|_| wrong());
    }
    day_and_month(&text, today).ok_or_else(wrong)
}

/// The date as agents read it: `Tue 01 Dec 2026`.
pub fn spelled(date: Date) -> String {
    date.strftime("%a %d %b %Y").to_string()
}

fn weekday(text: &str) -> Option<Weekday> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let at = DAYS
        .iter()
        .position(|day| text.len() >= 3 && day.starts_with(text))?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

/// `1dec`, `01 dec`, `1dec26`, `1dec2026`.
fn day_and_month(text: &str, today: Date) -> Option<Date> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let letters = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (day, rest) = text.split_at(letters);
    let month = rest.get(..3)?;
    let year = rest.get(3..)?;
    let number = |digits: &str| -> Option<i16> {
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok())
            .flatten()
    };
    if day.len() > 2 {
        return None;
    }
    let day = i8::try_from(number(day)?).ok()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = i8::try_from(month + 1).ok()?;
    match year.len() {
        0 => (0..=LEAP_REACH)
            .filter_map(|ahead| Date::new(today.year().checked_add(ahead)?, month, day).ok())
            .find(|date| *date >= today),
        2 => Date::new(2000 + number(year)?, month, day).ok(),
        4 => Date::new(number(year)?, month, day).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;
    use rstest::rstest;

    /// A Tuesday.
    const TODAY: Date = date(2026, 11, 24);

    #[rstest]
    #[case("1dec", "2026-12-01")]
    #[case("01DEC", "2026-12-01")]
    #[case(" 1 dec ", "2026-12-01")]
    #[case("24nov", "2026-11-24")]
    #[case("23nov", "2027-11-23")]
    #[case("1dec27", "2027-12-01")]
    #[case("1dec2027", "2027-12-01")]
    #[case("29feb", "2028-02-29")]
    #[case("+3", "2026-11-27")]
    #[case("+0", "2026-11-24")]
    #[case("today", "2026-11-24")]
    #[case("tomorrow", "2026-11-25")]
    #[case("fri", "2026-11-27")]
    #[case("tue", "2026-12-01")]
    #[case("Thursday", "2026-11-26")]
    #[case("2026-12-01", "2026-12-01")]
    fn dates(#[case] text: &str, #[case] date: &str) {
        assert_eq!(parse(text, TODAY).unwrap().to_string(), date);
    }

    #[rstest]
    #[case("")]
    #[case("32dec")]
    #[case("30feb")]
    #[case("1december")]
    #[case("+")]
    #[case("+1000")]
    #[case("-1")]
    #[case("t")]
    #[case("2026-13-01")]
    #[case("2026-12-01T10:00")]
    #[case("1déc")]
    fn what_is_no_date(#[case] text: &str) {
        assert!(parse(text, TODAY).is_err());
    }

    #[rstest]
    #[case("1dec1175", "1175")]
    #[case("1175-12-01", "1175")]
    #[case("1dec2100", "2100")]
    fn a_year_out_of_range_is_refused_by_name(#[case] text: &str, #[case] year: &str) {
        let words = format!("date: {year} is not 1900 to 2099");
        assert_eq!(parse(text, TODAY).unwrap_err().to_string(), words);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text: String) {
            let _ = parse(&text, TODAY);
        }

        #[test]
        fn day_and_month_find_the_next_such_day(ahead in 0_i32..365) {
            let day = TODAY.checked_add(ahead.days()).unwrap();
            let typed = day.strftime("%d%b").to_string();
            prop_assert_eq!(parse(&typed, TODAY).unwrap(), day);
            prop_assert_eq!(parse(&day.strftime("%d%b%y").to_string(), TODAY).unwrap(), day);
            prop_assert_eq!(parse(&format!("+{ahead}"), TODAY).unwrap(), day);
            prop_assert_eq!(parse(&day.to_string(), TODAY).unwrap(), day);
        }
    }
}
