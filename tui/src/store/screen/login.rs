//! Logging in.

use crate::store::form::{Field, Form};

/// How far logging in came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The console reads what it kept, or the demonstration starts.
    Starting,
    /// The agent enters name and password.
    Entry,
    /// The server is asked.
    Asking,
}

/// The screen.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) form: Form,
    pub(crate) phase: Phase,
    /// Why it is asked for, or why it failed.
    pub(crate) reason: Option<String>,
    /// What the start is doing.
    pub(crate) progress: String,
}

impl Login {
    /// While the console starts.
    pub(crate) fn waiting() -> Self {
        Self {
            phase: Phase::Starting,
            ..Self::new("", "", None)
        }
    }

    pub(crate) fn new(server: &str, username: &str, reason: Option<String>) -> Self {
        let mut form = Form::new(vec![
            Field::text("server", "Server", 0, 40, server),
            Field::text("username", "User", 1, 40, username),
            Field::secret("password", "Password", 2, 40),
        ]);
        form.focus_on(if username.is_empty() {
            "username"
        } else {
            "password"
        });
        Self {
            form,
            phase: Phase::Entry,
            reason,
            progress: String::new(),
        }
    }
}
