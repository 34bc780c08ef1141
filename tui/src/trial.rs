//! What the tests of the console share: an agent at a desk, keys as macros, and things to show.

pub(crate) mod desk;
pub(crate) mod keys;
#[path = "../tests/support/proxy.rs"]
pub(crate) mod proxy;
#[path = "../tests/support/server.rs"]
pub(crate) mod server;
pub(crate) mod specimens;
