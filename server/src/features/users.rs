//! The feature `users`.
