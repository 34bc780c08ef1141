//! What Airside's console and server both say.
//!
//! Everything here is parsed at the edge and valid ever after: a value of one of these types needs no second check.
//! No SQL, no HTTP server and no terminal in this crate.

pub mod airport;
pub mod api;
pub mod booking;
pub mod consistency;
pub mod event;
pub mod flight;
pub mod ingest;
pub mod locator;
pub mod money;
mod parse;
pub mod queue;
pub mod text;
pub mod time;
pub mod upload;
pub mod user;

pub use parse::ParseError;
