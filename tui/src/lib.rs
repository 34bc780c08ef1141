//! Airside's console: search and book flights at typing speed.

pub mod store;
