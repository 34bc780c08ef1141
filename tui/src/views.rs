//! What is seen: pure functions of the state.

mod booking;
mod bookings;
mod dead_letters;
mod flight_change;
mod flights;
mod login;
mod queues;
mod reading;
mod record;
mod results;
mod search;
mod seats;
mod sources;
#[cfg(test)]
mod tests;
mod uploads;

use airside_common::text::is_control;
use airside_common::time::Instant;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::dates;
use crate::keymap::{Command, Context};
use crate::store::layer::Layer;
use crate::store::screen::dead_letters::LetterView;
use crate::store::screen::flight_change::FlightChange;
use crate::store::screen::sources::{SourceView, Sources};
use crate::store::state::{Connection, State, Tone};
use crate::theme::{Meaning, Theme};
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{ListParts, inset, lines, parts};
use crate::widgets::text::{cut, fit, put, span, wrap};
use crate::widgets::{footer, popup};

/// The smallest useful size.
const SMALLEST: (u16, u16) = (40, 10);

/// Draws the whole screen.
pub(crate) fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(state.theme, area, frame);
        return;
    }
    let parts = parts(area);
    bar(state, parts.bar, frame);
    for layer in &state.layers[first_in_view(&state.layers)..] {
        draw_layer(state, layer, parts.body, frame);
    }
    message(state, parts.message, frame);
    let keys = footer::line(state, usize::from(parts.footer.width));
    put(frame.buffer_mut(), parts.footer, 0, &keys);
    // What comes in is cleaned where it enters; nothing that drives a terminal leaves from here in any case.
    for cell in &mut frame.buffer_mut().content {
        if cell.symbol().chars().any(is_control) {
            cell.set_symbol("�");
        }
    }
}

/// The lowest layer that can be seen: all above it are popups.
pub(crate) fn first_in_view(layers: &[Layer]) -> usize {
    let lowest = layers.iter().rposition(|layer| !layer.is_popup());
    lowest.unwrap_or_default()
}

fn draw_layer(state: &State, layer: &Layer, body: Rect, frame: &mut Frame<'_>) {
    match layer {
        Layer::Login(login) => login::draw(state, login, body, frame),
        Layer::Search(search) => search::draw(state, search, body, frame),
        Layer::Results(results) => results::draw(state, results, body, frame),
        Layer::Details(details) => results::draw_details(state, details, body, frame),
        Layer::Narrow(narrow) => {
            let area = form_area(layer, body);
            let height = u16::try_from(narrow.form.fields.len()).unwrap_or(5) + 2;
            popup::draw("Filter", state.theme, body, (NARROW, height), frame);
            form::draw(&narrow.form, state.theme, area, Shape::Lines, frame);
        }
        Layer::Booking(booking) => booking::draw(state, booking, body, frame),
        Layer::Seats(picker) => seats::draw(state, picker, body, frame),
        Layer::Bookings(bookings) => bookings::draw(state, bookings, body, frame),
        Layer::Record(record) => record::draw(state, record, body, frame),
        Layer::Segments(choice) => record::draw_segments(state, choice, body, frame),
        Layer::Queues(queues) => queues::draw(state, queues, body, frame),
        Layer::Queue(view) => queues::draw_one(state, view, body, frame),
        Layer::QueueForm(form) => queues::draw_form(state, form, body, frame),
        Layer::Flights(flights) => flights::draw(state, flights, body, frame),
        Layer::FlightForm(flight) => flights::draw_form(state, flight, body, frame),
        Layer::FlightEdit(edit) => flight_change::draw_edit(state, edit, body, frame),
        Layer::FlightChange(change) => flight_change::draw(state, change, body, frame),
        Layer::Sources(list) => sources::draw(state, list, body, frame),
        Layer::Source(view) => sources::draw_one(state, view, body, frame),
        Layer::DeadLetters(list) => dead_letters::draw(state, list, body, frame),
        Layer::DeadLetter(view) => dead_letters::draw_one(state, view, body, frame),
        Layer::Uploads(list) => uploads::draw(state, list, body, frame),
        Layer::Upload(view) => uploads::draw_one(state, view, body, frame),
        Layer::UploadForm(form) => uploads::draw_form(state, form, body, frame),
        Layer::Findings(findings) => uploads::draw_findings(state, findings, body, frame),
        Layer::Question(question) => {
            let width = question
                .lines
                .iter()
                .map(|line| line.width())
                .chain([question.title.width() + 2, 30])
                .max()
                .unwrap_or(30)
                .min(70);
            let lines: Vec<String> = question
                .lines
                .iter()
                .flat_map(|line| wrap(line, width))
                .collect();
            let size = (
                u16::try_from(width).unwrap_or(70),
                u16::try_from(lines.len() + 2).unwrap_or(6),
            );
            let inside = popup::draw(&question.title, state.theme, body, size, frame);
            for (at, line) in (0..).zip(&lines) {
                put(frame.buffer_mut(), inside, at, &Line::from(line.as_str()));
            }
            let answer = [(Command::Accept, " yes    "), (Command::Back, " no")];
            let answer = answer.into_iter().flat_map(|(command, words)| {
                let key = state.keymap.key_of(command, &[Context::Question]);
                [
                    span(key.unwrap_or_default(), state.theme.style(Meaning::Key)),
                    span(words, state.theme.style(Meaning::Normal)),
                ]
            });
            let answer = answer.collect::<Line<'_>>();
            let at = inside.height.saturating_sub(1);
            put(frame.buffer_mut(), inside, at, &answer);
        }
        Layer::Help(reading) => reading::draw_help(state, *reading, body, frame),
        Layer::Messages(reading) => reading::draw_messages(state, *reading, body, frame),
        Layer::Inspector(reading) => reading::draw_inspector(state, *reading, body, frame),
    }
}

/// The list of sources, wherever it is.
fn sources_of(layers: &[Layer]) -> Option<&Sources> {
    layers.iter().rev().find_map(|layer| match layer {
        Layer::Sources(sources) => Some(sources.as_ref()),
        _ => None,
    })
}

/// Positions that the box of a source can be scrolled to.
pub(crate) fn source_length(state: &State, sources: &Sources, view: &SourceView) -> usize {
    sources::length(state, sources, view)
}

/// Positions that a dead letter can be scrolled to.
pub(crate) fn letter_length(state: &State, view: &LetterView) -> usize {
    dead_letters::length(state, view)
}

/// Bookings that are in view at once below a change of a flight.
pub(crate) fn flight_change_height(state: &State, change: &FlightChange) -> usize {
    flight_change::height(state, change)
}

/// Columns of the filter's box.
const NARROW: u16 = 46;

/// Where a layer's form stands.
pub(crate) fn form_area(layer: &Layer, body: Rect) -> Rect {
    match layer {
        Layer::Login(_) => lines(inset(body, 4), login::FORM_AT, body.height),
        Layer::Booking(booking) => booking::form_area(booking, body),
        Layer::QueueForm(form) => queues::form_area(form, body),
        Layer::Narrow(narrow) => {
            let height = u16::try_from(narrow.form.fields.len()).unwrap_or(5) + 2;
            popup::inside(body, NARROW, height)
        }
        _ => lines(inset(body, 4), 2, body.height),
    }
}

/// How a layer's form is laid out.
pub(crate) fn form_shape(layer: &Layer) -> Shape {
    match layer {
        Layer::Booking(_) => Shape::Grid,
        _ => Shape::Lines,
    }
}

fn too_small(theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let text = format!("Too small: {}x{} at least", SMALLEST.0, SMALLEST.1);
    for (at, line) in (0..).zip(wrap(&text, usize::from(area.width))) {
        let line = Line::from(span(line, theme.style(Meaning::Warning)));
        put(frame.buffer_mut(), area, at, &line);
    }
}

fn bar(state: &State, area: Rect, frame: &mut Frame<'_>) {
    let name = state.layers.last().map_or("", Layer::name);
    let mut right = Vec::new();
    let waiting = state.queues.waiting();
    if waiting > 0 && state.session.is_some() {
        right.push(format!("Q {waiting}"));
    }
    let pending = state.ledger.operations().count();
    if pending > 0 {
        right.push(format!("{pending} pending"));
    }
    let foreign = state.ledger.foreign();
    if foreign > 0 {
        right.push(format!("{foreign} of other users"));
    }
    if matches!(state.connection, Connection::Offline(_)) {
        right.push("OFFLINE".to_owned());
    }
    if let Some(session) = &state.session {
        right.push(format!("{} {}", session.me.username, session.me.office));
    }
    let width = usize::from(area.width);
    let left = format!(" AIRSIDE  {name}");
    // Where both do not fit, who is logged in gives way: what is pending matters more.
    if left.width() + right.join("  ").width() + 2 > width && state.session.is_some() {
        right.pop();
    }
    let right = right.join("  ");
    let room = width.saturating_sub(right.width() + 2);
    let text = format!("{} {} ", fit(&left, room), right);
    let style = state.theme.style(Meaning::Bar);
    put(
        frame.buffer_mut(),
        area,
        0,
        &Line::from(span(cut(&text, width), style)),
    );
}

fn message(state: &State, area: Rect, frame: &mut Frame<'_>) {
    let width = usize::from(area.width).saturating_sub(2);
    let (meaning, text) = match state.messages.back() {
        Some(message) if state.notice => (tone(message.tone), message.text.clone()),
        _ => match &state.connection {
            Connection::Offline(why) => (Meaning::Warning, format!("Offline: {why}")),
            _ => return,
        },
    };
    let text = format!(" {}", cut(&text, width));
    put(
        frame.buffer_mut(),
        area,
        0,
        &Line::from(span(text, state.theme.style(meaning))),
    );
}

/// A time of today on the agent's clock; of another day with the day.
fn time_of(state: &State, at: Instant) -> String {
    let local = at.0.to_zoned(state.zone.clone());
    if local.date() == state.today() {
        local.strftime("%H:%M:%S").to_string()
    } else {
        short_time_of(state, at)
    }
}

/// `24NOV 11:00` on the agent's clock.
fn short_time_of(state: &State, at: Instant) -> String {
    let local = at.0.to_zoned(state.zone.clone());
    format!("{} {}", dates::short(local.date()), local.strftime("%H:%M"))
}

/// Day and time on the agent's clock.
fn day_and_time_of(state: &State, at: Instant) -> String {
    let local = at.0.to_zoned(state.zone.clone());
    format!(
        "{} {}",
        dates::with_weekday(local.date()),
        local.strftime("%H:%M")
    )
}

/// Which key reads what is on top again.
fn reads_again(state: &State) -> Option<String> {
    let key = state.keymap.key_of(Command::Refresh, &state.contexts())?;
    Some(format!("{key} reads it again"))
}

/// What a tone means on the screen.
fn tone(tone: Tone) -> Meaning {
    match tone {
        Tone::Info => Meaning::Normal,
        Tone::Good => Meaning::Good,
        Tone::Warning => Meaning::Warning,
        Tone::Error => Meaning::Error,
    }
}

/// Writes styled lines from a scroll position on.
fn scrolled(lines: &[Line<'_>], from: usize, area: Rect, frame: &mut Frame<'_>) {
    // Scrolling ends where the last line comes into view.
    let from = from.min(lines.len().saturating_sub(usize::from(area.height)));
    for (at, line) in (0..area.height).zip(lines.iter().skip(from)) {
        put(frame.buffer_mut(), area, at, line);
    }
}

/// What stands above the rows of a list: what it is, what went wrong when it was read, and the names of its columns.
fn head(
    state: &State,
    parts: &ListParts,
    mut title: Vec<Span<'_>>,
    error: Option<&str>,
    columns: &str,
    frame: &mut Frame<'_>,
) {
    let theme = state.theme;
    if let Some(error) = error {
        title.push(span(format!("  {error}"), theme.style(Meaning::Error)));
    }
    put(frame.buffer_mut(), parts.title, 0, &Line::from(title));
    let columns = Line::from(span(columns, theme.style(Meaning::Label)));
    put(frame.buffer_mut(), parts.header, 0, &columns);
}

/// Whether a line is under the cursor, and the style and sign of it.
fn cursor_of(state: &State, here: bool) -> (&'static str, Option<ratatui::style::Style>) {
    if here {
        ("▌", Some(state.theme.style(Meaning::Selected)))
    } else {
        (" ", None)
    }
}
