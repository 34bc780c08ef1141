//! The real loop with a real server: keys are typed as macros, and a test goes on once the console is idle.

mod admin;
mod agent;
mod console;
mod live;
mod network;
mod queues;
