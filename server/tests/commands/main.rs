//! The program's commands, as a person or a script runs them.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where what it needs is not there"
)]

mod check;
mod completions;
mod config;
mod import;
mod keys;
mod openapi;
mod postgres;
mod program;
mod roles;
mod run;
#[path = "../services/postgres.rs"]
mod services;
mod user;
