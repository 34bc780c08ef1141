//! Who is calling: passwords, sessions, access tokens.

pub mod api;
pub mod caller;
pub mod consumers;
pub mod passwords;
pub mod revocations;
pub mod service;
pub mod store;
pub mod throttle;
pub mod tokens;
