//! The feature `bookings`: making, reading, listing and cancelling, all writes through one writer.

pub mod api;
pub mod command;
pub mod decide;
pub mod integrity;
pub mod itinerary;
pub mod party;
pub mod reading;
pub mod service;
pub mod store;
pub mod writer;
