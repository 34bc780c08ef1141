//! Where state lives: an implementation of every feature's store trait a database.

pub mod sqlite;
