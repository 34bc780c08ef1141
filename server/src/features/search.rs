//! Search: what can be flown, and what it costs.

pub mod api;
pub mod consumers;
mod cursor;
pub mod dominance;
pub mod itineraries;
pub mod kept;
mod offers;
pub mod query;
pub mod service;
pub mod store;
pub mod timetable;
mod unserved;
