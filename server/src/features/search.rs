//! Search: what can be flown, and what it costs.

pub mod api;
pub mod consumers;
pub mod itineraries;
pub mod service;
pub mod store;
pub mod timetable;
