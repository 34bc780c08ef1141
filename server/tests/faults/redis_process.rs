//! Redis processes that a test puts together itself: a primary with a replica and a Sentinel, or a Cluster.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::{ConnectionInfo, FromRedisValue, IntoConnectionInfo, RedisResult, TlsCertificates};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::certificates::Certificates;

const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "redis-of-tests";

/// How Redis goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Killed,
    Frozen,
}

/// How processes of Redis are spoken to, and speak to each other.
#[derive(Clone)]
pub(crate) enum Transport {
    Plain,
    Tls(Arc<Certificates>),
}

impl Transport {
    /// By TLS alone, with certificates of its own.
    pub(crate) fn tls() -> Self {
        // What asks in this process is not what `main` has chosen for.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self::Tls(Arc::new(Certificates::new()))
    }

    /// What addresses begin with.
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "redis",
            Self::Tls(_) => "rediss",
        }
    }

    /// The file of those by whose word processes are believed; none where nothing is to be proven.
    pub(crate) fn authorities(&self) -> &Path {
        match self {
            Self::Plain => Path::new(""),
            Self::Tls(certificates) => &certificates.ours,
        }
    }

    /// The lines of configuration by which a process is at a port.
    fn at(&self, port: u16) -> String {
        match self {
            Self::Plain => format!("port {port}\n"),
            Self::Tls(certificates) => format!(
                "port 0\ntls-port {port}\ntls-auth-clients no\ntls-replication yes\ntls-cluster yes\n\
                 tls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n",
                certificates.server.display(),
                certificates.key.display(),
                certificates.ours.display(),
            ),
        }
    }
}

/// A running `redis-server`; killed when it is dropped.
pub(crate) struct RedisProcess {
    child: Child,
    folder: TempDir,
    sentinel: bool,
    transport: Transport,
    pub(crate) port: u16,
}

impl RedisProcess {
    /// A server with some more lines of configuration, on a free port.
    pub(crate) async fn start(lines: &str, transport: &Transport) -> Self {
        let lines = format!("requirepass {PASSWORD}\nmasterauth {PASSWORD}\nsave \"\"\n{lines}\n");
        Self::anywhere(&lines, false, transport).await
    }

    /// A Sentinel that by itself declares a primary dead, named `main`.
    pub(crate) async fn sentinel(primary: &Self) -> Self {
        let lines = format!(
            "requirepass {PASSWORD}\n\
             sentinel monitor main 127.0.0.1 {} 1\n\
             sentinel auth-pass main {PASSWORD}\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 5000\n",
            primary.port
        );
        Self::anywhere(&lines, true, &primary.transport).await
    }

    async fn anywhere(lines: &str, sentinel: bool, transport: &Transport) -> Self {
        loop {
            let folder = tempfile::tempdir().unwrap();
            // Below the ports that systems give to clients. The nodes of a Cluster talk on one that is 10,000 higher.
            let port = rand::random_range(20_000..32_000);
            let configuration = format!(
                "bind 127.0.0.1\n{}dir {}\n{lines}",
                transport.at(port),
                folder.path().display()
            );
            fs::write(folder.path().join("redis.conf"), configuration).unwrap();
            let child = spawn(&folder, sentinel);
            let mut process = Self {
                child,
                folder,
                sentinel,
                transport: transport.clone(),
                port,
            };
            if process.answers().await {
                return process;
            }
            // Somebody else was faster to the port.
        }
    }

    /// Waits until it answers; `false` where it has ended instead.
    async fn answers(&mut self) -> bool {
        let since = Instant::now();
        while self.ask::<String>(&["PING"]).await.is_err() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(since.elapsed() < PATIENCE, "Redis does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Killed => {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
            }
            Fault::Frozen => self.signal(Signal::SIGSTOP),
        }
    }

    /// Has it where it was again; one that was killed has what it had saved.
    pub(crate) async fn recover(&mut self, fault: Fault) {
        match fault {
            Fault::Killed => {
                self.child = spawn(&self.folder, self.sentinel);
                assert!(self.answers().await, "its port was taken meanwhile");
            }
            Fault::Frozen => self.signal(Signal::SIGCONT),
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    pub(crate) fn url(&self) -> String {
        let scheme = self.transport.scheme();
        format!("{scheme}://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// What asks it.
    fn information(&self) -> ConnectionInfo {
        match &self.transport {
            Transport::Plain => self.url().into_connection_info().unwrap(),
            Transport::Tls(certificates) => {
                let trusted = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(fs::read(&certificates.ours).unwrap()),
                };
                let client = ::redis::Client::build_with_tls(self.url(), trusted).unwrap();
                client.get_connection_info().clone()
            }
        }
    }

    /// A command, by its words.
    pub(crate) async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        ask(self.information(), words).await
    }

    /// The names of the connections to it.
    pub(crate) async fn connections(&self) -> Vec<String> {
        connections(self.information()).await
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &TempDir, sentinel: bool) -> Child {
    Command::new("redis-server")
        .arg(folder.path().join("redis.conf"))
        .args(sentinel.then_some("--sentinel"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server, which scripts/services installs")
}

/// A command to the Redis of an address, by its words.
pub(crate) async fn ask<T: FromRedisValue>(
    server: impl IntoConnectionInfo,
    words: &[&str],
) -> RedisResult<T> {
    let client = ::redis::Client::open(server)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    ::redis::cmd(words[0])
        .arg(&words[1..])
        .query_async(&mut connection)
        .await
}

/// The names of the connections to the Redis of an address, in order. A Sentinel's do not count, nor those without a name:
/// this one, and other Redis's.
pub(crate) async fn connections(server: impl IntoConnectionInfo) -> Vec<String> {
    let list: String = ask(server, &["CLIENT", "LIST"]).await.unwrap();
    let fields = list.split_whitespace();
    let names = fields.filter_map(|field| field.strip_prefix("name="));
    let counts = |name: &&str| !name.is_empty() && !name.starts_with("sentinel-");
    let mut names: Vec<_> = names.filter(counts).map(str::to_owned).collect();
    names.sort_unstable();
    names
}
