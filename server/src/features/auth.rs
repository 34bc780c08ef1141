//! Who is calling: passwords, sessions, access tokens.

pub mod api;
pub mod caller;
pub mod consumers;
pub mod jwks;
pub mod key_folder;
pub mod key_ring;
pub mod passwords;
pub mod public_keys;
pub mod revocations;
pub mod service;
pub mod signer;
pub mod store;
pub mod throttle;
pub mod tokens;
