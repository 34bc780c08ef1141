//! The real program on a pseudo-terminal.

use std::fs;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long the demonstration may load its flights, by a server without optimisation on a machine with other work.
const LOADING: Duration = Duration::from_mins(3);

/// How often that is looked at of which no event tells: another's process, the line discipline.
const LOOK: Duration = Duration::from_millis(20);

/// What a person would see.
struct Seen {
    parser: vt100::Parser,
    ended: bool,
}

/// A terminal with a program in it; killed when it is dropped.
pub(crate) struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// Whether the line was as a shell leaves it before the program ran.
    before: String,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl Terminal {
    /// Runs a program with more in its environment; its folders are below one.
    pub(crate) fn run(home: &Path, mut command: CommandBuilder, more: &[(&str, &str)]) -> Self {
        command.env_clear();
        for (name, folder) in [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
        ] {
            command.env(name, home.join(folder));
        }
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        for (name, value) in more {
            command.env(name, value);
        }
        let pair = native_pty_system().openpty(size(100, 30)).unwrap();
        let before = format!("{:?}", pair.master.get_termios());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let seen = Arc::new((
            Mutex::new(Seen {
                parser: vt100::Parser::new(
                    NonZeroU16::new(30).unwrap(),
                    NonZeroU16::new(100).unwrap(),
                    0,
                ),
                ended: false,
            }),
            Condvar::new(),
        ));
        let mut output = pair.master.try_clone_reader().unwrap();
        let shown = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                let length = output.read(&mut buffer).unwrap_or(0);
                // A test that has failed poisons it, and the program still wants to be read.
                let mut seen = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
                seen.parser.process(&buffer[..length]);
                seen.ended = length == 0;
                shown.1.notify_all();
                if seen.ended {
                    return;
                }
            }
        });
        Self {
            keyboard: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
            seen,
            before,
        }
    }

    /// Types a macro: `jfk<tab>lax<enter>`.
    pub(crate) fn types(&mut self, text: &str) {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('<') {
            let (before, key) = rest.split_at(at);
            bytes.extend(before.bytes());
            let (name, after) = key[1..].split_once('>').unwrap();
            bytes.extend(match name {
                "enter" => "\r".bytes(),
                "tab" => "\t".bytes(),
                "down" => "\u{1b}[B".bytes(),
                "f2" => "\u{1b}OQ".bytes(),
                "f3" => "\u{1b}OR".bytes(),
                "f5" => "\u{1b}[15~".bytes(),
                "ctrl-q" => "\u{11}".bytes(),
                "ctrl-u" => "\u{15}".bytes(),
                "ctrl-z" => "\u{1a}".bytes(),
                other => panic!("no key {other}"),
            });
            rest = after;
        }
        bytes.extend(rest.bytes());
        self.keyboard.write_all(&bytes).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the screen is as told.
    #[track_caller]
    pub(crate) fn waits(&self, what: &str, is: impl Fn(&vt100::Screen) -> bool) {
        let (seen, changed) = &*self.seen;
        let guard = seen.lock().unwrap();
        let (guard, _) = changed
            .wait_timeout_while(guard, PATIENCE, |seen| {
                !seen.ended && !is(seen.parser.screen())
            })
            .unwrap();
        let screen = guard.parser.screen();
        assert!(is(screen), "{what} does not come:\n{}", screen.contents());
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub(crate) fn waits_for(&self, text: &str) {
        self.waits(text, |screen| screen.contents().contains(text));
    }

    /// Waits until a text has left the screen, as long as that takes.
    #[track_caller]
    pub(crate) fn waits_while(&self, text: &str) {
        let (seen, changed) = &*self.seen;
        let there = |seen: &mut Seen| !seen.ended && seen.parser.screen().contents().contains(text);
        let guard = seen.lock().unwrap();
        let (guard, _) = changed.wait_timeout_while(guard, LOADING, there).unwrap();
        let contents = guard.parser.screen().contents();
        assert!(!contents.contains(text), "{text} stays:\n{contents}");
    }

    /// Makes the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let mut seen = self.seen.0.lock().unwrap();
        let [height, width] = [rows, columns].map(|n| NonZeroU16::new(n).unwrap());
        seen.parser.set_size(height, width);
        drop(seen);
        self.master.resize(size(columns, rows)).unwrap();
    }

    /// Waits until the terminal is as it was before the program: its own screen, cursor, mouse, and line discipline.
    #[track_caller]
    pub(crate) fn waits_until_restored(&self) {
        self.waits("the terminal as it was", restored);
        let (seen, changed) = &*self.seen;
        let mut guard = seen.lock().unwrap();
        let began = Instant::now();
        while format!("{:?}", self.master.get_termios()) != self.before {
            assert!(began.elapsed() < PATIENCE, "the line stays raw");
            guard = changed.wait_timeout(guard, LOOK).unwrap().0;
        }
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.process_id().unwrap()).unwrap()
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits until the program has ended, and for all that it still says.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        let (seen, changed) = &*self.seen;
        let guard = seen.lock().unwrap();
        let waited = changed.wait_timeout_while(guard, PATIENCE, |seen| !seen.ended);
        assert!(waited.unwrap().0.ended, "something holds the terminal");
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn restored(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen()
        && !screen.hide_cursor()
        && !screen.bracketed_paste()
        && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
}

/// State and parent of a process, from its `stat`; the name before them may hold anything.
fn state_and_parent(pid: i32) -> Option<(String, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// The processes that a process started.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|child| state_and_parent(*child).is_some_and(|(_, parent)| parent == pid))
        .collect()
}

/// Waits until a process is gone that belongs to somebody else; a dead one that nobody has buried counts.
pub(crate) async fn gone(pid: i32) {
    let gone = async {
        while state_and_parent(pid).is_some_and(|(state, _)| state != "Z") {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .unwrap_or_else(|_| panic!("process {pid} does not end"));
}
