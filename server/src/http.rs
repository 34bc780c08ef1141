//! HTTP: everything between a socket and a feature.

pub mod authentication;
pub mod body;
pub mod context;
pub mod edge;
pub mod health;
pub mod listener;
pub mod metrics;
pub mod problem;
pub mod router;
