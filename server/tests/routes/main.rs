//! The HTTP API, by resource and verb.

mod app;
mod bookings;
