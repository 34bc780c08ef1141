//! Where a request comes from when proxies stand in front: `X-Forwarded-For`, as far as it can be believed.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use poem::http::{HeaderMap, HeaderName};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::config::list;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The addresses whose word is taken on whom they pass a request on for.
///
/// Everybody can send the header. A proxy adds the address that it sees to its end; so it is read from its end, and as far
/// as those who added to it are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// What is neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl TrustedProxies {
    /// The client of a request that came through a socket from an address.
    pub fn client(&self, socket: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = socket.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let passed_on = headers.get_all(FORWARDED_FOR).iter().rev();
        let addresses = passed_on.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for text in addresses {
            // What cannot be read was added by nobody who is trusted.
            let Some(address) = address(text.trim()) else {
                break;
            };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, NotANetwork> {
        let networks = texts.map(str::trim).map(|text| {
            let one = IpAddr::from_str(text).map(|address| IpNet::from(address.to_canonical()));
            one.or_else(|_| text.parse())
                .map_err(|_| NotANetwork(text.to_owned()))
        });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

/// An address, with a port as some proxies write it or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let address = bare.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

impl<'de> Deserialize<'de> for TrustedProxies {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let texts = list::deserialize(value)?;
        Self::of(texts.iter().map(String::as_str)).map_err(de::Error::custom)
    }
}

impl Serialize for TrustedProxies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nobody_passes_it_on("10.0.0.9", &[], "10.0.0.9")]
    #[case::a_stranger_is_not_believed("192.0.2.1", &["198.51.100.7"], "192.0.2.1")]
    #[case::a_proxy_is_believed("10.0.0.9", &["198.51.100.7"], "198.51.100.7")]
    #[case::what_the_client_made_up_is_not("10.0.0.9", &["127.0.0.1, 198.51.100.7"], "198.51.100.7")]
    #[case::a_proxy_behind_a_proxy("10.0.0.9", &["203.0.113.5, 198.51.100.7, 10.1.2.3"], "198.51.100.7")]
    #[case::lines_in_their_order("10.0.0.9", &["203.0.113.5", "198.51.100.7", "10.1.2.3"], "198.51.100.7")]
    #[case::proxies_alone("10.0.0.9", &["10.0.0.7, 10.0.0.8"], "10.0.0.7")]
    #[case::nonsense_ends_it("10.0.0.9", &["198.51.100.7, unknown, 10.0.0.8"], "10.0.0.8")]
    #[case::nothing("10.0.0.9", &[""], "10.0.0.9")]
    #[case::with_a_port("::ffff:10.0.0.9", &["[2001:db8::7]:4711"], "2001:db8::7")]
    #[case::of_the_new_kind("2001:db8:1::1", &["::ffff:198.51.100.7"], "198.51.100.7")]
    fn the_nearest_that_is_not_trusted_is_the_client(
        #[case] socket: &str,
        #[case] lines: &[&'static str],
        #[case] expected: &str,
    ) {
        let trusted = ["10.0.0.0/8", "2001:db8:1::1"];
        let proxies = TrustedProxies::of(trusted.into_iter()).unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let expected: IpAddr = expected.parse().unwrap();
        assert_eq!(proxies.client(socket.parse().unwrap(), &headers), expected);
        let nobody = TrustedProxies::default();
        let socket: IpAddr = socket.parse().unwrap();
        assert_eq!(nobody.client(socket, &headers), socket.to_canonical());
    }

    #[test]
    fn what_is_no_network_is_named() {
        let refused = TrustedProxies::of(["10.0.0.1", "nginx"].into_iter());
        assert!(refused.unwrap_err().to_string().contains("`nginx`"));
    }
}
