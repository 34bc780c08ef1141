//! Bookings and requests for the tests.
#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(
    clippy::unwrap_used,
    reason = "what cannot be built here fails the test"
)]

use airside_common::api::bookings::{
    Booking, Contact, CreateBooking, NewSegment, Passenger, Segment,
};
use airside_common::booking::{BookingStatus, OperationKey, PassengerType, SegmentStatus};
use airside_common::flight::{Cabin, FlightId, FlightNumber};
use airside_common::locator::Locator;
use airside_common::money::{Currency, Money};
use airside_common::time::Instant;
use airside_common::user::UserId;
use airside_tui::store::account::{Account, ServerId};
use jiff::Timestamp;

pub(crate) fn key(n: usize) -> OperationKey {
    format!("key-{n}").parse().unwrap()
}

pub(crate) fn account() -> Account {
    Account {
        server: ServerId::new("http://model"),
        user: UserId(uuid::Uuid::from_u128(1)),
    }
}

pub(crate) fn request() -> CreateBooking {
    CreateBooking {
        segments: vec![NewSegment {
            flight_id: FlightId::new(20_000, 1),
            cabin: Cabin::Economy,
        }],
        passengers: vec![Passenger {
            given_name: "JOHN".parse().unwrap(),
            surname: "SMITH".parse().unwrap(),
            title: None,
            kind: PassengerType::Adult,
            date_of_birth: None,
        }],
        contact: Contact {
            email: Some("j@example.com".parse().unwrap()),
            phone: None,
        },
        hold: None,
        time_limit: None,
        waitlist: None,
        seats: None,
        expected_total: None,
    }
}

pub(crate) fn locator(n: usize) -> Locator {
    let letters = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let tail = [letters[n / 32 % 32], letters[n % 32]];
    format!("TEST{}{}", char::from(tail[0]), char::from(tail[1]))
        .parse()
        .unwrap()
}

pub(crate) fn booking(n: usize, operation: Option<OperationKey>) -> Booking {
    let body = request();
    Booking {
        locator: locator(n),
        status: BookingStatus::Confirmed,
        version: 1,
        segments: vec![Segment {
            flight_id: body.segments[0].flight_id,
            carrier: "UA".parse().unwrap(),
            number: FlightNumber::new(1).unwrap(),
            origin: "JFK".parse().unwrap(),
            destination: "LAX".parse().unwrap(),
            departure: "2026-12-01T05:15:00-05:00".parse().unwrap(),
            arrival: "2026-12-01T08:15:00-08:00".parse().unwrap(),
            aircraft: "738".parse().unwrap(),
            cabin: Cabin::Economy,
            status: SegmentStatus::Hk,
            previous_departure: None,
            previous_arrival: None,
        }],
        passengers: body.passengers,
        seats: Vec::new(),
        contact: body.contact,
        total: Money::from_minor(10_000, Currency::USD),
        time_limit: None,
        office: "NYC1A0001".parse().unwrap(),
        created_by: "demo".parse().unwrap(),
        created_at: Instant(Timestamp::UNIX_EPOCH),
        updated_at: Instant(Timestamp::UNIX_EPOCH),
        operation,
    }
}
