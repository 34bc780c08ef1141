//! Where Redis is: one server, a primary that Sentinels know, or a Cluster.

use std::str::FromStr;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisResult, TlsMode};
use tokio::sync::Mutex;

use super::authorities::Authorities;
use super::link::Connection;

/// How an address is written.
const FORMS: &str = "write it as redis://user:password@host:6379/0, rediss://… (TLS), \
     redis+sentinel://user:password@host:26379,host:26379/service/0 or redis+cluster://user:password@host:6379,host:6379 \
     (with TLS rediss+sentinel://… and rediss+cluster://…), with %40 for an @ and %2F for a / in a password; the only parameter is \
     sentinel_password";

/// Why an address is not taken. It is not repeated, since it may hold a password.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum AddressError {
    /// It is written otherwise.
    #[error("{FORMS}")]
    Form,
    /// There is nothing to verify.
    #[error("where redis.ca_file is set it begins with rediss")]
    NoTls,
}

/// Where Redis is.
#[derive(Clone)]
pub struct Address(Servers);

#[derive(Clone)]
enum Servers {
    One(Box<Client>),
    Sentinels(Arc<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

impl Address {
    /// A new connection to where writes go, by whose name operators know it in `CLIENT LIST`.
    pub(super) async fn connect(&self, name: &str) -> RedisResult<Connection> {
        let mut connection = match &self.0 {
            Servers::One(client) => Connection::One(Self::to_one(client).await?),
            Servers::Sentinels(sentinels) => {
                let client = sentinels.lock().await.async_get_client().await?;
                Connection::One(Self::to_one(&client).await?)
            }
            Servers::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        };
        let mut set_name = redis::cmd("CLIENT");
        set_name.arg("SETNAME").arg(name);
        // A user who is not allowed to may still do all that is needed.
        let _ = set_name.exec_async(&mut connection).await;
        Ok(connection)
    }

    async fn to_one(client: &Client) -> RedisResult<MultiplexedConnection> {
        // Whoever asks knows best how long to wait.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// An address with TLS, at which servers prove who they are by the word of these authorities and not of those of the web.
    pub fn trusting(text: &str, authorities: &Authorities) -> Result<Self, AddressError> {
        if !text.starts_with("rediss") {
            return Err(AddressError::NoTls);
        }
        Self::parse(text, Some(authorities)).ok_or(AddressError::Form)
    }

    fn parse(text: &str, authorities: Option<&Authorities>) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (scheme, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !["redis", "rediss"].contains(&scheme) || rest.contains('#') {
            return None;
        }
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let mut sentinel_password = None;
        for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
            if name != "sentinel_password" || kind != "sentinel" {
                return None;
            }
            sentinel_password = Some(value.into_owned());
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // An @ behind a slash stands behind a password with a slash in it, of which a part would be taken for the host.
        if path.contains('@') {
            return None;
        }
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        };
        let servers = |port: u16, database: &str| -> Option<Vec<ConnectionInfo>> {
            hosts
                .split(',')
                .map(|host| {
                    let port = if names_port(host) {
                        String::new()
                    } else {
                        format!(":{port}")
                    };
                    if host.is_empty() {
                        return None;
                    }
                    let one = format!("{scheme}://{credentials}{host}{port}/{database}");
                    one.parse().ok()
                })
                .collect()
        };
        let tls = (scheme == "rediss").then_some(TlsMode::Secure);
        let certificates = authorities.map(Authorities::certificates);
        let servers = match kind {
            "" => {
                let [server] = <[ConnectionInfo; 1]>::try_from(servers(6379, path)?).ok()?;
                let client = match certificates {
                    Some(certificates) => Client::build_with_tls(server, certificates),
                    None => Client::open(server),
                };
                Servers::One(Box::new(client.ok()?))
            }
            "sentinel" => {
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    return None;
                }
                let servers = servers(26379, database)?;
                let settings = servers.first()?.redis_settings().clone();
                let mut builder = SentinelClientBuilder::new(
                    servers.iter().map(|server| server.addr().clone()),
                    service,
                    SentinelServerType::Master,
                )
                .ok()?
                .set_client_to_redis_db(settings.db());
                if let Some(user) = settings.username() {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = settings.password() {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(password) = sentinel_password {
                    builder = builder.set_client_to_sentinel_password(password);
                }
                if let Some(tls) = tls {
                    builder = builder
                        .set_client_to_redis_tls_mode(tls)
                        .set_client_to_sentinel_tls_mode(tls);
                }
                if let Some(certificates) = certificates {
                    builder = builder
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_certificates(certificates);
                }
                let client = builder.build().ok()?;
                Servers::Sentinels(Arc::new(Mutex::new(client)))
            }
            "cluster" if path.is_empty() => {
                // Whoever asks tries again, and has to know of each failure.
                let mut builder = ClusterClientBuilder::new(servers(6379, "")?).retries(0);
                if let Some(tls) = tls {
                    builder = builder.tls(tls);
                }
                if let Some(certificates) = certificates {
                    builder = builder.certs(certificates);
                }
                Servers::Cluster(Box::new(builder.build().ok()?))
            }
            _ => return None,
        };
        Some(Self(servers))
    }
}

/// Whether a host is followed by a port; the colons of an IPv6 address stand in brackets.
fn names_port(host: &str) -> bool {
    host.rsplit(']').next().is_some_and(|end| end.contains(':'))
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text, None).ok_or(AddressError::Form)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one("redis://127.0.0.1")]
    #[case::one_with_all("redis://user:p%40ss@db:6380/3")]
    #[case::six("redis://:p@[::1]")]
    #[case::tls("rediss://:p@db")]
    #[case::sentinels("redis+sentinel://:p@a,b:26380,[::1]/main/1?sentinel_password=q")]
    #[case::sentinels_with_tls("rediss+sentinel://a/main")]
    #[case::cluster("redis+cluster://u:p@a:7000,b:7001,c")]
    #[case::cluster_with_tls("rediss+cluster://a")]
    fn it_is_taken(#[case] text: &str) {
        // A provider of cryptography is chosen first thing in `main`; here whoever comes first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        assert!(text.parse::<Address>().is_ok(), "{text}");
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_host("redis://")]
    #[case::two_hosts("redis://a,b")]
    #[case::another_scheme("http://a")]
    #[case::another_kind("redis+unix://a")]
    #[case::no_service("redis+sentinel://a")]
    #[case::an_empty_host("redis+cluster://a,,b")]
    #[case::a_database_of_a_cluster("redis+cluster://a/1")]
    #[case::a_parameter("redis://a?pass=secret")]
    #[case::no_check_of_certificates("rediss://a#insecure")]
    #[case::no_number("redis://a/x")]
    #[case::no_port("redis://a:port")]
    #[case::a_slash_in_a_password("redis+sentinel://u:12/secret@a/0")]
    fn it_is_not_taken(#[case] text: &str) {
        let error = text.parse::<Address>().err().unwrap().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
