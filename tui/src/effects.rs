//! What touches the world: the network, the disk.

pub mod disk;
pub mod folders;
pub mod http;
pub mod last_server;
pub(crate) mod listener;
pub mod paths;
pub mod server_url;
pub mod session;

pub(crate) mod dispatch;
pub(crate) mod start;
