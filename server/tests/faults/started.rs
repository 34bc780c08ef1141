//! Services of a test's own, which `scripts/services` starts, and stops when they are dropped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Started {
    folder: PathBuf,
    said: String,
}

impl Started {
    /// Services by the names that the script gives them.
    pub(crate) async fn start(names: &[&str]) -> Self {
        Self::start_in(&[], names).await
    }

    /// The same in an environment, which stays theirs until they end.
    pub(crate) async fn start_in(environment: &[(&str, String)], names: &[&str]) -> Self {
        let mut command = Command::new(script());
        command.arg("start").args(names);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let said = carry_out(command).await;
        let folder = value(&said, "AIRSIDE_SERVICES").unwrap().into();
        Self { folder, said }
    }

    /// What tests are told of them.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        value(&self.said, name)
    }

    /// The folder of all that they keep.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn pid(&self, name: &str) -> Pid {
        let lines = std::fs::read_to_string(self.folder.join("pids")).unwrap();
        let line = lines
            .lines()
            .find(|line| line.split(' ').next() == Some(name));
        let pid = line.unwrap().split(' ').nth(1).unwrap();
        Pid::from_raw(pid.parse().unwrap())
    }

    /// Starts one that has ended, on the port that it had and with what it kept.
    pub(crate) async fn again(&self, name: &str) {
        let mut command = Command::new(script());
        command.arg("again").arg(&self.folder).arg(name);
        carry_out(command).await;
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let stopped = std::process::Command::new(script())
            .arg("stop")
            .arg(&self.folder)
            .status();
        assert!(stopped.is_ok_and(|status| status.success()));
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services")
}

async fn carry_out(mut command: Command) -> String {
    // Nothing of what it prints may keep this from reading to the end.
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn value<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    let prefix = format!("export {name}=");
    said.lines().find_map(|line| line.strip_prefix(&prefix))
}
