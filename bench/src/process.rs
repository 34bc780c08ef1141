//! A server in a process of its own, and what the system says of a process.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::{bare, growth, http, place, postgres_import};

/// Milliseconds of a processor that a server at rest takes less than in [`LOOK`].
const AT_REST: f64 = 5.0;
const LOOK: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_mins(2);

/// The roles of a process that does everything.
pub(crate) const EVERYTHING: &str =
    "auth,search,bookings,admin,worker,ingest,relay,notifier,analytics";

/// A process that listens; it ends when its standard input closes, and is waited for.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The real server with the demonstration's flights, and an access token of its agent; the folder, or the database
    /// that is named, may hold more.
    pub(crate) fn demonstration(data: &Path, database: Option<&str>) -> (Self, String) {
        let mut command = real(data);
        command.arg("--demo");
        if let Some(url) = database {
            command.env("AIRSIDE_DATABASE_URL", url);
        }
        let (server, mut output) = Self::start(&mut command);
        let mut user = String::new();
        output.read_line(&mut user).unwrap();
        let words: Vec<&str> = user.split_whitespace().collect();
        let ["user", name, "password", password, ..] = words.as_slice() else {
            panic!("the first user is the agent: {user}");
        };
        let token = http::log_in(server.address, name, password);
        // What it says further is read away, since a full pipe would stop it.
        std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
        (server, token)
    }

    /// The real server with what is in the database that is named, and with other settings; it has filled its timetable.
    pub(crate) fn serving(data: &Path, database: &str, settings: &[(&str, &OsStr)]) -> Self {
        let mut command = real(data);
        command
            .env("AIRSIDE_DATABASE_URL", database)
            .envs(settings.iter().copied());
        let (server, mut output) = Self::start(&mut command);
        std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
        server
    }

    /// The bare route that answers with constants of these sizes.
    pub(crate) fn bare(sizes: &[usize]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(bare::WORD);
        Self::start(command.args(sizes.iter().map(usize::to_string))).0
    }

    fn start(command: &mut Command) -> (Self, BufReader<ChildStdout>) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.unwrap().parse().unwrap();
        (Self { child, address }, output)
    }

    /// Waits until it does next to nothing: what follows the events that it left at its start goes on after they are
    /// published.
    pub(crate) fn wait_for_rest(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let resting = async {
            loop {
                let before = processor_time(self.id());
                tokio::time::sleep(LOOK).await;
                if processor_time(self.id()) - before < AT_REST {
                    return;
                }
            }
        };
        runtime.block_on(async { tokio::time::timeout(PATIENCE, resting).await.unwrap() });
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It is gone in any case.
        let _ = self.child.wait();
    }
}

/// What starts the real server.
fn real(data: &Path) -> Command {
    let mut command = on(data);
    command
        .args(["run", "--listen", "127.0.0.1:0"])
        .arg("--until-stdin-closes");
    command
}

/// The server's program on a data folder, without its words yet.
pub(crate) fn on(data: &Path) -> Command {
    let mut command = Command::new(place::program("airside-server"));
    command
        .arg("--data-dir")
        .arg(data)
        // A setting that it does not know keeps it from starting.
        .env_remove(growth::SIZES)
        .env_remove(growth::BOOKINGS)
        .env_remove(postgres_import::FEWER);
    command
}

/// Time of processors that the living threads of a process have taken so far, in milliseconds.
pub(crate) fn processor_time(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nanoseconds: u64 = threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 / 1e6
}

/// A line of `/proc/PROCESS/status` that counts kibibytes, in mebibytes.
pub(crate) fn mebibytes(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .unwrap();
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes / 1024.0
}
