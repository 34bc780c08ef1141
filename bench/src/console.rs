//! The console from outside, under a pseudo-terminal: what a person's terminal would see, and when.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::place::{self, Folder};
use super::process::{mebibytes, processor_time};
use super::report::{Aim, Report};
use super::rounds::{median, quantile};

const ROWS: NonZero<u16> = NonZero::new(40).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(120).unwrap();
const STARTS: usize = 20;
const KEYS: usize = 2000;
/// The longest that anything is waited for; the demonstration loads its flights first.
const PATIENCE: Duration = Duration::from_mins(3);
/// What ends every frame.
const FRAME_ENDS: &[u8] = b"\x1b[?2026l";

pub(crate) fn measure(report: &mut Report) {
    let folder = Folder::new("console");
    let starts: Vec<f64> = (0..STARTS)
        .map(|_| {
            let begun = Instant::now();
            let mut console = Console::start(folder.join("start").as_path(), &[]);
            let first = console.frame() - begun;
            console.kill();
            first.as_secs_f64() * 1e3
        })
        .collect();
    report.alone(
        "console, start to first frame",
        "ms",
        median(starts.clone()),
        Aim::Below(30.0),
    );
    report.alone(
        "  the slowest of 20",
        "ms",
        quantile(starts, 1.0),
        Aim::None,
    );

    let mut console = Console::start(folder.join("demonstration").as_path(), &["--demo"]);
    console.wait_for("AIRSIDE  Search");
    console.send(b"\r");
    console.wait_for("Flights found");
    console.wait_for("by departure");
    let down_and_up = [b"j", b"k"];
    let mut frames = Vec::new();
    let before = processor_time(console.id());
    for at in 0..KEYS {
        console.forget();
        let pressed = Instant::now();
        console.send(down_and_up[at / 15 % 2]);
        frames.push((console.frame() - pressed).as_secs_f64() * 1e3);
    }
    let taken = (processor_time(console.id()) - before) / KEYS as f64;
    report.alone(
        "console, key press to frame",
        "ms",
        median(frames.clone()),
        Aim::Below(1.0),
    );
    report.alone(
        "  99 of 100 within",
        "ms",
        quantile(frames, 0.99),
        Aim::None,
    );
    report.alone("  processor time a key", "ms", taken, Aim::None);
    let resident = mebibytes(console.id(), "VmRSS");
    report.alone(
        "console's resident memory",
        "MiB",
        resident,
        Aim::Below(20.0),
    );
    report.alone(
        "  at its highest",
        "MiB",
        mebibytes(console.id(), "VmHWM"),
        Aim::None,
    );
    console.end();
}

struct Console {
    child: Box<dyn Child + Send + Sync>,
    /// Stays open as long as the console lives.
    _terminal: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    /// What the console wrote, with the time at which it was read.
    written: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    /// What was read and ended no frame.
    rest: Vec<u8>,
}

impl Console {
    fn start(state: &Path, arguments: &[&str]) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize {
                rows: ROWS.get(),
                cols: COLUMNS.get(),
                ..PtySize::default()
            })
            .unwrap();
        let mut command = CommandBuilder::new(place::program("airside"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        for name in ["XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, state.join(name));
        }
        let reader = pair.master.try_clone_reader().unwrap();
        let (sender, written) = channel();
        std::thread::spawn(move || pass_on(reader, &sender));
        let child = pair.slave.spawn_command(command).unwrap();
        Self {
            child,
            keys: pair.master.take_writer().unwrap(),
            _terminal: pair.master,
            written,
            screen: vt100::Parser::new(ROWS, COLUMNS, 0),
            rest: Vec::new(),
        }
    }

    fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.id().cast_signed())
    }

    fn send(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Reads what was written in the meantime away.
    fn forget(&mut self) {
        while self.written.try_recv().is_ok() {}
        self.rest.clear();
    }

    /// When the next frame is there.
    fn frame(&mut self) -> Instant {
        loop {
            let (at, bytes) = self.written.recv_timeout(PATIENCE).unwrap();
            self.screen.process(&bytes);
            self.rest.extend(bytes);
            if self
                .rest
                .windows(FRAME_ENDS.len())
                .any(|part| part == FRAME_ENDS)
            {
                self.rest.clear();
                return at;
            }
        }
    }

    fn wait_for(&mut self, text: &str) {
        while !self.screen.screen().contents().contains(text) {
            self.frame();
        }
    }

    /// Ends it at once: it is only just starting.
    fn kill(mut self) {
        kill(self.pid(), Signal::SIGKILL).unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end, which it does in order, and its server with it.
    fn end(mut self) {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

/// Passes on what is read, until the console has gone.
fn pass_on(mut reader: Box<dyn Read + Send>, sender: &Sender<(Instant, Vec<u8>)>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = reader.read(&mut buffer) {
        if sender
            .send((Instant::now(), buffer[..length].to_vec()))
            .is_err()
        {
            return;
        }
    }
}
