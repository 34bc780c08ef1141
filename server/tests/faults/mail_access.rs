//! Who may hand in mail, and to whom: TLS and logging in, with a real mail server.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rstest::rstest;
use tempfile::{NamedTempFile, TempDir};

use crate::certificates::Certificates;
use crate::process::{Place, Store};
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_secs(30);
const SECRET: &str = "sesame-of-tests";

/// A mail server that speaks TLS and takes mail from one user; it ends with this value.
struct SecureMailServer {
    process: Child,
    port: u16,
    folder: TempDir,
    certificates: Certificates,
}

impl SecureMailServer {
    fn start(how: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::new();
        let program = Path::new(env!("CARGO_MANIFEST_DIR"));
        // Debian's, which has the module that `scripts/services` installs.
        let mut process = Command::new("/usr/bin/python3")
            .arg(program.join("tests/faults/secure_mail_server.py"))
            .arg(how)
            .args([&certificates.server, &certificates.key])
            .args(["airside", SECRET])
            .arg(folder.path().join("mail"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        Self {
            port: line.trim().parse().unwrap(),
            process,
            certificates,
            folder,
        }
    }

    fn url(&self, how: &str, password: &str) -> String {
        let port = self.port;
        match how {
            "smtps" => format!("smtps://airside:{password}@127.0.0.1:{port}"),
            _ => format!("smtp://airside:{password}@127.0.0.1:{port}?tls=required"),
        }
    }

    fn mails(&self) -> usize {
        let new = self.folder.path().join("mail/new");
        std::fs::read_dir(new).map_or(0, Iterator::count)
    }
}

impl Drop for SecureMailServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

/// Has a server tell a passenger of a booking by a mail server; answers what it has logged until then, or until it says
/// something.
async fn told(server: &SecureMailServer, url: &str, root: Option<&Path>, said: &str) -> String {
    let place = Place::on(Store::Sqlite, 1, 10).await;
    let place = place
        .with("AIRSIDE_MAIL_URL", url)
        .with("AIRSIDE_MAIL_FROM", "Airside <no-reply@airside.example>")
        .with("AIRSIDE_LOG_LEVEL", "trace");
    let place = match root {
        Some(root) => place.with("AIRSIDE_MAIL_CA_FILE", root.display().to_string()),
        None => place,
    };
    let log = NamedTempFile::new().unwrap();
    let to_log = format!("exec \"$0\" \"$@\" 2>>'{}'", log.path().display());
    let running = place.start_through(&["sh", "-c", &to_log]).await;
    let client = running.login("ada").await;
    let mut body = client.body(0);
    body["contact"]["email"] = "ann@example.com".into();
    let (status, booking) = client.book("key", &body).await.unwrap();
    assert_eq!(status, 201, "{booking}");
    let read = || std::fs::read_to_string(log.path()).unwrap();
    until(PATIENCE, said, async || {
        server.mails() == 1 || read().contains(said)
    })
    .await;
    running.stop().await;
    let log = read();
    // As a login says it (RFC 4616).
    let plain = BASE64_STANDARD.encode(format!("\0airside\0{SECRET}"));
    for secret in [SECRET, plain.trim_end_matches('=')] {
        assert!(!log.contains(secret), "a password is in the log");
    }
    log
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn mail_is_handed_in_by_tls_to_who_is_known(#[values("smtps", "starttls")] how: &str) {
    let server = SecureMailServer::start(how);
    let url = server.url(how, SECRET);
    told(
        &server,
        &url,
        Some(&server.certificates.ours),
        "the mail server is away",
    )
    .await;
    assert_eq!(server.mails(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_must_prove_who_it_is(#[values("smtps", "starttls")] how: &str) {
    let server = SecureMailServer::start(how);
    let url = server.url(how, SECRET);
    for root in [Some(&*server.certificates.other), None] {
        let log = told(&server, &url, root, "the mail server is away").await;
        assert!(log.contains("certificate"), "{log}");
        assert_eq!(server.mails(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_hand_in_mail_is_told_without_the_password() {
    let server = SecureMailServer::start("starttls");
    let url = server.url("starttls", &format!("{SECRET}-of-before"));
    let log = told(
        &server,
        &url,
        Some(&server.certificates.ours),
        "the mail server is away",
    )
    .await;
    assert!(log.contains("535"), "{log}");
    assert_eq!(server.mails(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_none_or_of_no_use_keep_the_server_from_starting() {
    let certificates = Certificates::new();
    for (url, path, said) in [
        (
            "smtps://127.0.0.1:1",
            Path::new("/nowhere/ca.pem"),
            "/nowhere/ca.pem",
        ),
        (
            "smtp://127.0.0.1:1",
            &*certificates.ours,
            "mail.url asks for no TLS",
        ),
    ] {
        let place = Place::empty()
            .with("AIRSIDE_MAIL_URL", url)
            .with("AIRSIDE_MAIL_FROM", "no-reply@airside.example")
            .with("AIRSIDE_MAIL_CA_FILE", path.display().to_string());
        let output = place.run(&["run", "--listen", "127.0.0.1:0"], "").await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(
            error.contains("mail.ca_file") && error.contains(said),
            "{error}"
        );
    }
}
