//! Logging in.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::store::screen::login::{Login, Phase};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{inset, lines};
use crate::widgets::text::{put, span, wrap};

/// The line on which the form begins.
pub(super) const FORM_AT: u16 = 5;

/// The line on which the demonstration's users stand.
const USERS_AT: u16 = 16;

pub(super) fn draw(state: &State, login: &Login, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let head = lines(inset(body, 4), 1, body.height);
    put(
        frame.buffer_mut(),
        head,
        0,
        &Line::from(span("A I R S I D E", theme.style(Meaning::Title))),
    );
    put(
        frame.buffer_mut(),
        head,
        1,
        &Line::from(span("flights at typing speed", theme.style(Meaning::Muted))),
    );
    if login.phase != Phase::Starting {
        let area = lines(inset(body, 4), FORM_AT, body.height);
        form::draw(&login.form, theme, area, Shape::Lines, frame);
    }
    if login.phase == Phase::Entry {
        let area = lines(inset(body, 4), USERS_AT, body.height);
        for (line, user) in (0..).zip(&state.demo_users) {
            let words = format!(
                "demonstration: {} {}  ({})",
                user.username, user.password.0, user.role
            );
            put(
                frame.buffer_mut(),
                area,
                line,
                &Line::from(span(words, theme.style(Meaning::Muted))),
            );
        }
    }
    let (meaning, text) = match (&login.reason, login.phase) {
        (Some(reason), _) => (Meaning::Error, reason.clone()),
        (None, Phase::Asking) => (Meaning::Pending, "Logging in …".to_owned()),
        (None, Phase::Starting) if login.progress.is_empty() => {
            (Meaning::Muted, "Starting …".to_owned())
        }
        (None, Phase::Starting) => (Meaning::Pending, login.progress.clone()),
        (None, Phase::Entry) => return,
    };
    let below = if login.phase == Phase::Starting {
        lines(inset(body, 4), 4, body.height)
    } else if body.height > 13 {
        lines(inset(body, 4), 12, body.height)
    } else {
        // On a low screen it stands above the form.
        lines(inset(body, 4), 3, 2)
    };
    for (line, text) in (0..).zip(wrap(&text, usize::from(below.width))) {
        put(
            frame.buffer_mut(),
            below,
            line,
            &Line::from(span(text, theme.style(meaning))),
        );
    }
}
