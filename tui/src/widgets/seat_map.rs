//! A seat map as it is looked at from above, front at the top.

use airside_common::api::flights::{Seat, SeatState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{put, span};
use crate::store::screen::seats::SeatPicker;
use crate::theme::{Meaning, Theme};

/// Draws the rows around the cursor.
pub(crate) fn draw(seats: &SeatPicker, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(map) = seats.map() else { return };
    let height = usize::from(area.height).saturating_sub(1).max(1);
    let top = seats
        .cursor
        .0
        .saturating_sub(height / 2)
        .min(map.rows.len().saturating_sub(height));
    let mut layout = "";
    let mut line = 0;
    for (at, row) in map.rows.iter().enumerate().skip(top) {
        if line >= area.height {
            break;
        }
        // The letters stand above the first row in view and wherever they change.
        if row.layout != layout {
            layout = &row.layout;
            let letters: String = row
                .layout
                .chars()
                .map(|c| {
                    if c == '-' {
                        "   ".to_owned()
                    } else {
                        format!(" {c} ")
                    }
                })
                .collect();
            let head = format!("     {letters}  {}", row.cabin);
            put(
                buffer,
                area,
                line,
                &Line::from(span(head, theme.style(Meaning::Label))),
            );
            line += 1;
        }
        let mut spans = vec![span(
            format!("{:>3}  ", row.row),
            theme.style(Meaning::Muted),
        )];
        for letter in row.layout.chars() {
            let place = row.seats.iter().position(|s| s.number.column() == letter);
            let Some(place) = place else {
                spans.push(span("   ", theme.style(Meaning::Normal)));
                continue;
            };
            let seat = &row.seats[place];
            let under = seats.cursor == (at, place);
            let (sign, meaning) = sign(seats, seat);
            let style = if under {
                theme.style(Meaning::Selected)
            } else {
                theme.style(meaning)
            };
            let text = if under {
                format!("[{sign}]")
            } else {
                format!(" {sign} ")
            };
            spans.push(span(text, style));
        }
        put(buffer, area, line, &Line::from(spans));
        line += 1;
    }
}

fn sign(seats: &SeatPicker, seat: &Seat) -> (char, Meaning) {
    if let Some(passenger) = seats.taken_by(seat.number) {
        let number = u32::try_from(passenger + 1).unwrap_or_default();
        let sign = char::from_digit(number, 36).unwrap_or('*');
        let own = Some(passenger) == seats.who();
        return (
            sign,
            if own {
                Meaning::Figure
            } else {
                Meaning::Pending
            },
        );
    }
    match (seat.cabin == seats.cabin, seat.state) {
        (_, SeatState::Taken) => ('×', Meaning::Muted),
        (true, SeatState::Free) => ('·', Meaning::Good),
        (false, SeatState::Free) => (' ', Meaning::Muted),
    }
}
