//! Telling others what happened: passengers by mail, programs by webhooks.
//!
//! A consumer takes an event from its queue and, in the transaction that records it as done with, writes what is to be sent
//! into a table. What is in the table is taken in hand by one process for a while, carried out, and ended; after a fault it
//! waits and is tried again. So an event leads to one mail, or one delivery a webhook, however often it comes; and what
//! was handed over when a process was killed before it could say so is handed over once more.

pub mod figures;
pub mod mail;
pub mod notifier;
pub mod outgoing;
pub mod webhooks;
