//! Offices' queues: bookings that need a person, by the numbers that agents know. Events put bookings there and take them off
//! again; agents take, finish and put off what they find.

pub mod api;
pub mod consumers;
pub mod decide;
pub mod service;
pub mod store;
