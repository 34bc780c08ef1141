//! What is written down of an act.

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
