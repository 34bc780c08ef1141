//! Where a source is, as the settings say it.

use std::str::FromStr;

use reqwest::Url;

use crate::files::address::{self as files};

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A folder, or a part of a bucket.
    Stored(files::Address),
}

/// Why an address is not taken. It is not repeated, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has another form.
    #[error(
        "write it as file:///path/to/folder or s3://bucket/prefix?endpoint=https://host&region=name"
    )]
    Form,
    /// It has a user or a password where there are none.
    #[error("credentials do not stand in this address; the source has settings for them")]
    Credentials,
    /// Something else of a folder's or a bucket's is wrong.
    #[error(transparent)]
    Stored(files::AddressError),
}

impl From<files::AddressError> for AddressError {
    fn from(error: files::AddressError) -> Self {
        match error {
            files::AddressError::Form => Self::Form,
            files::AddressError::Credentials => Self::Credentials,
            error => Self::Stored(error),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url: Url = text.parse().map_err(|_| AddressError::Form)?;
        match url.scheme() {
            "file" | "s3" => Ok(Self::Stored(text.parse()?)),
            _ => Err(AddressError::Form),
        }
    }
}
