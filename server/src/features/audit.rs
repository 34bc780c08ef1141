//! The audit log: who did what, append-only.

pub mod api;
pub mod entry;
pub mod store;
