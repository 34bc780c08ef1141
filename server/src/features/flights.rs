//! Single flights: reading them, their seat maps, and what admins do with them.

pub mod api;
pub mod decide;
pub mod import;
pub mod seat_layout;
pub mod service;
pub mod store;
