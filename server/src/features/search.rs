//! The feature `search`.
