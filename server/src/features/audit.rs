//! The feature `audit`.
