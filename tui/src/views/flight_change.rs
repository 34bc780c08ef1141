//! What a flight is to be, and the bookings that its change touches.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::dates;
use crate::store::screen::flight_change::{FlightChange, FlightEdit, FlightPlan, Progress};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{inset, lines, parts};
use crate::widgets::text::{cut, fit, fold, put, span};

pub(super) fn draw_edit(state: &State, edit: &FlightEdit, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let area = inset(body, 4);
    let flight = &edit.flight;
    let (meaning, text) = match &edit.reason {
        Some(reason) => (Meaning::Error, format!("✗ {reason}")),
        None => (
            Meaning::Title,
            format!(
                "{}{}  {}  {}-{}",
                flight.carrier,
                flight.number,
                dates::full(flight.departure.date()),
                flight.origin,
                flight.destination
            ),
        ),
    };
    let text = cut(&text, usize::from(area.width));
    let title = Line::from(span(text, theme.style(meaning)));
    put(frame.buffer_mut(), area, 0, &title);
    let fields = lines(area, 2, area.height);
    form::draw(&edit.form, theme, fields, Shape::Lines, frame);
}

/// What stands above the bookings.
fn head(change: &FlightChange, columns: usize) -> Vec<(Meaning, String)> {
    let flight = &change.flight;
    let verb = match change.plan {
        FlightPlan::Cancel => "Cancel",
        FlightPlan::Change(_) => "Change",
    };
    let mut all = Vec::new();
    let mut tell = |meaning, text: &str| {
        all.extend(fold(text, columns).into_iter().map(|line| (meaning, line)));
    };
    tell(
        Meaning::Title,
        &format!(
            "{verb} flight {}{}?  {}  {}-{}  {}-{}{}",
            flight.carrier,
            flight.number,
            dates::full(flight.departure.date()),
            flight.origin,
            flight.destination,
            dates::clock(flight.departure),
            dates::clock(flight.arrival),
            dates::day_change(flight.departure, flight.arrival)
        ),
    );
    if let Some(notice) = &change.notice {
        tell(Meaning::Warning, notice);
    }
    for (what, before, after) in change.differences() {
        tell(Meaning::Figure, &format!("{what:<10} {before} → {after}"));
    }
    match &change.bookings.error {
        Some(error) => {
            let sold: u32 = flight.cabins.iter().filter_map(|c| c.sold).sum();
            let words = format!("Its bookings cannot be read, {sold} seats are sold: {error}");
            tell(Meaning::Error, &words);
        }
        None => tell(Meaning::Warning, &change.count()),
    }
    match change.progress {
        Progress::Open => {}
        Progress::Sending(_) => tell(Meaning::Pending, "It is being done …"),
        Progress::Reading(_) => tell(Meaning::Pending, "It is being read …"),
    }
    all
}

/// Lines of the screen that have bookings.
pub(super) fn height(state: &State, change: &FlightChange) -> usize {
    let body = inset(parts(Rect::new(0, 0, state.size.0, state.size.1)).body, 2);
    let head = head(change, usize::from(body.width)).len();
    usize::from(body.height).saturating_sub(head + 1)
}

pub(super) fn draw(state: &State, change: &FlightChange, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let area = inset(body, 2);
    let width = usize::from(area.width);
    let head = head(change, width);
    for (line, (meaning, text)) in (0..area.height).zip(&head) {
        let content = Line::from(span(text.as_str(), theme.style(*meaning)));
        put(frame.buffer_mut(), area, line, &content);
    }
    let below = lines(
        area,
        u16::try_from(head.len()).unwrap_or(u16::MAX),
        area.height,
    );
    let bookings = &change.bookings.items;
    if bookings.is_empty() {
        return;
    }
    let title = "  Booking  Office     State  Cabin     Passengers";
    put(
        frame.buffer_mut(),
        below,
        0,
        &Line::from(span(title, theme.style(Meaning::Label))),
    );
    let rows = lines(below, 1, below.height);
    // Lines above them may have come since the cursor moved.
    let height = usize::from(rows.height).max(1);
    let top = change
        .list
        .top
        .max((change.list.at + 1).saturating_sub(height));
    let shown = bookings.iter().enumerate().skip(top);
    for (line, (at, booking)) in (0..rows.height).zip(shown) {
        let (sign, selected) = super::cursor_of(state, at == change.list.at);
        let style = selected.unwrap_or_else(|| theme.style(Meaning::Normal));
        let text = format!(
            "{sign} {}{}{}{}{:>3}  {}",
            fit(booking.locator.as_str(), 9),
            fit(&booking.office.to_string(), 11),
            fit(booking.status.code(), 7),
            fit(booking.cabin.word(), 9),
            booking.passengers,
            booking.lead,
        );
        let content = Line::from(span(fit(&text, width), style));
        put(frame.buffer_mut(), rows, line, &content);
    }
}
