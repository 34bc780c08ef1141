//! The keys that matter here, at the bottom.

use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::text::span;
use crate::keymap::{Command, Rule, key_text};
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
    let rules = state.keymap.in_force(&state.contexts(), state.entry());
    let mut entries: Vec<Entry> = rules.iter().filter_map(Entry::of).collect();
    // The most important get their room first; all stand in the order of the keymap.
    let mut by_weight: Vec<&mut Entry> = entries.iter_mut().collect();
    by_weight.sort_by_key(|entry| entry.weight);
    for entry in by_weight {
        let width = entry.width();
        entry.is_shown = used + width <= columns + 2;
        if entry.is_shown {
            used += width;
        }
    }
    for entry in entries.into_iter().filter(|entry| entry.is_shown) {
        spans.push(span(entry.key, theme.style(Meaning::Key)));
        let words = format!(" {}  ", entry.short);
        spans.push(span(words, theme.style(Meaning::Muted)));
    }
    Line::from(spans)
}

/// A key and what it does.
struct Entry {
    key: String,
    short: String,
    weight: Weight,
    is_shown: bool,
}

/// What has its place before others where there is not enough room for all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// The way out of the screen.
    Back,
    /// The help, which tells the rest.
    Help,
    Other,
}

impl Entry {
    fn of(rule: &Rule) -> Option<Self> {
        Some(Self {
            key: key_text(*rule.keys.first()?),
            short: rule.short.clone()?,
            weight: match rule.run {
                Command::Back => Weight::Back,
                Command::Help => Weight::Help,
                _ => Weight::Other,
            },
            is_shown: false,
        })
    }

    fn width(&self) -> usize {
        self.key.width() + 1 + self.short.width() + 2
    }
}
