//! The keys that matter here, at the bottom.

use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::text::span;
use crate::keymap::key_text;
use crate::store::live::Hearing;
use crate::store::state::State;
use crate::theme::Meaning;

/// What is said while nothing is heard of what others do.
const DEAF: &str = "not live";

/// The footer in at most so many columns: whole entries only.
pub(crate) fn line(state: &State, columns: usize) -> Line<'static> {
    let theme = state.theme;
    let mut spans = Vec::new();
    let mut used = 1;
    spans.push(span(" ", theme.style(Meaning::Normal)));
    if matches!(state.live.hearing, Hearing::Lost(_)) {
        used += DEAF.width() + 2;
        spans.push(span(format!("{DEAF}  "), theme.style(Meaning::Warning)));
    }
    for rule in state.keymap.in_force(&state.contexts(), state.entry()) {
        let (Some(short), Some(key)) = (rule.short, rule.keys.first()) else {
            continue;
        };
        let key = key_text(*key);
        let width = key.width() + 1 + short.width() + 2;
        if used + width > columns + 2 {
            continue;
        }
        used += width;
        spans.push(span(key, theme.style(Meaning::Key)));
        spans.push(span(format!(" {short}  "), theme.style(Meaning::Muted)));
    }
    Line::from(spans)
}
