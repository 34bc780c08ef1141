//! Where things stand: the bar at the top, the screen, the message, the keys.

use ratatui::layout::Rect;

/// Lines of the screen around the rows of a list: bar, title, header, message, footer.
pub(crate) const AROUND_LIST: usize = 5;

/// The parts of the screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) bar: Rect,
    pub(crate) body: Rect,
    pub(crate) message: Rect,
    pub(crate) footer: Rect,
}

/// The parts of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListParts {
    pub(crate) title: Rect,
    pub(crate) header: Rect,
    pub(crate) rows: Rect,
}

/// So many lines of an area from a line on; nothing where it has none left.
pub(crate) fn lines(area: Rect, from: u16, count: u16) -> Rect {
    let from = from.min(area.height);
    Rect {
        y: area.y + from,
        height: count.min(area.height - from),
        ..area
    }
}

pub(crate) fn parts(area: Rect) -> Parts {
    let body = area.height.saturating_sub(3);
    Parts {
        bar: lines(area, 0, 1),
        body: lines(area, 1, body),
        message: lines(area, 1 + body, 1),
        footer: lines(area, 2 + body, 1),
    }
}

pub(crate) fn list_parts(body: Rect) -> ListParts {
    ListParts {
        title: lines(body, 0, 1),
        header: lines(body, 1, 1),
        rows: lines(body, 2, body.height),
    }
}

/// An area without so many columns on both sides.
pub(crate) fn inset(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width / 2);
    Rect {
        x: area.x + columns,
        width: area.width - 2 * columns,
        ..area
    }
}
