//! What is written down of an act.

use crate::features::auth::caller::Caller;
use crate::http::context::RequestId;

/// An act, to be recorded in the transaction that did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Who: a user's name, or the name that was tried.
    pub user: String,
    /// The request that did it.
    pub request_id: String,
    /// What, such as `flight.created`.
    pub action: &'static str,
    /// On what: a user, a flight.
    pub target: String,
    /// `ok` or the code of the refusal.
    pub outcome: String,
}

/// Who acts.
#[derive(Debug, Clone)]
pub struct Author {
    /// The user's name; `-` on the command line.
    pub user: String,
    /// The request, or `cli`.
    pub request_id: String,
}

impl Author {
    /// The caller of a request.
    pub fn of(caller: &Caller, id: &RequestId) -> Self {
        Self {
            user: caller.username.to_string(),
            request_id: id.to_string(),
        }
    }

    /// Whoever runs the program on the server's machine.
    pub fn command_line() -> Self {
        Self {
            user: "-".to_owned(),
            request_id: "cli".to_owned(),
        }
    }

    /// An act that was done.
    pub fn did(&self, action: &'static str, target: String) -> NewEntry {
        NewEntry {
            user: self.user.clone(),
            request_id: self.request_id.clone(),
            action,
            target,
            outcome: "ok".to_owned(),
        }
    }
}
