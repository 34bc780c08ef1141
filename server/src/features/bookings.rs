//! The feature `bookings`.
