//! What the tests of the console share: an agent at a desk, keys as macros, and things to show.

pub(crate) mod desk;
pub(crate) mod keys;
pub(crate) mod specimens;
