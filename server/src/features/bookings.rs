//! The feature `bookings`: making, confirming, reading, listing and cancelling, and what comes due; all writes through one
//! writer.

pub mod api;
pub mod command;
pub mod consumers;
pub mod decide;
pub mod hold;
pub mod integrity;
pub mod itinerary;
pub mod party;
pub mod reading;
pub mod service;
pub mod store;
pub mod writer;
