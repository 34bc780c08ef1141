//! HTTP: everything between a socket and a feature.

pub mod authentication;
pub mod body;
pub mod connection;
pub mod context;
mod description;
pub mod docs;
pub mod errors;
pub mod event_stream;
pub mod health;
pub mod limits;
pub mod listener;
pub mod metrics;
pub mod outermost;
pub mod problem;
pub mod proxies;
pub mod rate_limit;
pub mod request_log;
pub mod router;
