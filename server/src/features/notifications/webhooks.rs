//! Webhooks: programs that are called when something happens, as Standard Webhooks has it
//! (<https://www.standardwebhooks.com>).
//!
//! A call is a POST of the event's envelope with a signature. It may come twice, with the same `webhook-id`, where a process
//! is killed between the answer and the commit that records it, and in no certain order: the envelope has
//! `aggregateversion`, by which a receiver passes over what is older than what it knows.

pub mod addresses;
pub mod api;
pub mod caller;
pub mod consumer;
pub mod events;
pub mod service;
pub mod signature;
pub mod store;
pub mod target;
