//! Where a source is, as the settings say it.

use std::fmt;
use std::str::FromStr;

use airside_common::text::is_control;
use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::files::address::{self as files};

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A folder, or a part of a bucket.
    Stored(files::Address),
    /// `ftp://user:password@host:port/folder`
    Ftp(FtpAddress),
}

/// A folder of an FTP server.
#[derive(Clone, PartialEq, Eq)]
pub struct FtpAddress {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// With which password.
    pub password: String,
    /// The folder, from the one where a login leads (RFC 1738, section 3.2.2); empty: that one itself.
    pub folder: String,
}

impl fmt::Debug for FtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host, port, folder, ..
        } = self;
        write!(f, "ftp://{host}:{port}/{folder}")
    }
}

/// Why an address is not taken. It is not repeated, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has another form.
    #[error(
        "write it as file:///path/to/folder, s3://bucket/prefix?endpoint=https://host&region=name or \
         ftp://user:password@host:port/folder"
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
            "ftp" if url.query().is_none() && url.fragment().is_none() => {
                Ok(Self::Ftp(ftp(&url).ok_or(AddressError::Form)?))
            }
            _ => Err(AddressError::Form),
        }
    }
}

fn ftp(url: &Url) -> Option<FtpAddress> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().ok()?;
        (!text.chars().any(is_control)).then(|| text.into_owned())
    };
    // Nobody is who anonymous servers are for; a password is asked for all the same, and is looked at by nobody.
    let user = match url.username() {
        "" => "anonymous",
        user => user,
    };
    let path = url.path();
    Some(FtpAddress {
        host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(21),
        user: decoded(user)?,
        password: decoded(url.password().unwrap_or("airside"))?,
        folder: decoded(path.strip_prefix('/').unwrap_or(path).trim_end_matches('/'))?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "ftp://ada:s%3Acret@host:2121/out/s%2027/",
        "ada",
        "s:cret",
        2121,
        "out/s 27"
    )]
    #[case("ftp://host", "anonymous", "airside", 21, "")]
    #[case("ftp://ada@host/%2Fsrv/out", "ada", "airside", 21, "/srv/out")]
    fn an_ftp_server_is_read(
        #[case] text: &str,
        #[case] user: &str,
        #[case] password: &str,
        #[case] port: u16,
        #[case] folder: &str,
    ) {
        let Address::Ftp(address) = text.parse().unwrap() else {
            panic!("{text}");
        };
        assert_eq!(
            (address.user.as_str(), address.password.as_str()),
            (user, password)
        );
        assert_eq!((address.port, address.folder.as_str()), (port, folder));
        assert!(!format!("{address:?}").contains("s:cret"));
    }

    #[rstest]
    #[case("ftp://ada:secret@host/a%0D%0ADELE%20b")]
    #[case("ftp://ada:se%0Acret@host/a")]
    #[case("ftp://host/a?key=secret")]
    #[case("gopher://ada:secret@host/a")]
    #[case("secret")]
    fn what_is_no_address_is_told_and_not_repeated(#[case] text: &str) {
        let error = text.parse::<Address>().unwrap_err().to_string();
        assert!(error.starts_with("write it as file:///"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
