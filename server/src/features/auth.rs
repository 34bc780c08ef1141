//! Who is calling: passwords, sessions, access tokens.

pub mod caller;
pub mod revocations;
pub mod tokens;
