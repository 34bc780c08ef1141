//! Files that arrive by themselves: sources are looked at, and what has stopped growing goes the way of an upload.

pub mod address;
pub mod api;
pub mod ftp;
mod idle;
pub mod service;
pub mod settling;
pub mod sftp;
pub mod source;
pub mod store;
pub mod watch;
