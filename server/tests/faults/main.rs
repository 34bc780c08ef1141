//! Faults that must be survived, with real processes that are killed, cut off and starved.

mod bookings;
mod disk_full;
mod lost_answer;
mod process;
mod reimport;
