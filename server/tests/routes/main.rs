//! The HTTP API, by resource and verb.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where what it needs is not there"
)]

mod admin_flights;
mod airports;
mod app;
mod audit;
mod auth;
mod bookings;
mod demo;
mod document;
mod flights;
mod itineraries;
mod roles;
mod seats;
mod security;
mod users;
mod webhooks;
