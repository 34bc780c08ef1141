//! Airside's console: search and book flights at typing speed.

pub mod effects;
pub mod store;
