//! Files of flights that admins upload, and the workers that merge them into the schedule.

pub mod api;
pub mod body;
pub mod retention;
pub mod service;
pub mod store;
pub mod worker;
