//! The HTTP API, by resource and verb.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where what it needs is not there"
)]

mod admin_flights;
mod admin_uploads;
mod airports;
mod analytics;
mod app;
mod audit;
mod auth;
mod bookings;
mod dead_letters;
mod demo;
mod document;
mod events;
mod flights;
mod ingest;
mod itineraries;
mod queues;
mod rate_limit;
mod roles;
mod seats;
mod security;
mod users;
mod webhooks;
