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
    /// `ftps://user:password@host:port/folder`, or `ftp://…`
    Ftp(FtpAddress),
    /// `sftp://user@host:port/folder`
    Sftp(SftpAddress),
}

/// A folder of an FTP server.
#[derive(Clone, PartialEq, Eq)]
pub struct FtpAddress {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether its connections are encrypted.
    pub security: Security,
    /// Who logs in.
    pub user: String,
    /// With which password.
    pub password: String,
    /// The folder, from the one where a login leads (RFC 1738, section 3.2.2); empty: that one itself.
    pub folder: String,
}

/// Whether an FTP server's connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// They are not.
    Plain,
    /// By TLS, which is asked for before anything else is said (`AUTH TLS`, RFC 4217).
    Explicit,
    /// By TLS from the first byte, which is what port 990 is for.
    Implicit,
}

/// A folder of a server that is reached by SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SftpAddress {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The folder, from the one where a login leads, as with FTP; empty: that one itself.
    pub folder: String,
}

impl fmt::Debug for FtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host, port, folder, ..
        } = self;
        let scheme = match self.security {
            Security::Plain => "ftp",
            Security::Explicit | Security::Implicit => "ftps",
        };
        write!(f, "{scheme}://{host}:{port}/{folder}")
    }
}

/// Why an address is not taken. It is not repeated, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has another form.
    #[error(
        "write it as file:///path/to/folder, s3://bucket/prefix?endpoint=https://host&region=name, \
         ftps://user:password@host:port/folder (ftp:// is not encrypted) or sftp://user@host:port/folder"
    )]
    Form,
    /// It has a user or a password where there are none.
    #[error("credentials do not stand in this address; the source has settings for them")]
    Credentials,
    /// It has a password where keys are used.
    #[error(
        "sftp:// logs in by a key and never by a password; key_file of the source names the key"
    )]
    Password,
    /// A part of it would be an option of the program `ssh`.
    #[error("no part of a sftp:// address begins with a hyphen")]
    Hyphen,
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
        let is_bare = url.query().is_none() && url.fragment().is_none();
        match url.scheme() {
            "file" | "s3" => Ok(Self::Stored(text.parse()?)),
            "ftp" if is_bare => ftp(&url, Security::Plain).map(Self::Ftp),
            "ftps" if is_bare && url.port() == Some(990) => {
                ftp(&url, Security::Implicit).map(Self::Ftp)
            }
            "ftps" if is_bare => ftp(&url, Security::Explicit).map(Self::Ftp),
            "sftp" if is_bare => sftp(&url).map(Self::Sftp),
            _ => Err(AddressError::Form),
        }
    }
}

fn decoded(text: &str) -> Result<String, AddressError> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| AddressError::Form)?;
    if text.chars().any(is_control) {
        return Err(AddressError::Form);
    }
    Ok(text.into_owned())
}

fn host(url: &Url) -> Result<String, AddressError> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host.is_empty() {
        return Err(AddressError::Form);
    }
    Ok(host.to_owned())
}

fn folder(url: &Url) -> Result<String, AddressError> {
    let path = url.path();
    decoded(path.strip_prefix('/').unwrap_or(path).trim_end_matches('/'))
}

fn ftp(url: &Url, security: Security) -> Result<FtpAddress, AddressError> {
    // Nobody is who anonymous servers are for; a password is asked for all the same, and is looked at by nobody.
    let user = match url.username() {
        "" => "anonymous",
        user => user,
    };
    Ok(FtpAddress {
        host: host(url)?,
        port: url.port().unwrap_or(21),
        security,
        user: decoded(user)?,
        password: decoded(url.password().unwrap_or("airside"))?,
        folder: folder(url)?,
    })
}

/// Host and user become words of a command line: they have no other characters than such names need.
fn sftp(url: &Url) -> Result<SftpAddress, AddressError> {
    if url.password().is_some() {
        return Err(AddressError::Password);
    }
    let address = SftpAddress {
        host: host(url)?,
        port: url.port().unwrap_or(22),
        user: decoded(url.username())?,
        folder: folder(url)?,
    };
    let SftpAddress {
        host, user, folder, ..
    } = &address;
    if [host, user, folder]
        .iter()
        .any(|part| part.starts_with('-'))
    {
        return Err(AddressError::Hyphen);
    }
    let are = |text: &str, others: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    if user.is_empty() || !are(user, "._-+@$") || !are(host, "._-:") {
        return Err(AddressError::Form);
    }
    Ok(address)
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
    #[case("ftp://host", Security::Plain, 21)]
    #[case("ftps://host", Security::Explicit, 21)]
    #[case("ftps://ada:secret@host:2121/in", Security::Explicit, 2121)]
    #[case("ftps://host:990/in", Security::Implicit, 990)]
    #[case("ftp://host:990/in", Security::Plain, 990)]
    fn what_is_encrypted_is_said_by_scheme_and_port(
        #[case] text: &str,
        #[case] security: Security,
        #[case] port: u16,
    ) {
        let Address::Ftp(address) = text.parse().unwrap() else {
            panic!("{text}");
        };
        assert_eq!((address.security, address.port), (security, port));
    }

    #[rstest]
    #[case("sftp://ada@host", "host", 22, "")]
    #[case("sftp://ada@host:2222/out/s%2027/", "host", 2222, "out/s 27")]
    #[case("sftp://ada@[::1]/%2Fsrv/%C5%81", "::1", 22, "/srv/Ł")]
    fn a_server_of_sftp_is_read(
        #[case] text: &str,
        #[case] host: &str,
        #[case] port: u16,
        #[case] folder: &str,
    ) {
        let Address::Sftp(address) = text.parse().unwrap() else {
            panic!("{text}");
        };
        assert_eq!((address.user.as_str(), address.port), ("ada", port));
        assert_eq!(
            (address.host.as_str(), address.folder.as_str()),
            (host, folder)
        );
    }

    #[rstest]
    #[case("sftp://-oProxyCommand=x@host/in", AddressError::Hyphen)]
    #[case("sftp://%2DoProxyCommand@host/in", AddressError::Hyphen)]
    #[case("sftp://ada@-oProxyCommand/in", AddressError::Hyphen)]
    #[case("sftp://ada@host/-in", AddressError::Hyphen)]
    #[case("sftp://ada@host/%2Din", AddressError::Hyphen)]
    #[case("sftp://ada:secret@host/in", AddressError::Password)]
    #[case("sftp://host/in", AddressError::Form)]
    #[case("sftp://ada@/in", AddressError::Form)]
    #[case("sftp://ada%20b@host/in", AddressError::Form)]
    #[case("sftp://ada`id`@host/in", AddressError::Form)]
    #[case("sftp://ada@ho%20st/in", AddressError::Form)]
    #[case("sftp://ada@ho;st/in", AddressError::Form)]
    #[case("sftp://ada@host/a%00b", AddressError::Form)]
    #[case("sftp://ada@host/in?key=x", AddressError::Form)]
    fn what_a_command_line_must_not_have_is_refused(
        #[case] text: &str,
        #[case] error: AddressError,
    ) {
        assert_eq!(text.parse::<Address>(), Err(error));
    }

    #[rstest]
    #[case("ftp://ada:secret@host/a%0D%0ADELE%20b")]
    #[case("ftps://ada:secret@/a")]
    #[case("ftps://ada:secret@host/a#b")]
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
