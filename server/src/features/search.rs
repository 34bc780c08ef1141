//! Search: what can be flown, and what it costs.

pub mod store;
