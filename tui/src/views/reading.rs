//! Help, messages, inspector.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::keymap::Entry;
use crate::store::layer::Layer;
use crate::store::screen::reading::Reading;
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::frame::list_parts;
use crate::widgets::text::{cut, fit, put, span, wrap};

pub(super) fn draw_help(state: &State, reading: Reading, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let below = state
        .layers
        .iter()
        .rev()
        .find(|layer| !matches!(layer, Layer::Help(_)));
    let contexts = state.contexts_of(below);
    let entry = below.map_or(Entry::Commands, Layer::entry);
    let title = format!("  Keys in {}", below.map_or("", Layer::name));
    put(
        frame.buffer_mut(),
        parts.title,
        0,
        &Line::from(span(title, theme.style(Meaning::Title))),
    );
    let rules = state.keymap.in_force(&contexts, entry);
    let width = usize::from(parts.rows.width).saturating_sub(26);
    let lines = rules.iter().skip(reading.list.at).flat_map(|rule| {
        let wrapped = wrap(&rule.describe, width).into_iter();
        wrapped.enumerate().map(|(at, words)| {
            let keys = if at == 0 {
                rule.keys_text()
            } else {
                String::new()
            };
            Line::from(vec![
                span(format!("  {} ", fit(&keys, 22)), theme.style(Meaning::Key)),
                span(words, theme.style(Meaning::Normal)),
            ])
        })
    });
    for (line, content) in (0..parts.rows.height).zip(lines) {
        put(frame.buffer_mut(), parts.rows, line, &content);
    }
}

pub(super) fn draw_messages(state: &State, reading: Reading, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let count = state.messages.len();
    put(
        frame.buffer_mut(),
        parts.title,
        0,
        &Line::from(span(
            format!("  {count} messages, the newest first"),
            theme.style(Meaning::Title),
        )),
    );
    let width = usize::from(parts.rows.width).saturating_sub(14);
    let messages = state.messages.iter().rev().skip(reading.list.at);
    let lines = messages.flat_map(|message| {
        let at = message.at.to_zoned(state.zone.clone());
        let wrapped = wrap(&message.text, width).into_iter();
        wrapped.enumerate().map(move |(line, words)| {
            let time = if line == 0 {
                at.strftime("%H:%M:%S").to_string()
            } else {
                " ".repeat(8)
            };
            Line::from(vec![
                span(format!("  {time}  "), theme.style(Meaning::Muted)),
                span(words, theme.style(super::tone(message.tone))),
            ])
        })
    });
    for (line, content) in (0..parts.rows.height).zip(lines) {
        put(frame.buffer_mut(), parts.rows, line, &content);
    }
}

pub(super) fn draw_inspector(state: &State, reading: Reading, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let entries = state.inspector.entries();
    put(
        frame.buffer_mut(),
        parts.title,
        0,
        &Line::from(span(
            format!(
                "  {} actions, the newest first; → what each asked for, ⇒ what it changed",
                entries.len()
            ),
            theme.style(Meaning::Title),
        )),
    );
    let width = usize::from(parts.rows.width).saturating_sub(4);
    let mut line = 0;
    for entry in entries.rev().skip(reading.list.at) {
        if line >= parts.rows.height {
            break;
        }
        let head = Line::from(vec![
            span(
                format!(
                    "  {:>5} {:>9.3}s  ",
                    entry.number,
                    entry.elapsed.as_secs_f64()
                ),
                theme.style(Meaning::Muted),
            ),
            span(
                cut(&entry.action, width.saturating_sub(20)),
                theme.style(Meaning::Figure),
            ),
        ]);
        put(frame.buffer_mut(), parts.rows, line, &head);
        line += 1;
        for effect in &entry.effects {
            let text = cut(&format!("        → {effect}"), width);
            let content = Line::from(span(text, theme.style(Meaning::Label)));
            put(frame.buffer_mut(), parts.rows, line, &content);
            line += 1;
        }
        for change in &entry.changes {
            let text = format!(
                "          {}: {} ⇒ {}",
                change.what, change.before, change.after
            );
            let content = Line::from(span(cut(&text, width), theme.style(Meaning::Normal)));
            put(frame.buffer_mut(), parts.rows, line, &content);
            line += 1;
        }
    }
}
