//! The feature `flights`.
