//! Airside's console: search and book flights at typing speed.

pub mod arguments;
pub mod cli;
pub mod date_entry;
pub mod demo;
pub mod effects;
pub mod run;
pub mod store;

pub(crate) mod dates;
pub(crate) mod keymap;
pub(crate) mod settings;
pub(crate) mod terminal;
pub(crate) mod theme;
pub(crate) mod time_entry;
#[cfg(test)]
pub(crate) mod trial;
pub(crate) mod views;
pub(crate) mod widgets;
