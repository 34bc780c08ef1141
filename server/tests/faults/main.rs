//! Faults that must be survived, with real processes that are killed, cut off and starved.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where what it needs is not there"
)]

mod bookings;
mod clock;
mod database_restart;
mod disk_full;
mod log;
mod lost_answer;
mod migration;
mod preload;
mod process;
mod reimport;
mod secrets;
#[path = "../services/postgres.rs"]
mod services;
mod sessions;
mod several_servers;
mod slow_client;
mod stop;
mod unknown_commit;
