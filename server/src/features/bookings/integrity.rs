//! What must always hold between the tables, over the whole database.

use std::fmt;

/// A row that contradicts others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which row, as a person would look it up.
    pub row: String,
    /// What is wrong with it.
    pub fault: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.row, self.fault)
    }
}
