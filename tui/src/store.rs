//! The one source of truth of the console.

pub mod account;
pub mod journal;
pub mod ledger;
pub mod moment;
pub mod operation;
