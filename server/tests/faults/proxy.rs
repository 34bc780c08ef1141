//! nginx in front of the services, with the configuration of deploy/.

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nginx");

/// A running nginx; ended when it is dropped.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) address: String,
    _folder: TempDir,
}

impl Proxy {
    /// One that knows where the processes are: each a name of `upstreams.conf` and an address.
    pub(crate) async fn start(processes: &[(&str, &str)]) -> Self {
        let nginx = program();
        loop {
            let folder = tempfile::tempdir().unwrap();
            // Workers that root starts are somebody else.
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap().to_string();
            drop(free);
            configure(folder.path(), &address, processes);
            let child = Command::new(&nginx)
                .arg("-p")
                .arg(folder.path())
                .arg("-c")
                .arg(folder.path().join("nginx.conf"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut proxy = Self {
                child,
                address,
                _folder: folder,
            };
            if proxy.answers().await {
                return proxy;
            }
            // Somebody else was faster to the port.
        }
    }

    /// Waits until it listens; `false` where it has ended instead.
    async fn answers(&mut self) -> bool {
        let since = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(since.elapsed() < PATIENCE, "nginx does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Not SIGKILL, which would leave its workers.
        let pid = Pid::from_raw(self.child.id().cast_signed());
        if kill(pid, Signal::SIGTERM).is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// The configuration that operators are given, with other addresses.
fn configure(folder: &Path, address: &str, processes: &[(&str, &str)]) {
    for name in ["nginx.conf", "airside.conf", "upstreams.conf"] {
        let mut text = fs::read_to_string(Path::new(FILES).join(name)).unwrap();
        match name {
            "airside.conf" => replace(&mut text, "listen 8080;", &format!("listen {address};")),
            "upstreams.conf" => {
                for (name, address) in processes {
                    replace(
                        &mut text,
                        &format!("server {name}:7878"),
                        &format!("server {address}"),
                    );
                }
                // The servers of tests drain for a shorter time.
                replace(
                    &mut text,
                    "keepalive_timeout 5s;",
                    "keepalive_timeout 500ms;",
                );
            }
            _ => {}
        }
        fs::write(folder.join(name), text).unwrap();
    }
}

fn replace(text: &mut String, from: &str, to: &str) {
    assert!(text.contains(from), "{from}");
    *text = text.replace(from, to);
}

/// Debian keeps it where only root looks.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut programs = places.map(|place| place.join("nginx"));
    programs
        .find(|program| program.exists())
        .expect("nginx, which scripts/services installs")
}
