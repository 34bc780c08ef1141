//! Live events on a bus and an outbox of their own.
