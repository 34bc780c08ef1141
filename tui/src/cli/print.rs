//! Results as text for people.

use std::fmt::Write;

use airside_common::api::bookings::{Booking, BookingPage, HistoryPage, Segment};
use airside_common::api::queues::QueueTotals;
use airside_common::api::search::{FlightOffer, Itinerary, ItineraryPage, ItineraryQuery};
use airside_common::booking::PassengerType;
use airside_common::text::printable;

use super::{CliError, Form, json};
use crate::date_entry::spelled;
use crate::store::rebooking::flights_of;

/// The results of a search: a line a flight, with the id that `airside book` takes.
pub(super) fn itineraries(page: &ItineraryPage, query: &ItineraryQuery) -> String {
    let mut out = String::new();
    if page.items.is_empty() {
        line(
            &mut out,
            format_args!(
                "no flights from {} to {} on {}",
                query.origin,
                query.destination,
                spelled(query.date.0)
            ),
        );
        return out;
    }
    for itinerary in &page.items {
        line(&mut out, format_args!("{}", heading(itinerary)));
        for flight in &itinerary.segments {
            line(&mut out, format_args!("  {}", offer(flight)));
        }
    }
    out.push_str(&more(page.next_cursor.as_deref()));
    out
}

/// Where the next page begins; empty on the last.
pub(super) fn more(next_cursor: Option<&str>) -> String {
    next_cursor.map_or_else(String::new, |cursor| {
        format!("more: --cursor {}\n", printable(cursor))
    })
}

/// A booking that was written, in the form that was asked for.
pub(super) fn in_form(written: &Booking, form: Form) -> Result<String, CliError> {
    if form.json {
        json(written)
    } else {
        Ok(booking(written))
    }
}

/// One booking in full.
pub(super) fn booking(booking: &Booking) -> String {
    let mut out = String::new();
    line(
        &mut out,
        format_args!(
            "{}  {}  {}  version {}",
            booking.locator, booking.status, booking.total, booking.version
        ),
    );
    if let Some(limit) = booking.time_limit {
        line(&mut out, format_args!("  held until {limit}"));
    }
    for (at, segment) in booking.segments.iter().enumerate() {
        line(&mut out, format_args!("  {} {}", at + 1, flown(segment)));
    }
    for (at, passenger) in booking.passengers.iter().enumerate() {
        let kind = match passenger.kind {
            PassengerType::Adult => String::new(),
            kind => format!(" ({})", kind.word()),
        };
        let title = passenger
            .title
            .as_ref()
            .map_or_else(String::new, |title| format!(" {title}"));
        let seats: Vec<String> = booking
            .seats
            .iter()
            .filter(|seat| usize::from(seat.passenger) == at + 1)
            .map(|seat| format!("{} on {}", seat.seat, seat.segment))
            .collect();
        line(
            &mut out,
            format_args!(
                "  {}. {}/{}{title}{kind}{}{}",
                at + 1,
                passenger.surname,
                passenger.given_name,
                if seats.is_empty() { "" } else { "  seat " },
                seats.join(", ")
            ),
        );
    }
    line(
        &mut out,
        format_args!(
            "  made by {} of {} at {}",
            booking.created_by, booking.office, booking.created_at
        ),
    );
    out
}

/// A line a booking.
pub(super) fn bookings(page: &BookingPage) -> String {
    let mut out = String::new();
    if page.items.is_empty() {
        line(&mut out, format_args!("no bookings"));
    }
    for booking in &page.items {
        let lead = booking
            .passengers
            .first()
            .map_or_else(String::new, |p| format!("{}/{}", p.surname, p.given_name));
        let others = match booking.passengers.len() {
            0 | 1 => String::new(),
            n => format!(" +{}", n - 1),
        };
        let segments = flights_of(&booking.segments);
        let route: Vec<String> = segments
            .first()
            .map(|s| s.origin.to_string())
            .into_iter()
            .chain(segments.iter().map(|s| s.destination.to_string()))
            .collect();
        let date = segments
            .first()
            .map_or_else(String::new, |s| spelled(s.departure.date()));
        line(
            &mut out,
            format_args!(
                "{}  {:<10}  {date}  {:<15}  {}  {lead}{others}",
                booking.locator,
                booking.status,
                route.join("-"),
                booking.total
            ),
        );
    }
    out.push_str(&more(page.next_cursor.as_deref()));
    out
}

/// A line an entry.
pub(super) fn history(page: &HistoryPage) -> String {
    let mut out = String::new();
    for entry in &page.items {
        line(
            &mut out,
            format_args!(
                "{}  {}  {}  {}  {}",
                entry.version, entry.at, entry.by, entry.action, entry.detail
            ),
        );
    }
    out
}

/// A line a queue.
pub(super) fn queues(totals: &QueueTotals) -> String {
    let mut out = String::new();
    for queue in &totals.items {
        line(
            &mut out,
            format_args!(
                "{:>2}  {:<18} {:>5} waiting  {:>5} in hand  {:>5} put off",
                queue.number,
                printable(&queue.name),
                queue.waiting,
                queue.in_hand,
                queue.delayed
            ),
        );
    }
    out
}

fn heading(itinerary: &Itinerary) -> String {
    let (hours, minutes) = (
        itinerary.duration_minutes / 60,
        itinerary.duration_minutes % 60,
    );
    let stops = match itinerary.stops {
        0 => "direct".to_owned(),
        1 => "1 stop".to_owned(),
        n => format!("{n} stops"),
    };
    let total = itinerary
        .total
        .map_or_else(|| "no seats".to_owned(), |total| total.to_string());
    format!("{hours}h{minutes:02}  {stops}  {total}")
}

fn offer(flight: &FlightOffer) -> String {
    let days = flight
        .arrival
        .date()
        .since(flight.departure.date())
        .map_or(0, |span| span.get_days());
    let later = if days == 0 {
        "  ".to_owned()
    } else {
        format!("{days:+}")
    };
    let cabins: Vec<String> = flight
        .cabins
        .iter()
        .map(|c| format!("{}{} {}", c.cabin.letter(), c.available, c.fare))
        .collect();
    format!(
        "{}  {}{:<4}  {} {} {}  {} {}{later}  {}  {}",
        flight.flight_id,
        flight.carrier,
        flight.number.get(),
        spelled(flight.departure.date()),
        flight.origin,
        flight.departure.local().strftime("%H:%M"),
        flight.destination,
        flight.arrival.local().strftime("%H:%M"),
        flight.aircraft,
        cabins.join("  ")
    )
}

fn flown(segment: &Segment) -> String {
    let known = segment.previous_departure.zip(segment.previous_arrival);
    let known = known.map_or_else(String::new, |(departure, arrival)| {
        format!(
            "  was {} {}",
            departure.local().strftime("%H:%M"),
            arrival.local().strftime("%H:%M")
        )
    });
    format!(
        "{}{:<4}  {} {} {}  {} {}  {}  {}{known}",
        segment.carrier,
        segment.number.get(),
        spelled(segment.departure.date()),
        segment.origin,
        segment.departure.local().strftime("%H:%M"),
        segment.destination,
        segment.arrival.local().strftime("%H:%M"),
        segment.cabin,
        segment.status
    )
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}
