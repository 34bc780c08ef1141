//! Which addresses may be called: those of the public net, unless it is said otherwise.
//!
//! A name is looked up here, and what it leads to is called without another look: what it leads to a moment later is of no
//! consequence.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Where webhooks may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// At public addresses, by TLS.
    Public,
    /// Anywhere.
    Anywhere,
}

/// An address that is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an address of the public net")]
pub struct NotPublic(pub String);

/// IPv4 that is of no public use (IANA's registry of special-purpose addresses), multicast and what is reserved.
const NOT_PUBLIC_4: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// The same of IPv6, of what is global unicast at all.
const NOT_PUBLIC_6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/// All that is public is of this (RFC 4291), but for IPv4 behind a translator.
const GLOBAL_6: &str = "2000::/3";

/// IPv4 behind a translator (RFC 6052).
const TRANSLATED: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

struct Nets {
    not_public_4: Vec<Ipv4Net>,
    not_public_6: Vec<Ipv6Net>,
    global_6: Option<Ipv6Net>,
}

static NETS: LazyLock<Nets> = LazyLock::new(|| Nets {
    not_public_4: NOT_PUBLIC_4.iter().flat_map(|net| net.parse()).collect(),
    not_public_6: NOT_PUBLIC_6.iter().flat_map(|net| net.parse()).collect(),
    global_6: GLOBAL_6.parse().ok(),
});

/// Whether an address is of the public net.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_4(address),
        IpAddr::V6(address) => {
            let [.., a, b] = address.segments();
            if address.segments()[..6] == TRANSLATED.segments()[..6] {
                let [a, b, c, d] = [a.to_be_bytes(), b.to_be_bytes()].concat()[..] else {
                    return false;
                };
                return is_public_4(Ipv4Addr::new(a, b, c, d));
            }
            NETS.global_6.is_some_and(|net| net.contains(&address))
                && !NETS.not_public_6.iter().any(|net| net.contains(&address))
        }
    }
}

fn is_public_4(address: Ipv4Addr) -> bool {
    !NETS.not_public_4.iter().any(|net| net.contains(&address))
}

/// Looks names up, and answers public addresses alone.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            Ok(public(&found)?)
        })
    }
}

/// The public ones of addresses.
fn public(found: &[SocketAddr]) -> Result<Addrs, NotPublic> {
    let public: Vec<SocketAddr> = found
        .iter()
        .copied()
        .filter(|address| is_public(address.ip()))
        .collect();
    match (public.is_empty(), found.first()) {
        (true, Some(address)) => Err(NotPublic(address.ip().to_string())),
        _ => Ok(Box::new(public.into_iter())),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn all_nets_are_nets() {
        assert_eq!(NETS.not_public_4.len(), NOT_PUBLIC_4.len());
        assert_eq!(NETS.not_public_6.len(), NOT_PUBLIC_6.len());
        assert!(NETS.global_6.is_some());
    }

    #[rstest]
    #[case("93.184.215.14", true)]
    #[case("172.15.255.255", true)]
    #[case("172.32.0.1", true)]
    #[case("2606:4700::1111", true)]
    #[case("::ffff:93.184.215.14", true)]
    #[case("64:ff9b::93.184.215.14", true)]
    #[case("0.0.0.0", false)]
    #[case("10.1.2.3", false)]
    #[case("100.100.100.200", false)]
    #[case("127.0.0.1", false)]
    #[case("127.255.0.9", false)]
    #[case("169.254.169.254", false)]
    #[case("172.16.0.1", false)]
    #[case("172.31.255.255", false)]
    #[case("192.168.1.1", false)]
    #[case("198.19.0.1", false)]
    #[case("224.0.0.1", false)]
    #[case("255.255.255.255", false)]
    #[case("::", false)]
    #[case("::1", false)]
    #[case("::127.0.0.1", false)]
    #[case("::ffff:127.0.0.1", false)]
    #[case("::ffff:10.0.0.1", false)]
    #[case("64:ff9b::10.0.0.1", false)]
    #[case("64:ff9b:1::1", false)]
    #[case("2001::1", false)]
    #[case("2002:7f00:1::1", false)]
    #[case("fc00::1", false)]
    #[case("fd12:3456::1", false)]
    #[case("fe80::1", false)]
    #[case("fec0::1", false)]
    #[case("ff02::1", false)]
    fn what_is_public(#[case] address: &str, #[case] expected: bool) {
        assert_eq!(is_public(address.parse().unwrap()), expected);
    }

    #[test]
    fn of_several_addresses_the_public_ones_are_called() {
        let addresses = ["10.0.0.1:0", "93.184.215.14:0", "[::1]:0"];
        let addresses = addresses.map(|address| address.parse().unwrap());
        let found: Vec<SocketAddr> = public(&addresses).unwrap().collect();
        assert_eq!(found, addresses[1..2]);
        let error = public(&addresses[..1]).err().unwrap();
        assert_eq!(error, NotPublic("10.0.0.1".to_owned()));
    }
}
