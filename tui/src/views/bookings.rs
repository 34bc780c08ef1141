//! The list of bookings.

use airside_common::booking::BookingStatus;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::dates;
use crate::keymap::Command;
use crate::store::ledger::fold::{Pending, Row};
use crate::store::operation::OperationKind;
use crate::store::rebooking::flights_of;
use crate::store::screen::Loading;
use crate::store::screen::bookings::{Bookings, Line as Entry};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{inset, list_parts};
use crate::widgets::text::{cut, fit, fit_right, put, span};

pub(super) fn draw(state: &State, bookings: &Bookings, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let lines = bookings.lines(&state.ledger);
    let more = if bookings.next_cursor.is_some() {
        "+"
    } else {
        ""
    };
    if let Some(form) = &bookings.filtering {
        form::draw(form, theme, inset(parts.title, 2), Shape::Lines, frame);
    } else {
        let noun = if lines.len() == 1 && more.is_empty() {
            "booking"
        } else {
            "bookings"
        };
        let mut words = format!("{}{more} {noun}", lines.len());
        if !bookings.filter.is_empty() {
            words = format!("{words}  with {:?}", bookings.filter);
        }
        if matches!(bookings.loading, Loading::Awaited(_)) {
            words.push_str("  …");
        }
        let mut title = vec![span(format!("  {words}"), theme.style(Meaning::Title))];
        if let Some(error) = &bookings.error {
            title.push(span(format!("  {error}"), theme.style(Meaning::Error)));
        }
        put(frame.buffer_mut(), parts.title, 0, &Line::from(title));
    }
    let width = usize::from(body.width);
    let (names, flights) = columns(width);
    let total_width = width
        .saturating_sub(FIXED - TOTAL + names + flights)
        .min(TOTAL);
    let header = format!(
        "  {}{}{}{}{}",
        fit("Locator", 8),
        fit("Status", 11),
        fit("Passenger", names),
        fit("Flights", flights + 9),
        fit_right("Total", total_width)
    );
    put(
        frame.buffer_mut(),
        parts.header,
        0,
        &Line::from(span(header, theme.style(Meaning::Label))),
    );
    if lines.is_empty() {
        let text = if bookings.loading == Loading::No {
            let searches = [(Command::Search, "searches flights.")];
            let searches = state.keymap.hint(&state.contexts(), &searches);
            format!("  No bookings here. {searches}")
        } else {
            "  Reading …".to_owned()
        };
        put(
            frame.buffer_mut(),
            parts.rows,
            1,
            &Line::from(span(text, theme.style(Meaning::Muted))),
        );
    }
    for (line, (at, entry)) in
        (0..parts.rows.height).zip(lines.iter().enumerate().skip(bookings.list.top))
    {
        let here = at == bookings.list.at;
        let (sign, selected) = super::cursor_of(state, here);
        let is_news = |locator| state.live.news.contains(&locator);
        let news = matches!(entry, Entry::Booking(row) if row.locator.is_some_and(is_news));
        let mark = if news { NEWS } else { ' ' };
        let (locator, status, meaning, passengers, segments, total) = match entry {
            Entry::Booking(row) => {
                let (status, meaning) = status_of(row);
                let total = row.total.map(|t| t.to_string()).unwrap_or_default();
                (
                    row.locator_text(),
                    status,
                    meaning,
                    row.passengers,
                    row.segments,
                    total,
                )
            }
            Entry::Draft(draft) => {
                let OperationKind::Create { body, preview } = &draft.operation.kind else {
                    continue;
                };
                (
                    "——————".to_owned(),
                    draft.reason.word(),
                    Meaning::Error,
                    body.passengers.as_slice(),
                    preview.segments.as_slice(),
                    preview.total.map(|t| t.to_string()).unwrap_or_default(),
                )
            }
        };
        let name = passengers.first().map_or_else(String::new, |p| {
            let others = passengers.len() - 1;
            let name = format!("{} {}", p.surname, p.given_name);
            if others > 0 {
                format!("{} +{others}", cut(&name, names.saturating_sub(4)))
            } else {
                name
            }
        });
        let segments = flights_of(segments);
        let day = segments
            .first()
            .map_or_else(String::new, |s| dates::with_weekday(s.departure.date()));
        let route = segments
            .iter()
            .map(|s| format!("{}{} {}-{}", s.carrier, s.number, s.origin, s.destination))
            .collect::<Vec<_>>()
            .join("  ");
        let gone = matches!(entry, Entry::Booking(row) if row.status == BookingStatus::Cancelled && row.pending.is_none());
        let plain = theme.style(if gone {
            Meaning::Muted
        } else {
            Meaning::Normal
        });
        let style = |own| selected.unwrap_or(own);
        let mut spans = vec![
            span(format!("{sign}{mark}"), style(theme.style(Meaning::Key))),
            span(
                fit(&locator, 8),
                style(theme.style(if gone { Meaning::Muted } else { Meaning::Title })),
            ),
            span(fit(status, 11), style(theme.style(meaning))),
            span(fit(&name, names - 1) + " ", style(plain)),
            span(fit(&day, 9), style(plain)),
            span(fit(&route, flights - 1) + " ", style(plain)),
            span(fit_right(&total, total_width), style(plain)),
        ];
        if here {
            let used = spans.iter().map(Span::width).sum();
            spans.push(span(" ".repeat(width.saturating_sub(used)), style(plain)));
        }
        put(frame.buffer_mut(), parts.rows, line, &Line::from(spans));
    }
}

/// Stands before what others have made or changed since the last key.
const NEWS: char = '•';

/// Columns of the total.
const TOTAL: usize = 14;

/// Columns of a line that do not grow: cursor, locator, status, day, total, and one at the end.
const FIXED: usize = 2 + 8 + 11 + 9 + TOTAL + 1;

/// Columns of names and flights: what is left, shared.
fn columns(width: usize) -> (usize, usize) {
    let rest = width.saturating_sub(FIXED);
    let names = (rest * 2 / 5).clamp(12, 34);
    (names, rest.saturating_sub(names).clamp(12, 52))
}

/// A row's status in a word.
pub(super) fn status_of(row: &Row<'_>) -> (&'static str, Meaning) {
    let cancels = row.status == BookingStatus::Cancelled;
    let kind = row.operation.map(|operation| &operation.kind);
    let confirms = kind == Some(&OperationKind::Confirm);
    let rebooks = matches!(kind, Some(OperationKind::Rebook { .. }));
    match row.pending {
        Some(Pending::AsksFirst) => ("asks", Meaning::Warning),
        Some(Pending::Unanswered) => ("unanswered", Meaning::Pending),
        Some(_) if cancels => ("cancelling", Meaning::Pending),
        Some(_) if confirms => ("confirming", Meaning::Pending),
        Some(_) if rebooks => ("rebooking", Meaning::Pending),
        Some(_) => ("pending", Meaning::Pending),
        None if cancels => ("cancelled", Meaning::Muted),
        None => (
            row.status.word(),
            if row.status == BookingStatus::Confirmed {
                Meaning::Good
            } else {
                Meaning::Warning
            },
        ),
    }
}
