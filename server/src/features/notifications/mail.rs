//! Mail to passengers: to the contact address of a booking, when something happens to it.
//!
//! A mail that the server has taken may be sent once more where a process is killed between the server's answer and the
//! commit that records it. Both have the same `Message-ID`, by which mail programs tell that they are one.

pub mod api;
mod calendar;
pub mod consumer;
pub mod letter;
pub mod occasions;
pub mod sender;
pub mod service;
pub mod store;
