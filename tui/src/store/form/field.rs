//! A field of a form: what it holds, and what is said beside it.

use airside_common::airport::Airport;
use tui_input::Input;

/// What a field holds.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Any text.
    Text(Input),
    /// A text that is not shown.
    Secret(Input),
    /// A date as people write it.
    Date(Input),
    /// An airport by code, city or name, with what fits.
    Airport {
        input: Input,
        matches: Vec<Airport>,
        at: usize,
    },
    /// One of several.
    Choice { options: Vec<String>, at: usize },
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// The path that the server uses for it in its errors, such as `passengers[0].surname`.
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) value: Value,
    /// Columns.
    pub(crate) width: u16,
    /// Fields of one row stand beside each other.
    pub(crate) row: usize,
    pub(crate) error: Option<String>,
    /// Shown beside it while nothing is wrong.
    pub(crate) hint: String,
}

impl Field {
    fn new(name: &str, label: &str, row: usize, width: u16, value: Value) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            value,
            width,
            row,
            error: None,
            hint: String::new(),
        }
    }

    pub(crate) fn text(name: &str, label: &str, row: usize, width: u16, value: &str) -> Self {
        let value = Value::Text(Input::new(value.to_owned()));
        Self::new(name, label, row, width, value)
    }

    pub(crate) fn secret(name: &str, label: &str, row: usize, width: u16) -> Self {
        Self::new(name, label, row, width, Value::Secret(Input::default()))
    }

    pub(crate) fn date(name: &str, label: &str, row: usize, value: &str) -> Self {
        let value = Value::Date(Input::new(value.to_owned()));
        Self::new(name, label, row, 12, value)
    }

    pub(crate) fn airport(name: &str, label: &str, row: usize, value: &str) -> Self {
        let value = Value::Airport {
            input: Input::new(value.to_owned()),
            matches: Vec::new(),
            at: 0,
        };
        Self::new(name, label, row, 28, value)
    }

    pub(crate) fn choice(name: &str, label: &str, row: usize, options: &[&str], at: usize) -> Self {
        let width = options.iter().map(|o| o.len()).max().unwrap_or_default();
        let value = Value::Choice {
            options: options.iter().map(|&o| o.to_owned()).collect(),
            at,
        };
        let width = u16::try_from(width + 4).unwrap_or(20);
        Self::new(name, label, row, width, value)
    }

    pub(crate) fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }

    /// What was typed, or the chosen option.
    pub(crate) fn content(&self) -> &str {
        match &self.value {
            Value::Text(input)
            | Value::Secret(input)
            | Value::Date(input)
            | Value::Airport { input, .. } => input.value(),
            Value::Choice { options, at } => options.get(*at).map_or("", String::as_str),
        }
    }

    /// Whether characters are typed into it.
    pub(crate) fn takes_text(&self) -> bool {
        !matches!(self.value, Value::Choice { .. })
    }

    pub(super) fn input(&mut self) -> Option<&mut Input> {
        match &mut self.value {
            Value::Text(input)
            | Value::Secret(input)
            | Value::Date(input)
            | Value::Airport { input, .. } => Some(input),
            Value::Choice { .. } => None,
        }
    }

    /// The position of the chosen option.
    pub(crate) fn chosen(&self) -> usize {
        match &self.value {
            Value::Choice { at, .. } => *at,
            _ => 0,
        }
    }

    /// Writes the field anew.
    pub(crate) fn set(&mut self, text: &str) {
        self.error = None;
        if let Some(input) = self.input() {
            *input = Input::new(text.to_owned());
        } else if let Value::Choice { options, at } = &mut self.value
            && let Some(found) = options.iter().position(|o| o == text)
        {
            *at = found;
        }
    }
}
