//! The seat map with who is to be seated.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::store::screen::seats::SeatPicker;
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::frame::{inset, lines};
use crate::widgets::seat_map;
use crate::widgets::text::{cut, put, span};

pub(super) fn draw(state: &State, seats: &SeatPicker, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let area = inset(body, 2);
    let flight = seats
        .flights
        .get(seats.segment)
        .map_or("", |f| f.1.as_str());
    put(
        frame.buffer_mut(),
        area,
        0,
        &Line::from(vec![
            span(flight.to_owned(), theme.style(Meaning::Title)),
            span(format!("  {}", seats.cabin), theme.style(Meaning::Muted)),
        ]),
    );
    let side = 26.min(area.width / 3);
    let left = Rect {
        width: area.width - side,
        ..lines(area, 2, area.height)
    };
    let right = Rect {
        x: left.right(),
        width: side,
        ..left
    };
    match seats.flight().and_then(|f| seats.maps.get(&f)) {
        None => put(
            frame.buffer_mut(),
            left,
            0,
            &Line::from(span("Reading the seat map …", theme.style(Meaning::Muted))),
        ),
        Some(Err(why)) => put(
            frame.buffer_mut(),
            left,
            0,
            &Line::from(span(why.clone(), theme.style(Meaning::Error))),
        ),
        Some(Ok(_)) => seat_map::draw(seats, theme, left, frame.buffer_mut()),
    }
    let mut at = 0;
    for (position, (passenger, name)) in seats.passengers.iter().enumerate() {
        let seat = seats
            .chosen
            .get(&(seats.segment, *passenger))
            .map_or_else(|| "—".to_owned(), ToString::to_string);
        let here = position == seats.passenger;
        let style = theme.style(if here {
            Meaning::Selected
        } else {
            Meaning::Normal
        });
        let text = format!("{} {seat:<4}{name}", passenger + 1);
        put(
            frame.buffer_mut(),
            right,
            at,
            &Line::from(span(cut(&text, usize::from(side)), style)),
        );
        at += 1;
    }
    at += 1;
    if let Some(seat) = seats.under_cursor() {
        let mut words = vec![seat.number.to_string(), seat.cabin.to_string()];
        if seat.window {
            words.push("window".to_owned());
        }
        if seat.aisle {
            words.push("aisle".to_owned());
        }
        put(
            frame.buffer_mut(),
            right,
            at,
            &Line::from(span(
                cut(&words.join(" "), usize::from(side)),
                theme.style(Meaning::Label),
            )),
        );
        at += 2;
    }
    for (sign, words) in [("·", "free"), ("×", "taken"), ("1", "your passenger")] {
        put(
            frame.buffer_mut(),
            right,
            at,
            &Line::from(span(format!("{sign} {words}"), theme.style(Meaning::Muted))),
        );
        at += 1;
    }
}
