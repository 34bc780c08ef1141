//! The feature `auth`.
