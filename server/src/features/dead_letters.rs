//! Messages that no consumer took: admins read them, send them again, or drop them.

pub mod api;
pub mod service;
