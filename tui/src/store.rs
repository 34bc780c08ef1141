//! The one source of truth of the console.

pub mod account;
pub mod journal;
pub mod ledger;
pub mod moment;
pub mod operation;
pub mod rebooking;

pub(crate) mod action;
pub(crate) mod airports;
pub(crate) mod effect;
pub(crate) mod form;
pub(crate) mod inspector;
pub(crate) mod layer;
pub(crate) mod list;
pub(crate) mod live;
pub(crate) mod paged;
pub(crate) mod queues;
pub(crate) mod reducer;
pub(crate) mod screen;
pub(crate) mod state;
