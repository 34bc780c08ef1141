//! The office's queues, one of them, and the entry in hand.

use airside_common::api::queues::{QueueItem, QueueItemState};
use airside_common::time::Instant;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::store::queues::{is_settled, reason_words};
use crate::store::screen::Loading;
use crate::store::screen::queues::{QueueForm, QueueView, Queues};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{lines, list_parts};
use crate::widgets::popup;
use crate::widgets::text::{cut, fit, fit_right, put, span};

pub(super) fn draw(state: &State, queues: &Queues, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let known = &state.queues;
    let words = match known.waiting() {
        0 if known.totals.is_empty() && known.loading == Loading::No => "Not read".to_owned(),
        0 if known.totals.is_empty() => "Reading …".to_owned(),
        0 => "Nothing waits".to_owned(),
        1 => "1 booking waits".to_owned(),
        count => format!("{count} bookings wait"),
    };
    let title = vec![span(format!("  {words}"), theme.style(Meaning::Title))];
    let header = format!(
        "  {} {} {}{}{}",
        fit_right("No", 3),
        fit("Queue", 18),
        fit_right("Waiting", 9),
        fit_right("In hand", 9),
        fit_right("Put off", 9)
    );
    super::head(state, &parts, title, known.error.as_deref(), &header, frame);
    if known.totals.is_empty()
        && known.loading == Loading::No
        && let Some(text) = super::reads_again(state)
    {
        let text = Line::from(span(format!("  {text}"), theme.style(Meaning::Muted)));
        put(frame.buffer_mut(), parts.rows, 1, &text);
    }
    for (line, (at, queue)) in
        (0..parts.rows.height).zip(known.totals.iter().enumerate().skip(queues.list.top))
    {
        let (sign, selected) = super::cursor_of(state, at == queues.list.at);
        let meaning = if queue.waiting > 0 {
            Meaning::Figure
        } else {
            Meaning::Normal
        };
        let text = format!(
            "{sign} {:>3} {} {:>9}{:>9}{:>9}",
            queue.number,
            fit(&queue.name, 18),
            queue.waiting,
            queue.in_hand,
            queue.delayed
        );
        let style = selected.unwrap_or_else(|| theme.style(meaning));
        let text = fit(&text, usize::from(parts.rows.width));
        put(
            frame.buffer_mut(),
            parts.rows,
            line,
            &Line::from(span(text, style)),
        );
    }
}

/// Columns of a line that do not grow: cursor, reason, locator, since when, how it stands.
const FIXED: usize = 2 + 17 + 8 + 13 + 20;

pub(super) fn draw_one(state: &State, view: &QueueView, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let pages = &view.pages;
    let count = match pages.count() {
        _ if pages.items.is_empty() && pages.error.is_some() => "not read".to_owned(),
        one if one == "1" => "1 entry".to_owned(),
        count => format!("{count} entries"),
    };
    let mut words = format!("  Queue {} {}   {count}", view.number, view.name);
    if pages.loading != Loading::No {
        words.push_str("  …");
    }
    let title = vec![span(words, theme.style(Meaning::Title))];
    let width = usize::from(body.width);
    let remark = width.saturating_sub(FIXED);
    let header = format!(
        "  {}{}{}{}{}",
        fit("Reason", 17),
        fit("Locator", 8),
        fit("Since", 13),
        fit("State", 20),
        fit("Remark", remark)
    );
    super::head(state, &parts, title, pages.error.as_deref(), &header, frame);
    if pages.items.is_empty() {
        let text = match pages.loading {
            Loading::Awaited(_) => "Reading …".to_owned(),
            Loading::No if pages.error.is_some() => super::reads_again(state).unwrap_or_default(),
            Loading::No => "Nothing lies on this queue.".to_owned(),
        };
        let text = Line::from(span(format!("  {text}"), theme.style(Meaning::Muted)));
        put(frame.buffer_mut(), parts.rows, 1, &text);
    }
    for (line, (at, item)) in
        (0..parts.rows.height).zip(pages.items.iter().enumerate().skip(pages.list.top))
    {
        let here = at == pages.list.at;
        let (sign, selected) = super::cursor_of(state, here);
        let (standing, meaning) = standing(state, item);
        let style = |meaning| selected.unwrap_or_else(|| theme.style(meaning));
        let said = item.remark.as_ref().map_or("", |remark| remark.as_str());
        let mut spans = vec![
            span(format!("{sign} "), style(Meaning::Key)),
            span(fit(reason_words(item.reason), 17), style(Meaning::Normal)),
            span(fit(&item.locator.to_string(), 8), style(Meaning::Title)),
            span(
                fit(&super::short_time_of(state, item.placed_at), 13),
                style(Meaning::Muted),
            ),
            span(fit(&standing, 19) + " ", style(meaning)),
            span(cut(said, remark), style(Meaning::Normal)),
        ];
        if here {
            let used = spans.iter().map(ratatui::text::Span::width).sum();
            let rest = " ".repeat(width.saturating_sub(used));
            spans.push(span(rest, style(Meaning::Normal)));
        }
        put(frame.buffer_mut(), parts.rows, line, &Line::from(spans));
    }
}

/// How an entry stands: who has it, or until when nobody gets it.
fn standing(state: &State, item: &QueueItem) -> (String, Meaning) {
    match item.state {
        QueueItemState::Waiting => ("waiting".to_owned(), Meaning::Warning),
        QueueItemState::InHand if is_own(state, item) => {
            let until = item.taken_until.filter(|until| until.0 > state.now.wall);
            let words = until.map_or_else(
                || "yours no more".to_owned(),
                |until| format!("yours until {}", clock_of(state, until)),
            );
            (words, Meaning::Pending)
        }
        QueueItemState::InHand => {
            let who = item.taken_by.as_ref().map_or("?", |user| user.as_str());
            (format!("in hand: {who}"), Meaning::Pending)
        }
        QueueItemState::Delayed => (
            format!("until {}", super::short_time_of(state, item.due_at)),
            Meaning::Muted,
        ),
        QueueItemState::Done => ("done".to_owned(), Meaning::Muted),
    }
}

/// Whether an entry is in the agent's own hand.
fn is_own(state: &State, item: &QueueItem) -> bool {
    let session = state.session.as_ref();
    session.is_some_and(|session| item.taken_by.as_ref() == Some(&session.me.username))
}

/// `14:00`
fn clock_of(state: &State, at: Instant) -> String {
    let at = at.0.to_zoned(state.zone.clone());
    at.strftime("%H:%M").to_string()
}

/// The bar above a booking that says which entry is in hand.
pub(super) fn in_hand(state: &State, item: &QueueItem, columns: usize) -> Line<'static> {
    let theme = state.theme;
    let settled = state
        .ledger
        .booking(item.locator)
        .is_some_and(|booking| is_settled(item.reason, booking));
    let (meaning, stands) = match item.taken_until {
        _ if settled => (Meaning::Good, "settled, done by itself".to_owned()),
        Some(until) if until.0 <= state.now.wall => (
            Meaning::Error,
            "given back: somebody else may take it".to_owned(),
        ),
        Some(until) => (
            Meaning::Warning,
            format!("yours until {}", clock_of(state, until)),
        ),
        None => (Meaning::Warning, "yours".to_owned()),
    };
    let mut text = format!(
        "▌Queue {}: {}   {stands}",
        item.queue,
        reason_words(item.reason)
    );
    if let Some(remark) = &item.remark {
        text = format!("{text}   {remark}");
    }
    Line::from(span(cut(&text, columns), theme.style(meaning)))
}

/// Columns of the form's box.
const FORM: u16 = 52;

fn form_height(form: &QueueForm) -> u16 {
    // Below each field what is wrong with it, and at the end why the server did not do it.
    2 * u16::try_from(form.form.fields.len()).unwrap_or(2) + 1
}

/// Where the form stands.
pub(super) fn form_area(form: &QueueForm, body: Rect) -> Rect {
    popup::inside(body, FORM, form_height(form))
}

pub(super) fn draw_form(state: &State, form: &QueueForm, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let height = form_height(form);
    popup::draw(&form.title(), theme, body, (FORM, height), frame);
    let area = form_area(form, body);
    form::draw(&form.form, theme, area, Shape::Lines, frame);
    let (meaning, text) = match &form.reason {
        Some(reason) => (Meaning::Error, format!("✗ {reason}")),
        None if form.sending => (Meaning::Pending, "…".to_owned()),
        None => return,
    };
    let last = lines(area, height.saturating_sub(1), 1);
    let text = Line::from(span(
        cut(&text, usize::from(area.width)),
        theme.style(meaning),
    ));
    put(frame.buffer_mut(), last, 0, &text);
}
