//! `airside-server health`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use super::{Failure, Outcome, Place, block_on, say};

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the server of the same settings for `/readyz`, for containers that have no other program to do so.
pub(crate) fn run(place: &Place) -> Outcome {
    let listen = place.settings()?.http.listen;
    block_on(async {
        let url = format!("http://{}/readyz", reached_at(listen));
        let failed = |e: reqwest::Error| Failure::Other(e.to_string());
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            // There may be no certificates on this machine, and there need not be.
            .tls_certs_only([])
            .build();
        let answer = client
            .map_err(failed)?
            .get(url)
            .send()
            .await
            .map_err(failed)?;
        let ready = answer.status().is_success();
        say(answer.text().await.map_err(failed)?)?;
        Ok(if ready {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

/// Where a server is reached that listens on all addresses.
fn reached_at(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    SocketAddr::new(address, listen.port())
}
