//! Users: what admins and the command line do with them.

pub mod api;
pub mod service;
pub mod store;
