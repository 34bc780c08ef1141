//! What the server does, a module a feature: `api` (endpoints), `service` (no HTTP, no SQL), `decide` (rules, pure),
//! `store` (the trait that the feature needs).

pub mod analytics;
pub mod audit;
pub mod auth;
pub mod bookings;
pub mod dead_letters;
pub mod events;
pub mod flights;
pub mod ingest;
pub mod notifications;
pub mod queues;
pub mod search;
pub mod uploads;
pub mod users;
