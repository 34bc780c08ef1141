//! HTTP: everything between a socket and a feature.

pub mod authentication;
pub mod body;
pub mod context;
pub mod problem;
