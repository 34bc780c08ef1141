//! The address of a server, as people type it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use airside_common::ParseError;
use reqwest::Url;

use crate::store::account::ServerId;

/// Where a server listens when nobody said otherwise.
pub const DEFAULT: &str = "http://127.0.0.1:7878";

/// The base address of a server, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    text: String,
    reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reach {
    /// The same machine.
    Loopback,
    /// Another machine, encrypted.
    Encrypted,
    /// Another machine, readable by all between.
    Plain,
}

impl ServerUrl {
    /// The address of a path below it.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.reach == Reach::Loopback
    }

    /// What the user should know before a password goes there.
    pub fn warning(&self) -> Option<String> {
        (self.reach == Reach::Plain).then(|| {
            format!(
                "{self} is not encrypted: everyone on the way can read the password; use https://"
            )
        })
    }

    /// The server's identity: its address.
    pub fn id(&self) -> ServerId {
        ServerId::new(self.text.clone())
    }
}

impl FromStr for ServerUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("not a server's address, such as https://air.example.com");
        let text = text.trim();
        let url = if text.contains("://") {
            Url::parse(text).map_err(|_| wrong())?
        } else {
            let guess = Url::parse(&format!("https://{text}")).map_err(|_| wrong())?;
            if is_loopback(&guess) {
                Url::parse(&format!("http://{text}")).map_err(|_| wrong())?
            } else {
                guess
            }
        };
        let shaped = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !shaped {
            return Err(wrong());
        }
        let reach = if is_loopback(&url) {
            Reach::Loopback
        } else if url.scheme() == "https" {
            Reach::Encrypted
        } else {
            Reach::Plain
        };
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { text, reach })
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("http://127.0.0.1:7878/", "http://127.0.0.1:7878", false)]
    #[case("localhost:7878", "http://localhost:7878", false)]
    #[case("[::1]:7878", "http://[::1]:7878", false)]
    #[case("airside.example.com", "https://airside.example.com", false)]
    #[case("HTTPS://Example.com/base/", "https://example.com/base", false)]
    #[case("http://example.com", "http://example.com", true)]
    fn addresses(#[case] text: &str, #[case] canonical: &str, #[case] warned: bool) {
        let url: ServerUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), canonical);
        assert_eq!(url.warning().is_some(), warned);
    }

    #[rstest]
    #[case("")]
    #[case("ftp://example.com")]
    #[case("https://user:secret@example.com")]
    #[case("https://example.com/?a=b")]
    #[case("http://")]
    fn what_is_no_address(#[case] text: &str) {
        assert!(text.parse::<ServerUrl>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text: String) {
            if let Ok(url) = text.parse::<ServerUrl>() {
                prop_assert_eq!(url.to_string().parse::<ServerUrl>().unwrap(), url);
            }
        }
    }
}
