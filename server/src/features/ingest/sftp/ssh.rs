//! The program `ssh` (OpenSSH's), which carries SFTP: what it is told, and what its errors mean.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::address::SftpAddress;
use super::super::source::{SourceError, short};

/// How long a connection may take to come about, in seconds.
pub(super) const CONNECT_SECONDS: u64 = 20;

/// What of its errors is kept, in bytes.
const LONGEST_ERROR: usize = 4096;

/// For how long it is waited for the last words of a program that has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is asked of `ssh` whatever the source is. No configuration file is read: what holds is in the settings.
const OPTIONS: [&str; 17] = [
    // Nobody sits there to answer.
    "BatchMode=yes",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    // Who it is must be known before.
    "StrictHostKeyChecking=yes",
    "VerifyHostKeyDNS=no",
    "UpdateHostKeys=no",
    "NoHostAuthenticationForLocalhost=no",
    // A server that says nothing is given up.
    "ConnectionAttempts=1",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=2",
    // A connection is for this alone, and ends with the process.
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "PermitLocalCommand=no",
    "LogLevel=ERROR",
];

/// What of the environment `ssh` is given: nothing that is the server's own.
const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK"];

/// How a server is reached.
pub(super) struct Ssh {
    address: SftpAddress,
    key_file: Option<String>,
    known_hosts_file: Option<String>,
}

/// A program that has a connection, or is about to. It ends with this.
pub(super) struct Running {
    process: Child,
    errors: Arc<Mutex<Vec<u8>>>,
    listening: Option<JoinHandle<()>>,
}

/// A file's name as a value of an option, in which `%` begins names of other things.
fn value(setting: &str, file: &Path) -> Result<Option<String>, SourceError> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let name = file.to_str().filter(|name| {
        !name.contains(['"', '\\']) && !name.contains("${") && !name.chars().any(char::is_control)
    });
    let Some(name) = name else {
        let text = format!(
            "{setting}: {}: ssh cannot be told this name",
            file.display()
        );
        return Err(SourceError::Service(short(&text)));
    };
    Ok(Some(format!("\"{}\"", name.replace('%', "%%"))))
}

impl Ssh {
    pub(super) fn new(
        address: SftpAddress,
        key_file: &Path,
        known_hosts_file: &Path,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            address,
            key_file: value("key_file", key_file)?,
            known_hosts_file: value("known_hosts_file", known_hosts_file)?,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-T"]);
        for option in OPTIONS {
            command.args(["-o", option]);
        }
        command.args(["-o", &format!("ConnectTimeout={CONNECT_SECONDS}")]);
        if let Some(file) = &self.key_file {
            command.args(["-o", "IdentitiesOnly=yes"]);
            command.args(["-o", &format!("IdentityFile={file}")]);
        }
        if let Some(file) = &self.known_hosts_file {
            command.args(["-o", &format!("UserKnownHostsFile={file}")]);
            command.args(["-o", "GlobalKnownHostsFile=/dev/null"]);
        }
        let SftpAddress {
            host, port, user, ..
        } = &self.address;
        command.args([
            "-p",
            &port.to_string(),
            "-l",
            user,
            "-s",
            "--",
            host,
            "sftp",
        ]);
        command.env_clear().env("LC_ALL", "C");
        for name in ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A terminal's interrupt is for the server, which ends this itself.
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    /// Starts it; what goes in and comes out is SFTP.
    pub(super) fn start(&self) -> Result<(ChildStdout, ChildStdin, Running), SourceError> {
        let mut process = self.command().spawn().map_err(|error| {
            SourceError::Service(match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "sftp:// needs the program ssh, which is not installed here (Debian's package openssh-client)"
                        .to_owned()
                }
                _ => short(&format!("ssh: {error}")),
            })
        })?;
        let pipes = (
            process.stdout.take(),
            process.stdin.take(),
            process.stderr.take(),
        );
        let (Some(from), Some(to), Some(errors)) = pipes else {
            return Err(SourceError::Service("ssh has no pipes".to_owned()));
        };
        let kept = Arc::default();
        let running = Running {
            process,
            errors: Arc::clone(&kept),
            listening: Some(tokio::spawn(listen(errors, kept))),
        };
        Ok((from, to, running))
    }

    /// What the program's last words mean.
    fn meaning(&self, said: &str) -> Option<String> {
        let SftpAddress { host, port, .. } = &self.address;
        let known_hosts = match &self.known_hosts_file {
            Some(file) => file.trim_matches('"').replace("%%", "%"),
            None => "~/.ssh/known_hosts".to_owned(),
        };
        if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            return Some(format!(
                "the server has another host key than {known_hosts} says: it may be somebody else. Ask who runs it before you \
                 replace the key there"
            ));
        }
        if said.contains("host key is known for") {
            return Some(format!(
                "the server's host key is not known. Compare its fingerprint with what those say who run it, and add it: \
                 ssh-keyscan -p {port} {host} >>{known_hosts}"
            ));
        }
        let lines: Vec<&str> = said
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('@'))
            .collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }

    /// Why a connection came to nothing, as far as the program says.
    pub(super) async fn reason(&self, mut running: Running) -> Option<String> {
        if let Some(listening) = running.listening.take() {
            let _ = timeout(LAST_WORDS, listening).await;
        }
        let said = String::from_utf8_lossy(&running.errors.lock()).into_owned();
        self.meaning(&said)
    }
}

impl Running {
    /// Whether the connection may still be there.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }
}

/// Hears all that is said, so that the program never waits, and keeps the first of it.
async fn listen(mut errors: ChildStderr, kept: Arc<Mutex<Vec<u8>>>) {
    let mut part = [0; 1024];
    while let Ok(count @ 1..) = errors.read(&mut part).await {
        let mut kept = kept.lock();
        let room = LONGEST_ERROR.saturating_sub(kept.len());
        kept.extend(part.iter().take(count.min(room)));
    }
}

#[cfg(test)]
mod tests;
