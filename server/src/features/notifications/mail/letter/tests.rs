use std::sync::Arc;

use airside_common::event::{BookingEvent, Event};
use serde_json::json;

use super::*;
use crate::bus::Envelope;
use crate::clock::Clock;
use crate::messages::consumer::ConsumerName;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-27T12:00:00Z".parse().unwrap()
    }
}

/// One who writes at noon.
pub(crate) fn writer() -> Writer {
    let from = "Airside <no-reply@airside.example>".parse().unwrap();
    let reply_to = "desk@airside.example".parse().unwrap();
    Writer::new(from, Some(reply_to), Arc::new(Noon)).unwrap()
}

/// A message of an event of a booking.
pub(crate) fn delivery(id: i64, locator: Locator, event: fn(BookingEvent) -> Event) -> Delivery {
    Delivery {
        consumer: ConsumerName("mail"),
        envelope: Envelope {
            id,
            at: Noon.now(),
            event: event(BookingEvent {
                locator,
                version: 1,
                office: "NYC1A0001".parse().unwrap(),
                operation: None,
                sent_by: None,
            }),
        },
    }
}

/// Two flights over the change of a day, for a family whose names are not all plain letters.
fn booking(status: &str) -> Booking {
    let segment = if status == "cancelled" { "XX" } else { "HK" };
    let version = if status == "cancelled" { 2 } else { 1 };
    serde_json::from_value(json!({
        "locator": "K7QW2M",
        "status": status,
        "version": version,
        "segments": [
            {"flight_id": "1", "carrier": "UA", "number": 1545, "origin": "JFK", "destination": "ORD",
             "departure": "2026-12-07T20:00:00-05:00", "arrival": "2026-12-07T21:40:00-06:00", "aircraft": "738",
             "cabin": "economy", "status": segment},
            {"flight_id": "2", "carrier": "UA", "number": 944, "origin": "ORD", "destination": "FRA",
             "departure": "2026-12-07T23:30:00-06:00", "arrival": "2026-12-08T14:45:00+01:00", "aircraft": "77W",
             "cabin": "premium", "status": segment},
        ],
        "passengers": [
            {"given_name": "Ada", "surname": "O'Brien & Co", "type": "adult"},
            {"given_name": "Łukasz", "surname": "李", "type": "child", "date_of_birth": "2020-02-29"},
        ],
        "seats": [
            {"segment": 1, "passenger": 1, "seat": "12A"},
            {"segment": 1, "passenger": 2, "seat": "12B"},
        ],
        "contact": {"email": "ada@example.com"},
        "total": {"amount": "1449.56", "currency": "USD"},
        "time_limit": null,
        "office": "NYC1A0001",
        "created_by": "eve",
        "created_at": "2026-11-27T11:59:00Z",
        "updated_at": "2026-11-27T11:59:00Z",
    }))
    .unwrap()
}

fn letter(status: &str, event: &str) -> Letter {
    let booking = booking(status);
    let occasion = occasions::of(event, booking.status, &[]).unwrap();
    writer().letter(occasion.letter, &booking).unwrap()
}

#[test]
fn a_confirmed_booking_is_told() {
    let letter = letter("confirmed", "booking.created");
    insta::assert_snapshot!(
        "confirmed_text",
        format!("{}\n---\n{}", letter.subject, letter.text)
    );
    insta::assert_snapshot!("confirmed_html", letter.html);
}

#[test]
fn a_cancelled_booking_is_told() {
    let letter = letter("cancelled", "booking.cancelled");
    insta::assert_snapshot!(
        "cancelled_text",
        format!("{}\n---\n{}", letter.subject, letter.text)
    );
    insta::assert_snapshot!("cancelled_html", letter.html);
}

#[test]
fn whoever_waits_or_has_a_time_limit_is_told_of_it() {
    let subject = |status, event| letter(status, event).subject;
    let mut held = booking("held");
    held.time_limit = Some("2026-11-28T14:00:00Z".parse().unwrap());
    let mail = written(&held, Event::BookingCreated).unwrap();
    assert_eq!(
        mail.subject,
        "Your booking K7QW2M is held until 28 Nov 2026, 14:00 UTC: JFK to FRA, 7 Dec 2026"
    );
    for (status, event, expected) in [
        (
            "waitlisted",
            "booking.created",
            "You are on the waitlist with K7QW2M",
        ),
        (
            "confirmed",
            "booking.confirmed",
            "Your booking K7QW2M is confirmed: ",
        ),
        (
            "confirmed",
            "waitlist.cleared",
            "Your booking K7QW2M is confirmed, you have",
        ),
        (
            "cancelled",
            "booking.expired",
            "Your booking K7QW2M has ended: ",
        ),
    ] {
        let subject = subject(status, event);
        assert!(subject.starts_with(expected), "{subject}");
    }
}

/// The first flight leaves twenty minutes later than it was booked.
fn moved() -> Booking {
    let mut booking = booking("confirmed");
    booking.version = 2;
    let first = &mut booking.segments[0];
    first.status = SegmentStatus::Tk;
    first.previous_departure = Some(first.departure);
    first.previous_arrival = Some(first.arrival);
    first.departure = "2026-12-07T20:20:00-05:00".parse().unwrap();
    booking
}

/// The second flight does not operate.
fn grounded() -> Booking {
    let mut booking = booking("confirmed");
    booking.version = 3;
    booking.segments[1].status = SegmentStatus::Un;
    booking
}

/// It was replaced by another.
fn rebooked() -> Booking {
    let mut booking = grounded();
    booking.version = 4;
    let mut other = booking.segments[1].clone();
    booking.segments[1].status = SegmentStatus::Xx;
    other.status = SegmentStatus::Hk;
    other.flight_id = airside_common::flight::FlightId::from_raw(3);
    other.number = "946".parse().unwrap();
    booking.segments.push(other);
    booking
}

#[test]
fn a_changed_flight_is_told_with_the_times_before() {
    let occasion = occasions::of("booking.changed", moved().status, &[]).unwrap();
    let letter = writer().letter(occasion.letter, &moved()).unwrap();
    insta::assert_snapshot!(
        "changed_text",
        format!("{}\n---\n{}", letter.subject, letter.text)
    );
    insta::assert_snapshot!("changed_html", letter.html);
    let subject = |booking: &Booking| written(booking, Event::BookingChanged).unwrap().subject;
    assert_eq!(
        subject(&moved()),
        "Your flights have new times, booking K7QW2M: JFK to FRA, 7 Dec 2026"
    );
    assert_eq!(
        subject(&grounded()),
        "A flight of your booking K7QW2M does not operate: JFK to FRA, 7 Dec 2026"
    );
    assert_eq!(
        subject(&rebooked()),
        "Your booking K7QW2M has changed: JFK to FRA, 7 Dec 2026"
    );
    let letter = writer().letter(occasion.letter, &rebooked()).unwrap();
    assert!(
        letter
            .text
            .contains("UA944  United Air Lines Inc.  (cancelled)"),
        "{}",
        letter.text
    );
    assert!(!letter.text.contains("(was "), "{}", letter.text);
    // What is cancelled by now is told by another mail.
    assert_eq!(written(&booking("cancelled"), Event::BookingChanged), None);
}

#[test]
fn a_time_limit_that_is_near_is_told_while_it_is_ahead() {
    let mut held = booking("held");
    held.time_limit = Some("2026-11-28T14:00:00Z".parse().unwrap());
    let mail = written(&held, Event::BookingExpiring).unwrap();
    assert_eq!(
        mail.subject,
        "Your booking K7QW2M is held only until 28 Nov 2026, 14:00 UTC: JFK to FRA, 7 Dec 2026"
    );
    assert_eq!(written(&booking("confirmed"), Event::BookingExpiring), None);
}

/// A calendar takes what has changed under the same names.
#[test]
fn a_calendar_follows_what_happens_to_flights() {
    let of = |booking: &Booking, name: &str| -> Vec<String> {
        let calendar = calendar::of(booking, Noon.now()).unwrap();
        let lines = calendar.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.trim_end().to_owned()).collect()
    };
    let before = booking("confirmed");
    assert_eq!(of(&moved(), "UID"), of(&before, "UID"));
    assert_eq!(of(&moved(), "SEQUENCE"), ["SEQUENCE:2"; 2]);
    assert_eq!(of(&moved(), "DTSTART")[0], "DTSTART:20261208T012000Z");
    assert_eq!(of(&moved(), "STATUS"), ["STATUS:CONFIRMED"; 2]);
    assert_eq!(
        of(&grounded(), "STATUS"),
        ["STATUS:CONFIRMED", "STATUS:CANCELLED"]
    );
    let statuses = ["STATUS:CONFIRMED", "STATUS:CANCELLED", "STATUS:CONFIRMED"];
    assert_eq!(of(&rebooked(), "STATUS"), statuses);
    assert_eq!(of(&rebooked(), "SEQUENCE"), ["SEQUENCE:4"; 3]);
    // Another cabin on the same flight is no other flight.
    let mut up = rebooked();
    up.segments[2].flight_id = up.segments[1].flight_id;
    assert_eq!(of(&up, "STATUS"), ["STATUS:CONFIRMED"; 2]);
}

#[test]
fn flights_go_into_a_calendar_and_out_of_it() {
    let calendar = |status| calendar::of(&booking(status), Noon.now()).unwrap();
    let (confirmed, cancelled) = (calendar("confirmed"), calendar("cancelled"));
    insta::assert_snapshot!("confirmed_calendar", confirmed.replace('\r', ""));
    let of = |calendar: &str, name: &str| -> Vec<String> {
        let lines = calendar.lines().filter(|line| line.starts_with(name));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(of(&cancelled, "UID"), of(&confirmed, "UID"));
    assert_eq!(of(&cancelled, "STATUS"), ["STATUS:CANCELLED"; 2]);
    assert_eq!(of(&confirmed, "SEQUENCE"), ["SEQUENCE:1"; 2]);
    assert_eq!(of(&cancelled, "SEQUENCE"), ["SEQUENCE:2"; 2]);
    // Lines end as RFC 5545 wants them to.
    assert_eq!(
        confirmed.matches('\n').count(),
        confirmed.matches("\r\n").count()
    );
}

#[test]
fn all_names_are_escaped_in_html_alone() {
    let letter = letter("confirmed", "booking.created");
    assert!(
        letter.html.contains("O&#x27;Brien &amp; Co"),
        "{}",
        letter.html
    );
    assert!(!letter.html.contains("O'Brien"), "{}", letter.html);
    assert!(letter.text.contains("O'Brien & Co"), "{}", letter.text);
}

fn written(booking: &Booking, event: fn(BookingEvent) -> Event) -> Option<Written> {
    let delivery = delivery(42, booking.locator, event);
    writer().write(&delivery, booking, &[]).unwrap()
}

/// The header of a mail, unfolded.
fn header(mail: &[u8]) -> String {
    let text = std::str::from_utf8(mail).unwrap();
    let (header, _) = text.split_once("\r\n\r\n").unwrap();
    header.replace("\r\n ", " ").replace("\r\n\t", " ")
}

#[test]
fn a_mail_has_all_its_parts_and_a_stable_name() {
    let booking = booking("confirmed");
    let mail = written(&booking, Event::BookingCreated).unwrap();
    assert_eq!(
        (mail.message, mail.event, mail.locator, &*mail.recipient),
        (42, "booking.created", booking.locator, "ada@example.com")
    );
    let body = mail.body.unwrap();
    let head = header(&body);
    let head: Vec<&str> = head
        .lines()
        .filter(|line| !line.starts_with("Content-Type"))
        .collect();
    insta::assert_snapshot!("header", head.join("\n"));
    let text = std::str::from_utf8(&body).unwrap();
    for part in [
        "Content-Type: multipart/mixed",
        "Content-Type: multipart/alternative",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
        "Content-Type: text/calendar; charset=utf-8; method=PUBLISH",
        "Content-Disposition: attachment; filename=\"K7QW2M.ics\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let again = written(&booking, Event::BookingCreated).unwrap();
    assert_eq!(
        header_line(&again, "Message-ID"),
        "<42.K7QW2M@airside.example>"
    );
}

fn header_line(mail: &Written, name: &str) -> String {
    let header = header(mail.body.as_ref().unwrap());
    let mut lines = header.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap().to_owned()
}

#[test]
fn nobody_is_told_what_is_not_true_or_has_no_address() {
    // Whoever has cancelled meanwhile is not told that the booking is confirmed.
    assert_eq!(written(&booking("cancelled"), Event::BookingCreated), None);
    assert_eq!(written(&booking("held"), Event::BookingConfirmed), None);
    assert_eq!(written(&booking("confirmed"), Event::BookingExpired), None);
    assert!(written(&booking("cancelled"), Event::BookingCancelled).is_some());
    let mut booking = booking("confirmed");
    booking.contact.email = None;
    assert_eq!(written(&booking, Event::BookingCreated), None);
}

#[test]
fn an_address_that_no_mail_can_have_is_recorded() {
    let mut booking = booking("confirmed");
    // Ours takes it for its shape; RFC 5321 does not.
    booking.contact.email = Some("a..b@example.com".parse().unwrap());
    let mail = written(&booking, Event::BookingCreated).unwrap();
    let refusal = mail.body.unwrap_err();
    assert!(refusal.contains("address"), "{refusal}");
}

#[test]
fn nothing_in_a_subject_becomes_a_header() {
    let letter = Letter {
        subject: "Hello\r\nBcc: eve@example.com\r\n\r\nbody".to_owned(),
        text: String::new(),
        html: String::new(),
    };
    let to = "ada@example.com".parse().unwrap();
    let mail = writer().mail(
        to,
        "<1@x>".to_owned(),
        &letter,
        &booking("confirmed"),
        Noon.now(),
    );
    let header = header(&mail.unwrap());
    assert!(
        !header.lines().any(|line| line.starts_with("Bcc")),
        "{header}"
    );
    assert!(
        "ada@example.com\r\nBcc: eve@example.com"
            .parse::<Address>()
            .is_err()
    );
}
