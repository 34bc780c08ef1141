//! A RabbitMQ of a test's own, which is killed, frozen and started again.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use nix::sys::signal::{Signal, kill};
use tokio::process::Command;
use tokio::time::timeout;

use crate::started::Started;
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Broker {
    started: Started,
    url: String,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        let started = Started::start(&["rabbitmq"]).await;
        let url = started.value("AIRSIDE_TEST_RABBITMQ").unwrap().to_owned();
        Self { started, url }
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn port(&self) -> u16 {
        let (_, host) = self.url.split_once('@').unwrap();
        host.split([':', '/']).nth(1).unwrap().parse().unwrap()
    }

    /// The address of one, by a scheme and as a user.
    pub(crate) fn address(scheme: &str, user: &str, host: &str, port: u16) -> String {
        format!("{scheme}://{user}@{host}:{port}/%2f")
    }

    /// The user that may do everything, and the password.
    pub(crate) fn user(&self) -> &str {
        let (_, rest) = self.url.split_once("://").unwrap();
        rest.split_once('@').unwrap().0
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.started.pid("rabbitmq"), signal).unwrap();
    }

    /// `kill -9`; what it had confirmed is on its disk.
    pub(crate) async fn kill(&self) {
        self.signal(Signal::SIGKILL);
        let address = ("127.0.0.1", self.port());
        until(PATIENCE, "the broker is gone", async || {
            tokio::net::TcpStream::connect(address).await.is_err()
        })
        .await;
    }

    /// Starts it on the port that it had.
    pub(crate) async fn again(&self) {
        self.started.again("rabbitmq").await;
    }

    pub(crate) async fn suffer(&self, fault: Fault) {
        match fault {
            Fault::Killed => self.kill().await,
            Fault::Frozen => self.signal(Signal::SIGSTOP),
        }
    }

    pub(crate) async fn recover(&self, fault: Fault) {
        match fault {
            Fault::Killed => self.again().await,
            Fault::Frozen => self.signal(Signal::SIGCONT),
        }
    }

    /// Deletes a queue with all that is in it.
    pub(crate) async fn delete(&self, queue: &str) {
        let connecting = Connection::connect(&self.url, ConnectionProperties::default());
        let connection = timeout(PATIENCE, connecting).await.unwrap().unwrap();
        let channel = connection.create_channel().await.unwrap();
        let options = QueueDeleteOptions::default();
        channel.queue_delete(queue.into(), options).await.unwrap();
        connection.close(200, "done".into()).await.unwrap();
    }

    /// Has its operator do something.
    pub(crate) async fn control(&self, words: &[&str]) -> String {
        let (port, folder) = (self.port(), self.started.folder().join("rabbitmq"));
        let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl");
        command
            .args(["--node", &format!("airside-{port}@localhost")])
            .args(words)
            .env("HOME", folder.join("home"))
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", (port + 1).to_string())
            .kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts it anew, with TLS at another port, which is answered; the files hold its certificate and key.
    pub(crate) async fn certify(&self, root: &Path, certificate: &Path, key: &Path) -> u16 {
        // Free for now. A port that somebody else takes meanwhile keeps the broker from starting, which is told.
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let file = self.started.folder().join("rabbitmq/rabbitmq.conf");
        let mut text = std::fs::read_to_string(&file).unwrap();
        writeln!(text, "listeners.ssl.default = 127.0.0.1:{port}").unwrap();
        for (name, file) in [("cacert", root), ("cert", certificate), ("key", key)] {
            writeln!(text, "ssl_options.{name}file = {}", file.display()).unwrap();
        }
        std::fs::write(&file, text).unwrap();
        self.kill().await;
        self.again().await;
        port
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // One that is frozen would not hear that it is to stop.
        let _ = kill(self.started.pid("rabbitmq"), Signal::SIGCONT);
    }
}

/// How the broker goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Killed,
    Frozen,
}
