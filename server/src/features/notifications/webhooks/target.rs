//! Where a webhook is.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use super::addresses::{NotPublic, Reach, is_public};

/// The longest address that is taken, in bytes.
const LONGEST: usize = 2_000;

/// The address of a webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Url);

/// Why an address is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is none.
    #[error("write it as https://example.com/path")]
    Shape,
    /// It is too long.
    #[error("has {LONGEST} characters at most")]
    Long,
    /// A password would be shown to all admins, and signatures are there instead.
    #[error("holds no user and no password; calls are signed")]
    Credentials,
    /// Anybody on the way could read what happens.
    #[error("begins with https://")]
    Unencrypted,
    /// It leads into somebody's own net.
    #[error(transparent)]
    NotPublic(#[from] NotPublic),
}

impl Target {
    /// The target of an address. What a name leads to is found when it is called.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, TargetError> {
        if text.len() > LONGEST {
            return Err(TargetError::Long);
        }
        let url: Url = text.parse().map_err(|_| TargetError::Shape)?;
        if !matches!(url.scheme(), "http" | "https") || url.fragment().is_some() {
            return Err(TargetError::Shape);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if reach == Reach::Public {
            if url.scheme() != "https" {
                return Err(TargetError::Unencrypted);
            }
            // Names are left to who looks them up; a number is not looked up, in whatever way it is written.
            let host = url.host_str().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let is_private = |address: IpAddr| !is_public(address);
            if host.parse().is_ok_and(is_private) {
                return Err(NotPublic(host.to_owned()).into());
            }
        }
        Ok(Self(url))
    }

    /// It.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Its host, which is no secret; a path may be one.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}/…)", self.host())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://example.com/hooks?x=1", None)]
    #[case("https://example.com:8443/", None)]
    #[case("https://93.184.215.14/", None)]
    #[case("http://example.com/", Some("begins with https://"))]
    #[case("ftp://example.com/", Some("write it as"))]
    #[case("example.com", Some("write it as"))]
    #[case("https://", Some("write it as"))]
    #[case("https://example.com/#a", Some("write it as"))]
    #[case("https://u:p@example.com/", Some("holds no user"))]
    #[case("https://127.0.0.1/", Some("127.0.0.1 is not"))]
    #[case("https://127.1/", Some("127.0.0.1 is not"))]
    #[case("https://2130706433/", Some("127.0.0.1 is not"))]
    #[case("https://0x7f.0.0.1/", Some("127.0.0.1 is not"))]
    #[case("https://[::1]/", Some("::1 is not"))]
    #[case(
        "https://[::ffff:10.0.0.1]/",
        Some("is not an address of the public net")
    )]
    fn what_is_taken(#[case] text: &str, #[case] error: Option<&str>) {
        match (Target::parse(text, Reach::Public), error) {
            (Ok(target), None) => assert_eq!(target.url().as_str(), text),
            (Err(found), Some(error)) => assert!(found.to_string().contains(error), "{found}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn anywhere_is_anywhere() {
        for text in [
            "http://127.0.0.1:8080/",
            "http://[::1]/",
            "https://10.0.0.1/",
        ] {
            assert!(Target::parse(text, Reach::Anywhere).is_ok(), "{text}");
        }
        assert!(Target::parse("file:///etc/passwd", Reach::Anywhere).is_err());
    }
}
