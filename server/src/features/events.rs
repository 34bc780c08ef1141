//! Live events: what happens, told at once to all who listen.
//!
//! One subscription to the bus feeds all listeners of a process: [`live::Live`] sends a booking's event to the listeners
//! of its office, an upload's to admins, and a flight's seats, read once for all, to those that named the flight. Each
//! [`listening::Listening`] has a queue; one that is full is cut off, and its client comes back with the position that it had
//! reached.

pub mod api;
pub mod consumers;
mod frames;
mod listeners;
pub mod listening;
pub mod live;
mod past;
pub mod store;
#[cfg(test)]
mod tests;
