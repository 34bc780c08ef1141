//! Public keys from the `auth` service: its JSON Web Key set over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::jwk::JwkSet;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use super::public_keys::{KeySource, SourceError};

/// How often the set is fetched: a key is shown for minutes before it signs, so that several fetches may fail.
const EVERY: Duration = Duration::from_mins(1);
const CONNECT: Duration = Duration::from_secs(2);
/// The whole of a fetch. A request with an unknown key waits for it, and has ten seconds itself.
const FETCH: Duration = Duration::from_secs(5);
/// A set of thirty keys is some 5 KiB.
const LARGEST: usize = 64 * 1024;

/// The key set at an address.
pub struct RemoteKeys {
    http: Client,
    url: Url,
}

impl RemoteKeys {
    /// The set at an address; nothing is fetched yet.
    pub fn new(url: Url) -> Result<Self, SourceError> {
        let mut builder = Client::builder();
        if url.scheme() == "http" {
            // There may be no certificates on this machine, and there need not be.
            builder = builder.tls_certs_only([]);
        }
        let http = builder
            .connect_timeout(CONNECT)
            .timeout(FETCH)
            // Where keys come from is decided by the settings alone.
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("airside-server/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| SourceError(chain(&e)))?;
        Ok(Self { http, url })
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    async fn fetch(&self) -> Result<JwkSet, SourceError> {
        let failed = |error: reqwest::Error| SourceError(chain(&error));
        let mut answer = self
            .http
            .get(self.url.clone())
            .send()
            .await
            .map_err(failed)?;
        if answer.status() != StatusCode::OK {
            return Err(SourceError(format!("{}: {}", self.url, answer.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(SourceError(format!("{}: the answer is too long", self.url)));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|e| SourceError(format!("{}: {e}", self.url)))
    }

    fn every(&self) -> Duration {
        EVERY
    }
}

/// An error with all that is behind it; the library's own text names only the address.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::features::auth::tokens::SigningKey;

    /// What a fetch makes of an answer that is sent as it is.
    async fn fetched(answer: String) -> Result<JwkSet, SourceError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            // Whoever has read enough hangs up.
            let _ = socket.write_all(answer.as_bytes()).await;
        });
        let url = format!("http://{address}/keys").parse().unwrap();
        let fetched = RemoteKeys::new(url).unwrap().fetch().await;
        served.await.unwrap();
        fetched
    }

    fn answer(status: &str, more: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n{body}")
    }

    #[tokio::test]
    async fn a_set_is_taken_and_nothing_else() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap().public().clone();
        let set = JwkSet { keys: vec![key] };
        let body = serde_json::to_string(&set).unwrap();
        assert_eq!(fetched(answer("200 OK", "", &body)).await.unwrap(), set);
        let long = format!("{body}{}", " ".repeat(LARGEST));
        let moved = "Location: http://127.0.0.1:1/\r\n";
        for (answer, expected) in [
            (answer("302 Found", moved, &body), "302 Found"),
            (answer("503 Service Unavailable", "", &body), "503"),
            (answer("200 OK", "", "[]"), "invalid length"),
            (answer("200 OK", "", &long), "too long"),
        ] {
            let error = fetched(answer).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_that_says_so() {
        let url = "http://127.0.0.1:1/keys".parse().unwrap();
        let error = RemoteKeys::new(url).unwrap().fetch().await.unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
