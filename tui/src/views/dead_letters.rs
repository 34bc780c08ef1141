//! Messages that nobody could do anything with, for admins.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::store::screen::Loading;
use crate::store::screen::dead_letters::{DeadLetters, LetterView, title_of};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::frame::{inset, list_parts, parts};
use crate::widgets::text::{fit, fold, put, span};

pub(super) fn draw(state: &State, letters: &DeadLetters, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let width = usize::from(parts.rows.width);
    let text = match letters.loading {
        Loading::Awaited(_) if letters.items.is_empty() => "  …".to_owned(),
        _ if letters.items.is_empty() && letters.error.is_none() => {
            "  None: every message has been taken".to_owned()
        }
        _ => format!(
            "  {} that no consumer took, the newest first",
            letters.count()
        ),
    };
    let title = vec![span(text, theme.style(Meaning::Title))];
    let columns = "  Since        Consumer   Event              Subject     Tries  Error";
    super::head(
        state,
        &parts,
        title,
        letters.error.as_deref(),
        columns,
        frame,
    );
    let items = letters.items.iter().enumerate().skip(letters.list.top);
    for (line, (at, letter)) in (0..parts.rows.height).zip(items) {
        let (sign, selected) = super::cursor_of(state, at == letters.list.at);
        let style = selected.unwrap_or_else(|| theme.style(Meaning::Normal));
        let text = format!(
            "{sign} {}{}{}{}{:>5}  {}",
            fit(&super::short_time_of(state, letter.died_at), 13),
            fit(&letter.consumer, 11),
            fit(letter.r#type.as_deref().unwrap_or("(no event)"), 19),
            fit(letter.subject.as_deref().unwrap_or("-"), 12),
            letter.deliveries,
            letter.error,
        );
        let content = Line::from(span(fit(&text, width), style));
        put(frame.buffer_mut(), parts.rows, line, &content);
    }
}

/// A letter in lines.
fn lines(state: &State, view: &LetterView, columns: usize) -> Vec<(Meaning, String)> {
    let letter = &view.letter;
    let mut all = Vec::new();
    let mut tell = |meaning, text: &str| {
        all.extend(fold(text, columns).into_iter().map(|line| (meaning, line)));
    };
    tell(Meaning::Title, &title_of(letter));
    let since = super::day_and_time_of(state, letter.died_at);
    tell(
        Meaning::Normal,
        &format!(
            "for {}, event {}, given up {since} after {} tries",
            letter.consumer, letter.event, letter.deliveries
        ),
    );
    tell(Meaning::Normal, "");
    tell(Meaning::Label, "Error");
    tell(Meaning::Error, &letter.error);
    tell(Meaning::Normal, "");
    tell(Meaning::Label, "Message");
    match (&view.message, &view.error) {
        (_, Some(error)) => tell(Meaning::Error, error),
        (None, None) => tell(Meaning::Muted, "…"),
        (Some(message), None) => {
            for line in message {
                tell(Meaning::Normal, line);
            }
        }
    }
    all
}

fn area_of(body: Rect) -> Rect {
    inset(body, 2)
}

/// Positions that a letter can be scrolled to.
pub(super) fn length(state: &State, view: &LetterView) -> usize {
    let area = area_of(parts(Rect::new(0, 0, state.size.0, state.size.1)).body);
    let count = lines(state, view, usize::from(area.width)).len();
    count.saturating_sub(usize::from(area.height)) + 1
}

pub(super) fn draw_one(state: &State, view: &LetterView, body: Rect, frame: &mut Frame<'_>) {
    let area = area_of(body);
    let lines: Vec<Line<'_>> = lines(state, view, usize::from(area.width))
        .into_iter()
        .map(|(meaning, text)| Line::from(span(text, state.theme.style(meaning))))
        .collect();
    super::scrolled(&lines, view.list.at, area, frame);
}
