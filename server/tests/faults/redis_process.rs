//! Redis processes that a test puts together itself: a primary with a replica and a Sentinel, or a Cluster.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ::redis::{FromRedisValue, RedisResult};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "redis-of-tests";

/// How Redis goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Killed,
    Frozen,
}

/// A running `redis-server`; killed when it is dropped.
pub(crate) struct RedisProcess {
    child: Child,
    folder: TempDir,
    sentinel: bool,
    pub(crate) port: u16,
}

impl RedisProcess {
    /// A server with some more lines of configuration, on a free port.
    pub(crate) async fn start(lines: &str) -> Self {
        let lines = format!("requirepass {PASSWORD}\nmasterauth {PASSWORD}\nsave \"\"\n{lines}\n");
        Self::anywhere(&lines, false).await
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
        Self::anywhere(&lines, true).await
    }

    async fn anywhere(lines: &str, sentinel: bool) -> Self {
        loop {
            let folder = tempfile::tempdir().unwrap();
            // Below the ports that systems give to clients. The nodes of a Cluster talk on one that is 10,000 higher.
            let port = rand::random_range(20_000..32_000);
            let configuration = format!(
                "bind 127.0.0.1\nport {port}\ndir {}\n{lines}",
                folder.path().display()
            );
            fs::write(folder.path().join("redis.conf"), configuration).unwrap();
            let child = spawn(&folder, sentinel);
            let mut process = Self {
                child,
                folder,
                sentinel,
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
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// A command, by its words.
    pub(crate) async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        ask(&self.url(), words).await
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
pub(crate) async fn ask<T: FromRedisValue>(url: &str, words: &[&str]) -> RedisResult<T> {
    let client = ::redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    ::redis::cmd(words[0])
        .arg(&words[1..])
        .query_async(&mut connection)
        .await
}

/// The names of the connections to the Redis of an address, in order. A Sentinel's do not count, nor those without a name:
/// this one, and other Redis's.
pub(crate) async fn connections(url: &str) -> Vec<String> {
    let list: String = ask(url, &["CLIENT", "LIST"]).await.unwrap();
    let fields = list.split_whitespace();
    let names = fields.filter_map(|field| field.strip_prefix("name="));
    let counts = |name: &&str| !name.is_empty() && !name.starts_with("sentinel-");
    let mut names: Vec<_> = names.filter(counts).map(str::to_owned).collect();
    names.sort_unstable();
    names
}
