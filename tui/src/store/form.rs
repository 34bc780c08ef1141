//! Entry forms: fields in rows, one of which has the focus. Pure; drawing is [`crate::widgets::form`]'s.

use airside_common::ParseError;
use airside_common::airport::{Airport, AirportCode};
use airside_common::api::problem::FieldError;
use airside_common::text::printable;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::civil::Date;
use tui_input::{Input, InputRequest};

use super::airports::Airports;
use crate::dates;
use crate::keymap::Command;

mod field;

pub(crate) use field::{Field, Value};

/// What a key did to a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Nothing.
    None,
    /// The focus moved.
    Moved,
    /// The focused field's value changed.
    Changed,
}

/// Fields and the focus.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    pub(crate) fields: Vec<Field>,
    pub(crate) focus: usize,
    /// What the field in focus holds is selected, from entering it until it is edited: what is typed takes its place.
    selected: bool,
}

impl Form {
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        Self {
            fields,
            focus: 0,
            selected: true,
        }
    }

    /// Moves the focus; what the field holds is selected.
    pub(crate) fn enter(&mut self, at: usize) {
        self.focus = at;
        self.selected = true;
    }

    /// Whether what is typed takes the place of what the field in focus holds.
    pub(crate) fn is_selected(&self) -> bool {
        self.selected
            && self.takes_text()
            && self.focused().is_some_and(|f| !f.content().is_empty())
    }

    /// What is typed goes to what the field in focus holds.
    pub(crate) fn unselect(&mut self) {
        self.selected = false;
    }

    pub(crate) fn focused(&self) -> Option<&Field> {
        self.fields.get(self.focus)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    pub(crate) fn field_mut(&mut self, name: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|f| f.name == name)
    }

    /// What a field holds, without blanks around it.
    pub(crate) fn content(&self, name: &str) -> &str {
        self.field(name).map_or("", |f| f.content().trim())
    }

    pub(crate) fn chosen(&self, name: &str) -> usize {
        self.field(name).map_or(0, Field::chosen)
    }

    pub(crate) fn set(&mut self, name: &str, text: &str) {
        if self.focused().is_some_and(|field| field.name == name) {
            self.unselect();
        }
        if let Some(field) = self.field_mut(name) {
            field.set(text);
        }
    }

    /// Whether characters go into the focused field.
    pub(crate) fn takes_text(&self) -> bool {
        self.focused().is_some_and(Field::takes_text)
    }

    /// Moves the focus to a field by name.
    pub(crate) fn focus_on(&mut self, name: &str) {
        if let Some(at) = self.fields.iter().position(|f| f.name == name) {
            self.enter(at);
        }
    }

    pub(crate) fn clear_errors(&mut self) {
        for field in &mut self.fields {
            field.error = None;
        }
    }

    /// Parses a field; an error is kept at the field.
    pub(crate) fn parse<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Option<T> {
        let field = self.field_mut(name)?;
        match parse(field.content().trim()) {
            Ok(value) => Some(value),
            Err(error) => {
                field.error = Some(error.to_string());
                None
            }
        }
    }

    #[expect(
        clippy::option_option,
        reason = "wrong, empty and present are three things, and `?` fits the first"
    )]
    /// Parses a field that may stay empty; `None` where it is wrong, which is kept at the field.
    pub(crate) fn parse_optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Option<Option<T>> {
        if self.content(name).is_empty() {
            return Some(None);
        }
        self.parse(name, parse).map(Some)
    }

    /// The airport of a field: the code that is written there, else the highlighted match.
    pub(crate) fn airport(&mut self, name: &str, airports: &Airports) -> Option<AirportCode> {
        let field = self.field_mut(name)?;
        let Value::Airport { input, matches, at } = &field.value else {
            return None;
        };
        let text = input.value().trim();
        let code = if text.is_empty() {
            None
        } else {
            // `JFK New York` is what picking a match writes.
            let first = text.split_whitespace().next().unwrap_or_default();
            let written = (first.len() == 3 && (text.len() == 3 || input.value().contains(" · ")))
                .then(|| first.parse().ok())
                .flatten()
                .filter(|code| !airports.lacks(*code));
            let highlighted = matches.get(*at).map(|a| a.code);
            match (written, *at) {
                (Some(code), 0) => Some(code),
                _ => highlighted.or(written),
            }
        };
        if code.is_none() {
            field.error = Some(if text.is_empty() {
                "which airport? A code, a city or a name".to_owned()
            } else {
                format!("no airport fits {text:?}")
            });
        }
        code
    }

    /// Puts the server's errors at their fields; those that fit none are given back.
    pub(crate) fn blame(&mut self, errors: &[FieldError]) -> Vec<FieldError> {
        let mut rest = Vec::new();
        for error in errors {
            match self.field_mut(&error.field) {
                Some(field) => field.error = Some(error.message.clone()),
                None => rest.push(error.clone()),
            }
        }
        self.focus_first_error();
        rest
    }

    /// Moves the focus to the first field that is wrong; whether there is one.
    pub(crate) fn focus_first_error(&mut self) -> bool {
        let first = self.fields.iter().position(|f| f.error.is_some());
        if let Some(at) = first.filter(|at| *at != self.focus) {
            self.enter(at);
        }
        first.is_some()
    }

    pub(crate) fn next(&mut self) -> Edit {
        self.settle();
        if !self.fields.is_empty() {
            self.enter((self.focus + 1) % self.fields.len());
        }
        Edit::Moved
    }

    pub(crate) fn previous(&mut self) -> Edit {
        self.settle();
        if !self.fields.is_empty() {
            self.enter((self.focus + self.fields.len() - 1) % self.fields.len());
        }
        Edit::Moved
    }

    fn by_row(&mut self, down: Direction) -> Edit {
        self.settle();
        let Some(row) = self.focused().map(|f| f.row) else {
            return Edit::None;
        };
        let to = match down {
            Direction::Down => self.fields.iter().position(|f| f.row > row),
            Direction::Up => self
                .fields
                .iter()
                .rposition(|f| f.row < row)
                .and_then(|last| {
                    let above = self.fields[last].row;
                    self.fields.iter().position(|f| f.row == above)
                }),
        };
        match to {
            Some(to) => {
                self.enter(to);
                Edit::Moved
            }
            None => Edit::None,
        }
    }

    /// On leaving an airport's field the highlighted match is written out.
    pub(crate) fn settle(&mut self) {
        let Some(field) = self.fields.get_mut(self.focus) else {
            return;
        };
        if let Value::Airport { input, matches, at } = &mut field.value {
            if let Some(airport) = matches.get(*at)
                && !input.value().trim().is_empty()
            {
                *input = Input::new(airport_text(airport));
                field.error = None;
            }
            matches.clear();
            *at = 0;
        }
    }

    /// A command; what it means depends on the focused field.
    pub(crate) fn command(&mut self, command: Command, today: Date) -> Edit {
        match command {
            Command::NextField => return self.next(),
            Command::PreviousField => return self.previous(),
            _ => {}
        }
        let Some(field) = self.fields.get_mut(self.focus) else {
            return Edit::None;
        };
        match (&mut field.value, command) {
            (Value::Airport { matches, at, .. }, Command::Up) if !matches.is_empty() => {
                *at = at.saturating_sub(1);
                Edit::Moved
            }
            (Value::Airport { matches, at, .. }, Command::Down) if !matches.is_empty() => {
                *at = (*at + 1).min(matches.len() - 1);
                Edit::Moved
            }
            (
                Value::Date(input),
                Command::Up | Command::Down | Command::PageUp | Command::PageDown,
            ) => {
                let days = match command {
                    Command::Up => -1,
                    Command::Down => 1,
                    Command::PageUp => -7,
                    _ => 7,
                };
                let date = dates::parse(input.value(), today).unwrap_or(today);
                let moved = date.saturating_add(jiff::Span::new().days(days)).max(today);
                *input = Input::new(dates::short(moved));
                field.error = None;
                self.selected = true;
                Edit::Changed
            }
            (Value::Choice { options, at }, Command::Left | Command::Right) => {
                let count = options.len().max(1);
                *at = if command == Command::Right {
                    (*at + 1) % count
                } else {
                    (*at + count - 1) % count
                };
                field.error = None;
                Edit::Changed
            }
            (_, Command::Up) => self.by_row(Direction::Up),
            (_, Command::Down) => self.by_row(Direction::Down),
            (_, Command::Left) => self.request(InputRequest::GoToPrevChar),
            (_, Command::Right) => self.request(InputRequest::GoToNextChar),
            _ => Edit::None,
        }
    }

    /// A key that is no command.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Edit {
        let by_word = key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        let request = match key.code {
            KeyCode::Char(' ') if !self.takes_text() => {
                return self.command(Command::Right, Date::ZERO);
            }
            KeyCode::Char(c) if !by_word => {
                return self.type_text(c.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Char('u') => InputRequest::DeleteFromStart,
            KeyCode::Char('k') => InputRequest::DeleteTillEnd,
            KeyCode::Char('w' | 'h') => InputRequest::DeletePrevWord,

            KeyCode::Backspace if by_word => InputRequest::DeletePrevWord,
            KeyCode::Backspace => InputRequest::DeletePrevChar,
            KeyCode::Delete => InputRequest::DeleteNextChar,
            KeyCode::Home | KeyCode::Char('a') => InputRequest::GoToStart,
            KeyCode::End | KeyCode::Char('e') => InputRequest::GoToEnd,
            _ => return Edit::None,
        };
        self.request(request)
    }

    /// Text that was typed or pasted; a choice takes its first letter.
    pub(crate) fn type_text(&mut self, text: &str) -> Edit {
        let Some(field) = self.fields.get_mut(self.focus) else {
            return Edit::None;
        };
        if let Value::Choice { options, at } = &mut field.value {
            let typed = text.to_lowercase();
            let after = (1..=options.len())
                .map(|step| (*at + step) % options.len())
                .find(|i| options[*i].to_lowercase().starts_with(&typed));
            return match after {
                Some(found) => {
                    *at = found;
                    field.error = None;
                    Edit::Changed
                }
                None => Edit::None,
            };
        }
        let text = printable(text);
        if self.selected
            && !text.is_empty()
            && let Some(input) = field.input()
        {
            input.reset();
        }
        let mut edit = Edit::None;
        for c in text.chars() {
            edit = self.request(InputRequest::InsertChar(c));
        }
        edit
    }

    fn request(&mut self, request: InputRequest) -> Edit {
        self.unselect();
        let Some(field) = self.fields.get_mut(self.focus) else {
            return Edit::None;
        };
        let Some(input) = field.input() else {
            return Edit::None;
        };
        match input.handle(request) {
            Some(change) if change.value => {
                field.error = None;
                if let Value::Airport { at, .. } = &mut field.value {
                    *at = 0;
                }
                Edit::Changed
            }
            Some(_) => Edit::Moved,
            None => Edit::None,
        }
    }

    /// Looks again for airports that fit the focused field; gives back what was typed, for asking the server.
    pub(crate) fn complete(&mut self, airports: &Airports) -> Option<String> {
        let field = self.fields.get_mut(self.focus)?;
        let Value::Airport { input, matches, at } = &mut field.value else {
            return None;
        };
        let text = input.value().trim().to_owned();
        *matches = airports.matches(&text);
        *at = (*at).min(matches.len().saturating_sub(1));
        (!text.is_empty()).then_some(text)
    }
}

/// An airport as it stands in a field.
pub(crate) fn airport_text(airport: &Airport) -> String {
    let place = if airport.city.is_empty() {
        &airport.name
    } else {
        &airport.city
    };
    format!("{} · {place}", airport.code)
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}
