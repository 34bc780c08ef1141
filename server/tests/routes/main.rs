//! The HTTP API, by resource and verb.

mod admin_flights;
mod airports;
mod app;
mod bookings;
mod flights;
mod itineraries;
mod seats;
