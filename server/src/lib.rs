//! Airside's server: flight search and booking over HTTP, from one binary.
//!
//! `http -> features -> (traits) <- store, cache, bus`: a feature never imports another feature's store.

pub mod app;
pub mod bus;
pub mod cache;
pub mod clock;
pub mod config;
pub mod consistency;
pub mod data_folder;
pub mod demo;
pub mod features;
pub mod files;
pub mod formats;
pub mod http;
pub mod messages;
pub mod outbox;
pub mod redis;
pub mod reference;
pub mod roles;
pub mod store;
