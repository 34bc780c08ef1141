//! The audit log: who did what, append-only.

pub mod entry;
