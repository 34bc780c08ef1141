//! The flights of a booking for a calendar (iCalendar, RFC 5545).

use std::fmt;

use airside_common::api::bookings::{Booking, Segment};
use airside_common::booking::{BookingStatus, SegmentStatus};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};
use jiff::Timestamp;

use super::letter::{local, place};

/// An event a segment. Its `UID` stays the same, and its `SEQUENCE` is the booking's version: a calendar that has it takes the
/// later state.
pub(super) fn of(booking: &Booking, now: Timestamp) -> Result<String, fmt::Error> {
    let mut calendar = Calendar::empty();
    calendar
        .append_property(Property::new("VERSION", "2.0"))
        .append_property(Property::new("PRODID", "-//Airside//Bookings//EN"))
        .append_property(Property::new("METHOD", "PUBLISH"));
    for segment in &booking.segments {
        // Of a cabin that was given up for another one on the same flight nobody need hear.
        let stays = |other: &Segment| {
            other.flight_id == segment.flight_id && other.status != SegmentStatus::Xx
        };
        if segment.status == SegmentStatus::Xx && booking.segments.iter().any(stays) {
            continue;
        }
        calendar.push(event(booking, segment, now));
    }
    let mut text = String::new();
    fmt::Write::write_fmt(&mut text, format_args!("{calendar}"))?;
    Ok(text)
}

fn event(booking: &Booking, segment: &Segment, now: Timestamp) -> Event {
    let flight = format!("{}{}", segment.carrier, segment.number);
    let (origin, destination) = (segment.origin, segment.destination);
    let description = format!(
        "Booking {}\nDeparts {} {}\nArrives {} {}",
        booking.locator,
        local(segment.departure),
        place(origin),
        local(segment.arrival),
        place(destination),
    );
    Event::with_uid(&format!(
        "{}-{}@airside",
        booking.locator, segment.flight_id
    ))
    .add_property("DTSTAMP", utc(now))
    .add_property("DTSTART", utc(segment.departure.instant()))
    .add_property("DTEND", utc(segment.arrival.instant()))
    .add_property("SEQUENCE", booking.version.to_string())
    .status(status(booking, segment))
    .summary(&format!("{flight} {origin} to {destination}"))
    .location(&place(origin))
    .description(&description)
    .done()
}

fn status(booking: &Booking, segment: &Segment) -> EventStatus {
    match (booking.status, segment.status) {
        (BookingStatus::Cancelled, _) | (_, SegmentStatus::Un | SegmentStatus::Xx) => {
            EventStatus::Cancelled
        }
        (_, SegmentStatus::Hl) | (BookingStatus::Held, _) => EventStatus::Tentative,
        (_, SegmentStatus::Hk | SegmentStatus::Tk) => EventStatus::Confirmed,
    }
}

fn utc(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}
