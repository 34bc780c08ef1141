//! Forms on the screen.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::frame::lines;
use super::text::{cut, fit, put, span};
use crate::store::form::{Field, Form, Value};
use crate::theme::{Meaning, Theme};

/// Where a form's fields stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A line a row, labels before the fields.
    Lines,
    /// Rows of the same fields with labels above; other fields have their labels before them.
    Grid,
}

/// One field's place, with the place of its label.
#[derive(Debug, Clone, Copy)]
struct Place {
    label: Rect,
    field: Rect,
}

fn in_grid(field: &Field) -> bool {
    field.name.starts_with("passengers[")
}

fn error_of_row(form: &Form, row: usize) -> Option<&str> {
    let of_row = || form.fields.iter().filter(|f| f.row == row);
    let focused = form.focused().filter(|f| f.row == row);
    focused
        .and_then(|f| f.error.as_deref())
        .or_else(|| of_row().find_map(|f| f.error.as_deref()))
}

/// Places of all fields and the line of each row's error, relative to what scrolls.
fn places(form: &Form, area: Rect, shape: Shape) -> (Vec<Place>, Vec<(usize, u16)>) {
    let labels = form
        .fields
        .iter()
        .filter(|f| shape == Shape::Lines || !in_grid(f))
        .map(|f| f.label.width())
        .max()
        .unwrap_or_default();
    let label_width = u16::try_from(labels).unwrap_or(10) + 2;
    let mut places = Vec::new();
    let mut errors = Vec::new();
    let mut y = u16::from(shape == Shape::Grid);
    let mut x = 0;
    let mut row = form.fields.first().map_or(0, |f| f.row);
    let mut in_passengers = true;
    for (at, field) in form.fields.iter().enumerate() {
        let first = at == 0 || field.row != row;
        if at > 0 && field.row != row {
            y += 1;
            if error_of_row(form, row).is_some() {
                errors.push((row, y));
                y += 1;
            }
            row = field.row;
        }
        let grid = shape == Shape::Grid && in_grid(field);
        if shape == Shape::Grid && !grid && in_passengers {
            in_passengers = false;
            y += 1;
        }
        let label = if grid {
            if first {
                x = 4;
            }
            Rect::new(x, 0, field.width, 1)
        } else if first {
            x = label_width;
            Rect::new(0, y, label_width, 1)
        } else {
            let width = u16::try_from(field.label.width()).unwrap_or_default() + 1;
            x += width;
            Rect::new(x - width, y, width, 1)
        };
        places.push(Place {
            label,
            field: Rect::new(x, y, field.width, 1),
        });
        x += field.width + 1;
    }
    if error_of_row(form, row).is_some() {
        errors.push((row, y + 1));
    }
    // The focused field is kept in view.
    let focus = places.get(form.focus).map_or(0, |p| p.field.y);
    let shift = (focus + 3).saturating_sub(area.height.max(3));
    let shifted = |rect: Rect| Rect {
        x: area.x + rect.x,
        y: (area.y + rect.y).wrapping_sub(shift),
        ..rect
    };
    let visible = |y: u16| y >= shift;
    let nowhere = Rect::new(0, 0, 0, 0);
    let places = places
        .into_iter()
        .map(|place| Place {
            label: if visible(place.label.y) {
                shifted(place.label).intersection(area)
            } else {
                nowhere
            },
            field: if visible(place.field.y) {
                shifted(place.field).intersection(area)
            } else {
                nowhere
            },
        })
        .collect();
    let errors = errors
        .into_iter()
        .filter(|(_, y)| visible(*y))
        .map(|(row, y)| (row, area.y + y - shift))
        .collect();
    (places, errors)
}

/// The field at a place of the screen.
pub(crate) fn field_at(form: &Form, area: Rect, shape: Shape, at: Position) -> Option<usize> {
    let (places, _) = places(form, area, shape);
    places.iter().position(|place| place.field.contains(at))
}

/// What a field shows, and where its cursor is.
fn shown(field: &Field, width: usize, focused: bool) -> (String, Option<u16>) {
    match &field.value {
        Value::Choice { .. } => {
            let text = field.content();
            let marked = if focused {
                format!("‹ {text} ›")
            } else {
                format!("  {text}")
            };
            (fit(&marked, width), None)
        }
        Value::Secret(input) => {
            let dots = "•".repeat(input.value().chars().count().min(width.saturating_sub(1)));
            let at = u16::try_from(dots.width()).unwrap_or_default();
            (fit(&dots, width), Some(at))
        }
        Value::Text(input) | Value::Date(input) | Value::Airport { input, .. } => {
            if !focused {
                return (fit(input.value(), width), None);
            }
            let scroll = input.visual_scroll(width.saturating_sub(1).max(1));
            let visible = skip_columns(input.value(), scroll);
            let at = input
                .visual_cursor()
                .saturating_sub(scroll)
                .min(width.saturating_sub(1));
            let mut text = String::new();
            for cluster in unicode_segmentation::UnicodeSegmentation::graphemes(visible, true) {
                if text.width() + cluster.width() > width {
                    break;
                }
                text.push_str(cluster);
            }
            (fit(&text, width), u16::try_from(at).ok())
        }
    }
}

fn skip_columns(text: &str, columns: usize) -> &str {
    let mut skipped = 0;
    for (at, cluster) in unicode_segmentation::UnicodeSegmentation::grapheme_indices(text, true) {
        if skipped >= columns {
            return &text[at..];
        }
        skipped += cluster.width();
    }
    if columns == 0 { text } else { "" }
}

/// Draws a form, with the terminal's cursor in the focused field.
pub(crate) fn draw(form: &Form, theme: Theme, area: Rect, shape: Shape, frame: &mut Frame<'_>) {
    let (places, errors) = places(form, area, shape);
    let buffer = frame.buffer_mut();
    let mut cursor = None;
    for (at, (field, place)) in form.fields.iter().zip(&places).enumerate() {
        let focused = at == form.focus;
        let grid = shape == Shape::Grid && in_grid(field);
        if !grid || field.row == 0 {
            put(
                buffer,
                place.label,
                0,
                &Line::from(span(
                    cut(&field.label, usize::from(place.label.width)),
                    theme.style(Meaning::Label),
                )),
            );
        }
        if grid && field.label == "Title" && place.field.width > 0 {
            let number = Rect::new(area.x, place.field.y, 3.min(area.width), 1);
            let text = format!("{:>2}", field.row + 1);
            put(
                buffer,
                number,
                0,
                &Line::from(span(text, theme.style(Meaning::Muted))),
            );
        }
        let meaning = match (field.error.is_some(), focused) {
            (true, _) => Meaning::Error,
            (false, true) => Meaning::Focus,
            (false, false) => Meaning::Field,
        };
        let mut style = theme.style(meaning);
        if field.error.is_some() {
            style = style
                .patch(theme.style(Meaning::Field))
                .fg_of(theme, Meaning::Error);
        }
        let (text, at_column) = shown(field, usize::from(place.field.width), focused);
        let selected = if focused && form.is_selected() {
            text.trim_end().len()
        } else {
            0
        };
        let (selected, rest) = text.split_at(selected);
        let marked = style.patch(theme.style(Meaning::Selected));
        let content = Line::from(vec![span(selected, marked), span(rest, style)]);
        put(buffer, place.field, 0, &content);
        if focused
            && let Some(column) = at_column
            && place.field.width > 0
            && place.field.height > 0
        {
            cursor = Some(Position::new(place.field.x + column, place.field.y));
        }
        if !field.hint.is_empty() && place.field.width > 0 {
            let x = place.field.right() + 2;
            let hint = Rect {
                x,
                y: place.field.y,
                width: area.right().saturating_sub(x),
                height: place.field.height,
            };
            put(
                buffer,
                hint,
                0,
                &Line::from(span(field.hint.clone(), theme.style(Meaning::Muted))),
            );
        }
    }
    for (row, y) in errors {
        if let Some(error) = error_of_row(form, row) {
            let x = form
                .fields
                .iter()
                .zip(&places)
                .find(|(f, _)| f.row == row)
                .map_or(area.x, |(_, p)| p.field.x.max(area.x));
            let place = Rect::new(x, y, area.right().saturating_sub(x), 1).intersection(area);
            let text = format!("✗ {error}");
            let text = cut(&text, usize::from(place.width));
            put(
                buffer,
                place,
                0,
                &Line::from(span(text, theme.style(Meaning::Error))),
            );
        }
    }
    if let Some(cursor) = cursor
        && area.contains(cursor)
    {
        frame.set_cursor_position(cursor);
    }
    draw_matches(form, &places, theme, area, frame);
}

/// The airports that fit what is typed, below the field.
fn draw_matches(form: &Form, places: &[Place], theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let (Some(field), Some(place)) = (form.focused(), places.get(form.focus)) else {
        return;
    };
    let Value::Airport { matches, at, .. } = &field.value else {
        return;
    };
    let whole = frame.area();
    let buffer = frame.buffer_mut();
    let width = 46.min(whole.right().saturating_sub(place.field.x));
    let below = Rect {
        x: place.field.x,
        y: place.field.y + 1,
        width,
        height: area.bottom().saturating_sub(place.field.y + 1),
    };
    for (line, airport) in matches.iter().enumerate() {
        let Ok(line_number) = u16::try_from(line) else {
            return;
        };
        let city = if airport.city.is_empty() {
            &airport.name
        } else {
            &airport.city
        };
        let name = if airport.city.is_empty() {
            ""
        } else {
            &airport.name
        };
        let text = format!(
            " {} {} {} {} ",
            airport.code,
            fit(city, 14),
            fit(&airport.country, 2),
            fit(name, 20)
        );
        let meaning = if line == *at {
            Meaning::Selected
        } else {
            Meaning::Normal
        };
        let row = lines(below, line_number, 1);
        put(
            buffer,
            row,
            0,
            &Line::from(span(fit(&text, usize::from(width)), theme.style(meaning))),
        );
    }
}

trait ColourOf {
    fn fg_of(self, theme: Theme, meaning: Meaning) -> Self;
}

impl ColourOf for ratatui::style::Style {
    fn fg_of(mut self, theme: Theme, meaning: Meaning) -> Self {
        self.fg = theme.style(meaning).fg;
        self
    }
}
