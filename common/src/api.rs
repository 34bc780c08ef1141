//! Bodies of requests and answers, a module a feature.
//!
//! A request body refuses fields that it does not know; an answer may grow fields in later versions.

pub mod analytics;
pub mod audit;
pub mod auth;
pub mod bookings;
pub mod dead_letters;
pub mod events;
pub mod flights;
pub mod ingest;
pub mod mails;
pub mod problem;
pub mod queues;
pub mod search;
pub mod uploads;
pub mod users;
pub mod webhooks;
