//! Figures of what was sold, made of events: nothing of them is in the way of a booking.

pub mod api;
pub mod consumers;
pub mod service;
pub mod store;
