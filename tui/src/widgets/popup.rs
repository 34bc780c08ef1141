//! A box above the screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear};

use super::text::span;
use crate::theme::{Meaning, Theme};

/// The inside of a box of this size in the middle of an area.
pub(crate) fn inside(area: Rect, width: u16, height: u16) -> Rect {
    let outer = outside(area, width, height);
    let horizontal = 2.min(outer.width / 2);
    let vertical = 1.min(outer.height / 2);
    Rect {
        x: outer.x + horizontal,
        y: outer.y + vertical,
        width: outer.width - 2 * horizontal,
        height: outer.height - 2 * vertical,
    }
}

fn outside(area: Rect, width: u16, height: u16) -> Rect {
    let width = width.saturating_add(4).min(area.width);
    let height = height.saturating_add(2).min(area.height);
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

/// Draws the box and gives back its inside.
pub(crate) fn draw(
    title: &str,
    theme: Theme,
    area: Rect,
    (width, height): (u16, u16),
    frame: &mut Frame<'_>,
) -> Rect {
    let outer = outside(area, width, height);
    frame.render_widget(Clear, outer);
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.style(Meaning::Label))
        .title(Line::from(span(
            format!(" {title} "),
            theme.style(Meaning::Title),
        )));
    frame.render_widget(block, outer);
    inside(area, width, height)
}
