//! Messages: what happened, on its way to those who do something about it.
//!
//! A relay takes events from the outbox to the queues of all [`Consumer`](consumer::Consumer)s that react to them; a
//! [`runner`] takes them from a queue to its consumer. Queues are tables of the database, or RabbitMQ's: the same behind
//! [`queues::Queues`]. Each message comes once at least. What a consumer does with it, it records together with the message
//! in one transaction, so that a message that comes again has no second effect.
//!
//! This is not [`crate::bus`], by which every process hears every event to keep its memory current: of the processes of a
//! consumer one gets a message, and it stays until it is done with.

pub mod asyncapi;
pub mod cloud_event;
pub mod consumer;
pub mod database;
pub mod queues;
pub mod rabbitmq;
pub mod runner;
pub mod store;
