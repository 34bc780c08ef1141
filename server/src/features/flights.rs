//! Single flights: reading them, their seat maps, and what admins do with them.

pub mod seat_layout;
