//! `airside book`

use airside_common::ParseError;
use airside_common::api::bookings::{Contact, CreateBooking, NewSegment, Passenger, SeatChoice};
use airside_common::booking::PassengerType;
use airside_common::flight::Cabin;
use airside_common::money::{Money, parse_currency};
use airside_common::text::{Email, Phone};
use airside_common::time::Instant;
use clap::Args;
use std::io::Read;
use std::str::FromStr;

use super::settle::{self, Sending};
use super::{CliError, Form, Workplace, print};

/// Book flights.
///
/// A booking is sent under a key until the server has answered; the same key again never books twice.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Book {
    /// Flights in order, as a search names them, each with its cabin: 89266301239297:economy
    #[arg(value_name = "FLIGHT:CABIN", required_unless_present = "body")]
    segments: Vec<SegmentArgument>,
    /// A passenger: SURNAME/GIVEN, and if need be ,title=MR ,type=child|infant ,born=2020-05-01
    #[arg(
        long = "passenger",
        value_name = "NAME",
        required_unless_present = "body"
    )]
    passengers: Vec<PassengerArgument>,
    /// The party's electronic mail address.
    #[arg(long)]
    email: Option<Email>,
    /// The party's telephone number.
    #[arg(long)]
    phone: Option<Phone>,
    /// A seat: SEGMENT:PASSENGER:SEAT, counted from 1, such as 1:1:12A
    #[arg(long = "seat", value_name = "SEAT")]
    seats: Vec<SeatArgument>,
    /// Keep the seats until a time limit, and confirm them later: airside confirm LOCATOR
    #[arg(long, conflicts_with = "waitlist")]
    hold: bool,
    /// Until when they are kept, such as 2026-11-27T18:00:00Z; without it, as long as the server keeps them.
    #[arg(long, value_name = "TIME", requires = "hold")]
    time_limit: Option<Instant>,
    /// Wait for seats where too few are left.
    #[arg(long, conflicts_with = "seats")]
    waitlist: bool,
    /// Book only at this total, such as 224.78USD.
    #[arg(long, value_name = "TOTAL")]
    expected_total: Option<TotalArgument>,
    /// The whole request as JSON, from a file or from - for standard input, instead of the above.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["segments", "passengers", "email", "phone", "seats", "hold", "time_limit", "waitlist", "expected_total"])]
    body: Option<String>,
    /// How it is sent.
    #[command(flatten)]
    sending: Sending,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Book {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let request = match &self.body {
            Some(source) => read_body(source)?,
            None => CreateBooking {
                segments: self.segments.into_iter().map(|s| s.0).collect(),
                passengers: self.passengers.into_iter().map(|p| p.0).collect(),
                contact: Contact {
                    email: self.email,
                    phone: self.phone,
                },
                hold: self.hold.then_some(true),
                time_limit: self.time_limit,
                waitlist: self.waitlist.then_some(true),
                seats: (!self.seats.is_empty())
                    .then(|| self.seats.into_iter().map(|s| s.0).collect()),
                expected_total: self.expected_total.map(|t| t.0),
            },
        };
        let api = at.session()?;
        let (key, patience) = self.sending.begin();
        let booking =
            settle::until_settled(&key, patience, || api.create_booking(&key, &request)).await?;
        print::in_form(&booking, self.form)
    }
}

fn read_body(source: &str) -> Result<CreateBooking, CliError> {
    let mut text = String::new();
    if source == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(source)?;
    }
    serde_json::from_str(&text).map_err(|error| CliError::Usage(format!("{source}: {error}")))
}

#[derive(Debug, Clone)]
struct SegmentArgument(NewSegment);

impl FromStr for SegmentArgument {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (flight, cabin) = text.split_once(':').unwrap_or((text, "economy"));
        Ok(Self(NewSegment {
            flight_id: flight.parse()?,
            cabin: cabin.parse::<Cabin>()?,
        }))
    }
}

#[derive(Debug, Clone)]
struct PassengerArgument(Passenger);

impl FromStr for PassengerArgument {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let (surname, given) = name
            .split_once('/')
            .ok_or_else(|| ParseError::new("a passenger is written as SURNAME/GIVEN"))?;
        let mut passenger = Passenger {
            given_name: given.parse()?,
            surname: surname.parse()?,
            title: None,
            kind: PassengerType::Adult,
            date_of_birth: None,
        };
        for part in parts {
            match part.split_once('=') {
                Some(("title", title)) => passenger.title = Some(title.parse()?),
                Some(("type", kind)) => passenger.kind = kind.parse()?,
                Some(("born", date)) => passenger.date_of_birth = Some(date.parse()?),
                _ => {
                    return Err(ParseError::new(
                        "behind a passenger's name stand title=, type= or born=",
                    ));
                }
            }
        }
        Ok(Self(passenger))
    }
}

#[derive(Debug, Clone)]
struct SeatArgument(SeatChoice);

impl FromStr for SeatArgument {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("a seat is written as SEGMENT:PASSENGER:SEAT, as 1:1:12A");
        let mut parts = text.split(':');
        let mut position = || -> Option<u8> { parts.next()?.parse().ok().filter(|n| *n > 0) };
        let segment = position().ok_or_else(wrong)?;
        let passenger = position().ok_or_else(wrong)?;
        let seat = parts.next().ok_or_else(wrong)?.parse()?;
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self(SeatChoice {
            segment,
            passenger,
            seat,
        }))
    }
}

#[derive(Debug, Clone)]
struct TotalArgument(Money);

impl FromStr for TotalArgument {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let at = text
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or_else(|| ParseError::new("a total is written as 224.78USD"))?;
        let (amount, currency) = text.split_at(at);
        let currency = parse_currency(&currency.to_ascii_uppercase())?;
        Ok(Self(Money::parse(amount.trim(), currency)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("SMITH/JOHN", true)]
    #[case("Ó Briain/Áine,title=MS", true)]
    #[case("SMITH/TIM,type=child,born=2020-05-01", true)]
    #[case("SMITH", false)]
    #[case("SMITH/JOHN,age=3", false)]
    #[case("SMITH/", false)]
    fn passengers(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<PassengerArgument>().is_ok(), valid);
    }

    #[rstest]
    #[case("1:2:12A", true)]
    #[case("0:1:12A", false)]
    #[case("1:12A", false)]
    #[case("1:1:12A:3", false)]
    fn seats(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<SeatArgument>().is_ok(), valid);
    }

    #[rstest]
    #[case("224.78USD", Some(22478))]
    #[case("5000 jpy", Some(5000))]
    #[case("USD", None)]
    #[case("12", None)]
    fn totals(#[case] text: &str, #[case] minor: Option<i64>) {
        assert_eq!(
            text.parse::<TotalArgument>().ok().map(|t| t.0.minor()),
            minor
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parsers(text: String) {
            let _ = text.parse::<PassengerArgument>();
            let _ = text.parse::<SeatArgument>();
            let _ = text.parse::<TotalArgument>();
            let _ = text.parse::<SegmentArgument>();
        }
    }
}
