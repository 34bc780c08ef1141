//! The search form.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::dates;
use crate::store::form::Value;
use crate::store::screen::rebooking::Purpose;
use crate::store::screen::search::Search;
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{inset, lines};
use crate::widgets::text::{put, span};

pub(super) fn draw(state: &State, search: &Search, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let area = lines(inset(body, 4), 2, body.height);
    let mut form = search.form.clone();
    // What is typed as a date is told in full.
    if let Some(field) = form.field_mut("date")
        && let Value::Date(input) = &field.value
        && let Ok(date) = dates::parse(input.value(), state.today())
    {
        field.hint = format!("{}   {}", dates::full(date), field.hint);
    }
    let title = match &search.purpose {
        Purpose::Book => "Where to?".to_owned(),
        Purpose::Replace(replaced) => {
            format!("{}: instead of {}", replaced.locator, replaced.words)
        }
    };
    put(
        frame.buffer_mut(),
        lines(inset(body, 4), 0, 1),
        0,
        &Line::from(span(title, theme.style(Meaning::Title))),
    );
    form::draw(&form, theme, area, Shape::Lines, frame);
}
