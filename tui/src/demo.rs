//! The demonstration: a server of its own, with real flights, beside the console and gone with it.
//!
//! The server ends when its standard input closes, so that it is gone also when the console was killed. Its data are
//! kept between runs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use airside_common::api::auth::Secret;
use airside_common::user::Role;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::effects::folders::{Folders, make_private};
use crate::effects::server_url::ServerUrl;
use crate::store::account::ServerId;

/// The longest that the server may take to load its flights.
const LOADING_LIMIT: Duration = Duration::from_mins(3);

/// The longest that the server may take to end once it was told.
const ENDING_LIMIT: Duration = Duration::from_secs(10);

/// What becomes of the bookings of earlier times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// They are still there.
    Kept,
    /// All starts anew.
    Forgotten,
}

/// A user of the demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoUser {
    /// Name for logging in.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// What the user may do.
    pub role: Role,
}

/// Why the demonstration did not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The server's program is not where it belongs.
    #[error("{0} is missing: build it with `cargo build --release`")]
    Missing(PathBuf),
    /// A file or folder could not be made, or the program not be started.
    #[error("{path}: {source}")]
    System {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server ended before it answered.
    #[error("the server did not start: {last} (all of it: {log})")]
    Ended {
        /// Its last words.
        last: String,
        /// Its log.
        log: PathBuf,
    },
    /// It takes too long.
    #[error("the server takes too long to start; its log: {0}")]
    Slow(PathBuf),
}

/// The server of a demonstration, running.
#[derive(Debug)]
pub struct Demo {
    /// Where it answers.
    pub url: ServerUrl,
    /// Who can log in.
    pub users: Vec<DemoUser>,
    /// What it writes while it works, its progress in loading too.
    pub log: PathBuf,
    child: Child,
    /// Closes with this process, however it ends.
    lifeline: ChildStdin,
}

/// The identity of the demonstration's server; its address changes with every start.
pub fn identity() -> ServerId {
    ServerId::new("demo")
}

/// The server's program, beside this one.
pub fn server_program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.with_file_name(format!("airside-server{}", std::env::consts::EXE_SUFFIX)))
}

/// Where the server's log is written.
pub fn log_path(folders: &Folders) -> PathBuf {
    folders.state.join("demo-server.log")
}

impl Demo {
    /// Starts the server and waits until it answers; the first time it loads a week of flights, which takes seconds.
    pub async fn start(program: &Path, folders: &Folders, past: Past) -> Result<Self, DemoError> {
        let system = |path: &Path| {
            let path = path.to_owned();
            move |source| DemoError::System { path, source }
        };
        if !program.is_file() {
            return Err(DemoError::Missing(program.to_owned()));
        }
        let data = folders.data.join("demo");
        if past == Past::Forgotten && data.exists() {
            fs::remove_dir_all(&data).map_err(system(&data))?;
        }
        make_private(&data).map_err(system(&data))?;
        make_private(&folders.state).map_err(system(&folders.state))?;
        let log = log_path(folders);
        let log_file = File::create(&log).map_err(system(&log))?;
        let mut child = Command::new(program)
            .arg("--data-dir")
            .arg(&data)
            .args(["run", "--demo", "--listen", "127.0.0.1:0"])
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            // Signals that the terminal sends to the console are not for the server: it ends after the console.
            .process_group(0)
            .spawn()
            .map_err(system(program))?;
        let (Some(lifeline), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(DemoError::System {
                path: program.to_owned(),
                source: io::Error::other("it has no pipes"),
            });
        };
        let mut lines = BufReader::new(output).lines();
        let mut users = Vec::new();
        let mut url = None;
        let read = async {
            let missing = |users: &[DemoUser], role| !users.iter().any(|user| user.role == role);
            while url.is_none() || missing(&users, Role::Agent) || missing(&users, Role::Admin) {
                let Some(line) = lines.next_line().await.ok().flatten() else {
                    return false;
                };
                if let Some(user) = user_line(&line) {
                    users.push(user);
                } else if let Some(address) = line.strip_prefix("listening on ") {
                    url = address.trim().parse().ok();
                }
            }
            true
        };
        let answered = tokio::time::timeout(LOADING_LIMIT, read)
            .await
            .map_err(|_| DemoError::Slow(log.clone()))?;
        let Some(url) = url.filter(|_| answered) else {
            return Err(DemoError::Ended {
                last: last_line(&log).unwrap_or_else(|| "it said nothing".to_owned()),
                log,
            });
        };
        // What it says further is read away, since a full pipe would stop it and a closed one end it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            url,
            users,
            log,
            child,
            lifeline,
        })
    }

    /// The user that the console logs in as: the agent.
    pub fn agent(&self) -> Option<&DemoUser> {
        self.users.iter().find(|user| user.role == Role::Agent)
    }

    /// Ends the server and waits for it; one that does not end in time is killed.
    pub async fn stop(mut self) -> io::Result<()> {
        drop(self.lifeline);
        match tokio::time::timeout(ENDING_LIMIT, self.child.wait()).await {
            Ok(status) => status.map(|_| ()),
            Err(_) => self.child.kill().await,
        }
    }
}

/// `user NAME password PASSWORD role ROLE`
fn user_line(line: &str) -> Option<DemoUser> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["user", name, "password", password, "role", role] = words.as_slice() else {
        return None;
    };
    Some(DemoUser {
        name: (*name).to_owned(),
        password: Secret((*password).to_owned()),
        role: role.parse().ok()?,
    })
}

/// The last line of a log that says something.
pub fn last_line(log: &Path) -> Option<String> {
    let text = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .split(['\n', '\r'])
        .rev()
        .map(|line| airside_common::text::printable(line.trim()))
        .find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_from_their_lines() {
        let user = user_line("user demo password s3cret role agent").unwrap();
        assert_eq!((user.name.as_str(), user.role), ("demo", Role::Agent));
        assert_eq!(user_line("listening on http://127.0.0.1:1"), None);
        assert_eq!(user_line("user demo password s3cret role king"), None);
    }
}
