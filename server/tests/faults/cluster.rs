//! PostgreSQL of a test's own: a primary, and replicas that follow it.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::timeout;

use crate::started::Started;

const PATIENCE: Duration = Duration::from_mins(1);

/// No process of Linux has so high a number.
const NOBODY: u32 = i32::MAX.cast_unsigned();

/// Servers by the names that `scripts/services` gives them: `postgres`, `replica-1`, `replica-2`.
pub(crate) struct Cluster {
    started: Started,
    primary: String,
    replicas: Vec<String>,
}

impl Cluster {
    /// A primary with so many replicas.
    pub(crate) async fn start(replicas: usize) -> Self {
        Self::start_in(&[], replicas).await
    }

    /// The same in an environment, which stays that of each server until it ends.
    pub(crate) async fn start_in(environment: &[(&str, String)], replicas: usize) -> Self {
        let names = ["postgres", "replica-1", "replica-2"];
        let started = Started::start_in(environment, &names[..=replicas]).await;
        let replicas = started.value("AIRSIDE_TEST_REPLICAS").unwrap_or_default();
        Self {
            primary: started.value("AIRSIDE_TEST_POSTGRES").unwrap().to_owned(),
            replicas: replicas.split(',').map(str::to_owned).collect(),
            started,
        }
    }

    /// The folder of all that the servers keep.
    pub(crate) fn folder(&self) -> &Path {
        self.started.folder()
    }

    /// The address of a server.
    pub(crate) fn address(&self, name: &str) -> &str {
        match name.strip_prefix("replica-") {
            Some(number) => &self.replicas[number.parse::<usize>().unwrap() - 1],
            None => &self.primary,
        }
    }

    /// The address of a database on a server.
    pub(crate) fn database(&self, name: &str, database: &str) -> String {
        let (_, database) = database.rsplit_once('/').unwrap();
        let (server, _) = self.address(name).rsplit_once('/').unwrap();
        format!("{server}/{database}")
    }

    /// Sends a signal to a server, and waits until it has ended.
    pub(crate) async fn end(&self, name: &str, signal: Signal) {
        kill(self.started.pid(name), signal).unwrap();
        self.ended(name).await;
    }

    /// Waits until a server has ended.
    pub(crate) async fn ended(&self, name: &str) {
        gone(self.started.pid(name)).await;
    }

    /// `kill -9` of a server and of all its processes, none of which hears of it before; waits until they are gone.
    pub(crate) async fn kill(&self, name: &str) {
        let server = self.started.pid(name);
        // It would start anew what it sees die.
        kill(server, Signal::SIGSTOP).unwrap();
        let processes = children(server);
        for process in &processes {
            // One may have ended by itself.
            let _ = kill(*process, Signal::SIGKILL);
        }
        kill(server, Signal::SIGKILL).unwrap();
        for process in processes.into_iter().chain([server]) {
            gone(process).await;
        }
        // The next one would take it for alive until somebody has waited for it, which not every first process does.
        let lock = self.folder().join(name).join("postmaster.pid");
        let text = std::fs::read_to_string(&lock).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        std::fs::write(&lock, format!("{NOBODY}\n{rest}")).unwrap();
    }

    /// Starts a server that has ended on the port that it had.
    pub(crate) async fn again(&self, name: &str) {
        self.started.again(name).await;
    }

    /// Stops a server with all its processes in the middle of whatever they do, or lets them go on.
    pub(crate) fn freeze(&self, name: &str, signal: Signal) {
        let server = self.started.pid(name);
        // First the one that makes new ones.
        kill(server, signal).unwrap();
        for process in children(server) {
            // One that has ended meanwhile is as good as frozen.
            let _ = kill(process, signal);
        }
    }

    /// Has a replica follow another server.
    pub(crate) async fn follow(&self, replica: &str, leader: &str) {
        let (_, address) = self.address(leader).split_once("://").unwrap();
        let (credentials, rest) = address.split_once('@').unwrap();
        let (user, password) = credentials.split_once(':').unwrap();
        let port = rest.split([':', '/']).nth(1).unwrap();
        let statement = format!(
            "ALTER SYSTEM SET primary_conninfo =
             'host=127.0.0.1 port={port} user={user} password={password}'"
        );
        self.execute(replica, &statement).await;
        self.execute(replica, "SELECT pg_reload_conf()").await;
    }

    /// Has a superuser carry out a statement on a server.
    pub(crate) async fn execute(&self, name: &str, statement: &str) {
        let mut connection = PgConnection::connect(self.address(name)).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
}

/// Waits until a process has ended.
async fn gone(pid: Pid) {
    let gone = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

/// The state and the parent of a process.
fn stat(pid: Pid) -> Option<(char, Pid)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, Pid::from_raw(fields.next()?.parse().ok()?)))
}

fn is_alive(pid: Pid) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

fn children(of: Pid) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.map(Pid::from_raw)
        .filter(|pid| stat(*pid).is_some_and(|(_, parent)| parent == of))
        .collect()
}
