//! Faults that must be survived, with real processes that are killed, cut off and starved.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where what it needs is not there"
)]

mod bookers;
mod bookings;
mod broker;
mod certificates;
mod clerk;
mod clock;
mod cluster;
mod database_restart;
mod database_tls;
mod disk_full;
mod events;
mod failover;
mod fleet;
mod fleet_flows;
mod holds;
mod ingest;
mod line;
mod log;
mod lost_answer;
mod mail;
mod mail_access;
mod messages_access;
mod messages_broker;
mod messages_kills;
mod messages_letters;
mod migration;
mod preload;
mod process;
mod proxy;
#[path = "../../../tui/tests/support/pty.rs"]
#[expect(
    dead_code,
    reason = "the console's own tests look at more of a terminal"
)]
mod pty;
mod rate_limits;
mod redis;
mod redis_cluster;
mod redis_pair;
mod redis_process;
mod redis_sentinel;
mod redis_tls;
mod reimport;
mod replicas;
mod roles;
mod schedule_changes;
mod secrets;
#[path = "../services/postgres.rs"]
mod services;
mod sessions;
mod several_servers;
mod slow_client;
mod started;
mod stop;
mod storm;
mod unknown_commit;
mod uploads;
mod waiting;
mod webhooks;
mod whole_flow;
