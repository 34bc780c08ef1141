//! Rules that the body of a booking alone decides: the party, its contact, its seats.

use std::collections::HashSet;

use airside_common::api::bookings::{CreateBooking, Passenger, RebookBooking};
use airside_common::api::problem::{Code, FieldError, Problem};
use airside_common::booking::{MOST_PASSENGERS, MOST_SEGMENTS, PassengerType};
use jiff::Unit;
use jiff::civil::Date;

/// What is wrong with the body, every field of it at once.
pub fn check(body: &CreateBooking) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut wrong = |field: String, message: &str| {
        errors.push(FieldError {
            field,
            message: message.to_owned(),
        });
    };
    segments(body, &mut wrong);
    passengers(body, &mut wrong);
    seats(body, &mut wrong);
    if body.contact.email.is_none() && body.contact.phone.is_none() {
        wrong(
            "contact".to_owned(),
            "give an e-mail address or a telephone number",
        );
    }
    let (holds, waits) = (body.hold == Some(true), body.waitlist == Some(true));
    if body.time_limit.is_some() && !holds {
        wrong("time_limit".to_owned(), "a time limit is for a hold");
    }
    if waits && holds {
        wrong(
            "waitlist".to_owned(),
            "a party that waits is confirmed when there are seats; it cannot be held as well",
        );
    }
    if waits && body.seats.iter().flatten().next().is_some() {
        wrong(
            "seats".to_owned(),
            "a party that may have to wait cannot choose seats",
        );
    }
    refuse(errors)
}

/// What is wrong with the body of a rebooking, every field of it at once.
pub fn check_rebooking(body: &RebookBooking) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut wrong = |field: String, message: &str| {
        errors.push(FieldError {
            field,
            message: message.to_owned(),
        });
    };
    if !(1..=MOST_SEGMENTS).contains(&body.segments.len()) {
        wrong("segments".to_owned(), "name one to three segments");
    }
    let (mut segments, mut flights) = (HashSet::new(), HashSet::new());
    for (index, segment) in body.segments.iter().enumerate() {
        if !segments.insert(segment.segment) {
            wrong(
                format!("segments[{index}].segment"),
                "the segment is named twice",
            );
        }
        let replacement = segment.replacement.as_ref();
        if replacement.is_some_and(|flight| !flights.insert(flight.flight_id)) {
            wrong(
                format!("segments[{index}].replacement.flight_id"),
                "the flight is named twice",
            );
        }
    }
    refuse(errors)
}

/// A problem of the fields, if there are any.
pub(super) fn refuse(errors: Vec<FieldError>) -> Result<(), Problem> {
    let Some(first) = errors.first() else {
        return Ok(());
    };
    let mut problem = Problem::new(
        Code::InvalidRequest,
        format!("{}: {}", first.field, first.message),
    );
    problem.errors = errors;
    Err(problem)
}

/// How many of the party take a seat and pay a fare.
pub fn seats_needed(passengers: &[Passenger]) -> u8 {
    let count = passengers.iter().filter(|p| p.kind.takes_seat()).count();
    // A checked party has at most nine.
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// Whether each passenger has the age of the type on the day of the first departure. `today` is any date that no
/// clock on earth has passed yet.
pub fn ages(passengers: &[Passenger], departure: Date, today: Date) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, passenger) in passengers.iter().enumerate() {
        let Some(born) = passenger.date_of_birth else {
            continue;
        };
        let message = if born.0 > today || born.0 > departure {
            "the date of birth lies in the future"
        } else {
            match (passenger.kind, age(born.0, departure)) {
                (PassengerType::Adult, ..12) => {
                    "an adult is at least 12 years old on the day of departure"
                }
                (PassengerType::Child, ..2 | 12..) => {
                    "a child is 2 to 11 years old on the day of departure"
                }
                (PassengerType::Infant, 2..) => {
                    "an infant is under 2 years old on the day of departure"
                }
                (_, 130..) => "nobody is that old",
                _ => continue,
            }
        };
        errors.push(FieldError {
            field: format!("passengers[{index}].date_of_birth"),
            message: message.to_owned(),
        });
    }
    errors
}

/// Whole years from birth to a day; somebody born on 29 February is a year older on 1 March.
fn age(born: Date, day: Date) -> i16 {
    let years = day.year() - born.year();
    if (day.month(), day.day()) < (born.month(), born.day()) {
        years - 1
    } else {
        years
    }
}

/// The latest date that any clock on earth shows at an instant.
pub fn latest_date(now: jiff::Timestamp) -> Date {
    jiff::tz::Offset::constant(14)
        .to_datetime(now)
        .round(Unit::Second)
        .map_or(Date::MAX, jiff::civil::DateTime::date)
}

fn segments(body: &CreateBooking, wrong: &mut impl FnMut(String, &str)) {
    if !(1..=MOST_SEGMENTS).contains(&body.segments.len()) {
        wrong("segments".to_owned(), "one to three flights");
    }
    let mut seen = HashSet::new();
    for (index, segment) in body.segments.iter().enumerate() {
        if !seen.insert(segment.flight_id) {
            wrong(
                format!("segments[{index}].flight_id"),
                "the flight is named twice",
            );
        }
    }
}

fn passengers(body: &CreateBooking, wrong: &mut impl FnMut(String, &str)) {
    let count = |kind| body.passengers.iter().filter(|p| p.kind == kind).count();
    let (adults, infants) = (count(PassengerType::Adult), count(PassengerType::Infant));
    if !(1..=MOST_PASSENGERS).contains(&(body.passengers.len() - infants)) {
        wrong(
            "passengers".to_owned(),
            "one to nine adults and children in a booking",
        );
    }
    if infants > adults {
        wrong(
            "passengers".to_owned(),
            "at most one infant for each adult, on the lap",
        );
    }
    for (index, passenger) in body.passengers.iter().enumerate() {
        if passenger.kind != PassengerType::Adult && passenger.date_of_birth.is_none() {
            wrong(
                format!("passengers[{index}].date_of_birth"),
                "children and infants need a date of birth",
            );
        }
    }
}

fn seats(body: &CreateBooking, wrong: &mut impl FnMut(String, &str)) {
    let mut people = HashSet::new();
    let mut places = HashSet::new();
    for (index, choice) in body.seats.iter().flatten().enumerate() {
        let segment = usize::from(choice.segment).checked_sub(1);
        if segment.is_none_or(|at| at >= body.segments.len()) {
            wrong(
                format!("seats[{index}].segment"),
                "no such segment; they count from 1",
            );
        }
        let passenger = usize::from(choice.passenger)
            .checked_sub(1)
            .and_then(|at| body.passengers.get(at));
        match passenger {
            None => wrong(
                format!("seats[{index}].passenger"),
                "no such passenger; they count from 1",
            ),
            Some(passenger) if !passenger.kind.takes_seat() => wrong(
                format!("seats[{index}].passenger"),
                "an infant travels on a lap and has no seat",
            ),
            Some(_) => {}
        }
        if !people.insert((choice.segment, choice.passenger)) {
            wrong(
                format!("seats[{index}].passenger"),
                "the passenger has a seat on this segment already",
            );
        }
        if !places.insert((choice.segment, choice.seat)) {
            wrong(format!("seats[{index}].seat"), "the seat is chosen twice");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn fields(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut body = json!({
            "segments": [{"flight_id": "1", "cabin": "economy"}],
            "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
            "contact": {"phone": "212-5550100"},
        });
        change(&mut body);
        match check(&serde_json::from_value(body).unwrap()) {
            Ok(()) => Vec::new(),
            Err(problem) => problem.errors.into_iter().map(|e| e.field).collect(),
        }
    }

    fn person(kind: &str) -> Value {
        json!({"given_name": "Ada", "surname": "Byron", "type": kind, "date_of_birth": "2020-01-01"})
    }

    #[test]
    fn a_sound_body_passes() {
        assert_eq!(fields(|_| {}), Vec::<String>::new());
    }

    #[rstest]
    #[case(&["adult"; 9], true)]
    #[case(&["adult"; 10], false)]
    #[case(&["infant"], false)]
    #[case(&["adult", "infant"], true)]
    #[case(&["adult", "infant", "infant"], false)]
    #[case(&["child"], true)]
    #[case(&[], false)]
    fn parties(#[case] kinds: &[&str], #[case] sound: bool) {
        let wrong = fields(|b| b["passengers"] = kinds.iter().map(|k| person(k)).collect());
        assert_eq!(wrong.is_empty(), sound, "{wrong:?}");
    }

    #[rstest]
    #[case(json!({"hold": true}), &[])]
    #[case(json!({"hold": true, "time_limit": "2026-12-01T00:00:00Z"}), &[])]
    #[case(json!({"hold": false, "time_limit": "2026-12-01T00:00:00Z"}), &["time_limit"])]
    #[case(json!({"waitlist": true}), &[])]
    #[case(json!({"waitlist": true, "hold": false, "seats": []}), &[])]
    #[case(json!({"waitlist": true, "hold": true}), &["waitlist"])]
    #[case(json!({"waitlist": true, "seats": [{"segment": 1, "passenger": 1, "seat": "1A"}]}), &["seats"])]
    fn who_holds_or_waits_says_one_thing(#[case] with: Value, #[case] expected: &[&str]) {
        let wrong = fields(|b| {
            for (name, value) in with.as_object().unwrap() {
                b[name] = value.clone();
            }
        });
        assert_eq!(wrong, expected);
    }

    #[test]
    fn nine_adults_may_hold_nine_infants() {
        let kinds = [["adult"; 9], ["infant"; 9]].concat();
        assert!(fields(|b| b["passengers"] = kinds.iter().map(|k| person(k)).collect()).is_empty());
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = fields(|b| {
            b["contact"] = json!({});
            b["time_limit"] = json!("2026-12-01T00:00:00Z");
            b["waitlist"] = json!(true);
            b["segments"] = json!([
                {"flight_id": "1", "cabin": "economy"}, {"flight_id": "1", "cabin": "first"}
            ]);
            b["passengers"] = json!([
                {"given_name": "Ada", "surname": "Byron", "type": "adult"},
                {"given_name": "Eve", "surname": "Byron", "type": "infant"},
            ]);
            b["seats"] = json!([
                {"segment": 0, "passenger": 1, "seat": "1A"},
                {"segment": 1, "passenger": 2, "seat": "1B"},
                {"segment": 1, "passenger": 3, "seat": "1C"},
                {"segment": 2, "passenger": 1, "seat": "1D"},
                {"segment": 2, "passenger": 1, "seat": "1D"},
            ]);
        });
        assert_eq!(
            wrong,
            [
                "segments[1].flight_id",
                "passengers[1].date_of_birth",
                "seats[0].segment",
                "seats[1].passenger",
                "seats[2].passenger",
                "seats[4].passenger",
                "seats[4].seat",
                "contact",
                "time_limit",
                "seats"
            ]
        );
    }

    #[rstest]
    #[case("adult", "2014-12-01", true)]
    #[case("adult", "2014-12-02", false)]
    #[case("child", "2014-12-02", true)]
    #[case("child", "2014-12-01", false)]
    #[case("child", "2024-12-01", true)]
    #[case("child", "2024-12-02", false)]
    #[case("infant", "2024-12-02", true)]
    #[case("infant", "2024-12-01", false)]
    #[case("infant", "2026-11-25", true)]
    #[case("infant", "2026-11-26", false)]
    #[case("adult", "1850-01-01", false)]
    fn ages_on_the_day_of_departure(#[case] kind: &str, #[case] born: &str, #[case] fits: bool) {
        let mut passenger = person(kind);
        passenger["date_of_birth"] = json!(born);
        let errors = ages(
            &[serde_json::from_value(passenger).unwrap()],
            "2026-12-01".parse().unwrap(),
            "2026-11-25".parse().unwrap(),
        );
        assert_eq!(errors.is_empty(), fits, "{errors:?}");
    }
}
