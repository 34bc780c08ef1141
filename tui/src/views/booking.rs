//! The form of a new booking.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::dates;
use crate::store::screen::booking::BookingForm;
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{inset, lines};
use crate::widgets::text::{cut, put, span};

/// Where the entry fields stand: below the flights and, where it was refused, the reason.
pub(super) fn form_area(booking: &BookingForm, body: Rect) -> Rect {
    let above = booking.itinerary.segments.len() + 2 + usize::from(booking.reason.is_some()) * 2;
    let area = inset(body, 2);
    let from = u16::try_from(above).unwrap_or(5);
    // Three lines below are for seats and total.
    lines(area, from, area.height.saturating_sub(from + 3))
}

pub(super) fn draw(state: &State, booking: &BookingForm, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let area = inset(body, 2);
    let mut at = 0;
    if let Some(reason) = &booking.reason {
        let text = format!("✗ Not booked: {reason}");
        put(
            frame.buffer_mut(),
            area,
            0,
            &Line::from(span(
                cut(&text, usize::from(area.width)),
                theme.style(Meaning::Error),
            )),
        );
        at = 2;
    }
    for segment in &booking.itinerary.segments {
        let line = Line::from(vec![
            span(
                format!("{:>2}{:<5}", segment.carrier.as_str(), segment.number),
                theme.style(Meaning::Figure),
            ),
            span(
                format!(
                    "{}  {}-{}  {} {}{}",
                    dates::with_weekday(segment.departure.date()),
                    segment.origin,
                    segment.destination,
                    dates::clock(segment.departure),
                    dates::clock(segment.arrival),
                    dates::day_change(segment.departure, segment.arrival),
                ),
                theme.style(Meaning::Normal),
            ),
        ]);
        put(frame.buffer_mut(), area, at, &line);
        at += 1;
    }
    form::draw(
        &booking.form,
        theme,
        form_area(booking, body),
        Shape::Grid,
        frame,
    );
    let below = lines(area, area.height.saturating_sub(2), 2);
    let chosen = booking.chosen_seats();
    let seats = if chosen.is_empty() {
        "no seats chosen".to_owned()
    } else {
        chosen
            .iter()
            .map(|((segment, passenger), seat)| {
                let flight = booking
                    .itinerary
                    .segments
                    .get(*segment)
                    .map_or_else(String::new, |s| format!("{}{}", s.carrier, s.number));
                format!("{flight} {}: {seat}", booking.passenger_name(*passenger))
            })
            .collect::<Vec<_>>()
            .join(",  ")
    };
    put(
        frame.buffer_mut(),
        below,
        0,
        &Line::from(vec![
            span("Seats  ", theme.style(Meaning::Label)),
            span(
                cut(&seats, usize::from(below.width).saturating_sub(7)),
                theme.style(Meaning::Normal),
            ),
        ]),
    );
    let total = booking
        .total()
        .map_or_else(|| "—".to_owned(), |t| t.to_string());
    put(
        frame.buffer_mut(),
        below,
        1,
        &Line::from(vec![
            span("Total  ", theme.style(Meaning::Label)),
            span(total, theme.style(Meaning::Figure)),
        ]),
    );
}
