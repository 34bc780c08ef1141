//! Flights for admins.

use airside_common::flight::FlightStatus;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::dates;
use crate::store::screen::Loading;
use crate::store::screen::flights::{FlightForm, Flights};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{inset, lines, list_parts};
use crate::widgets::text::{cut, fit, put, span};

pub(super) fn draw(state: &State, flights: &Flights, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let filter = &flights.filter;
    let mut words = Vec::new();
    if let Some(date) = filter.date {
        words.push(dates::full(date.0));
    }
    words.extend(filter.origin.map(|c| format!("from {c}")));
    words.extend(filter.destination.map(|c| format!("to {c}")));
    words.extend(filter.carrier.map(|c| c.to_string()));
    words.extend(filter.number.map(|n| n.to_string()));
    let pages = &flights.pages;
    words.push(match pages.loading {
        Loading::Awaited(_) => "…".to_owned(),
        Loading::No => format!("{} flights", pages.count()),
    });
    let title = vec![span(
        format!("  {}", words.join("  ")),
        theme.style(Meaning::Title),
    )];
    let columns = "  Flight  From-to  Departure        Arrival  Eq.  Sold/capacity";
    super::head(state, &parts, title, pages.error.as_deref(), columns, frame);
    for (line, (at, flight)) in
        (0..parts.rows.height).zip(pages.items.iter().enumerate().skip(pages.list.top))
    {
        let (sign, selected) = super::cursor_of(state, at == pages.list.at);
        let gone = flight.status == FlightStatus::Cancelled;
        let own = theme.style(if gone {
            Meaning::Muted
        } else {
            Meaning::Normal
        });
        let style = selected.unwrap_or(own);
        let seats = flight
            .cabins
            .iter()
            .map(|c| match (c.sold, c.capacity) {
                (Some(sold), Some(capacity)) => {
                    format!("{}{sold}/{capacity}", c.cabin.letter())
                }
                _ => format!("{}{}", c.cabin.letter(), c.available),
            })
            .collect::<Vec<_>>()
            .join(" ");
        let text = format!(
            "{sign} {}{}-{}  {} {}  {}  {}  {}{}",
            fit(&format!("{}{}", flight.carrier, flight.number), 8),
            flight.origin,
            flight.destination,
            dates::with_weekday(flight.departure.date()),
            dates::clock(flight.departure),
            fit(
                &format!(
                    "{}{}",
                    dates::clock(flight.arrival),
                    dates::day_change(flight.departure, flight.arrival)
                ),
                7
            ),
            flight.aircraft,
            if gone { "CANCELLED  " } else { "" },
            seats
        );
        put(
            frame.buffer_mut(),
            parts.rows,
            line,
            &Line::from(span(fit(&text, usize::from(parts.rows.width)), style)),
        );
    }
}

pub(super) fn draw_form(state: &State, flight: &FlightForm, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let area = inset(body, 4);
    let (meaning, text) = match (&flight.reason, flight.sending) {
        (Some(reason), _) => (Meaning::Error, format!("✗ {reason}")),
        (None, true) => (Meaning::Pending, "Creating …".to_owned()),
        (None, false) => (Meaning::Title, "A new flight".to_owned()),
    };
    put(
        frame.buffer_mut(),
        area,
        0,
        &Line::from(span(
            cut(&text, usize::from(area.width)),
            theme.style(meaning),
        )),
    );
    form::draw(
        &flight.form,
        theme,
        lines(area, 2, area.height),
        Shape::Lines,
        frame,
    );
}
