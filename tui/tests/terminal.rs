//! The real console on a pseudo-terminal: the demonstration from start to end, signals, and what a kill leaves.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done here fails the test"
)]

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/pty.rs"]
mod pty;
#[path = "support/server.rs"]
mod server;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use portable_pty::CommandBuilder;
use proxy::{Line, Proxy};
use pty::{Terminal, children, gone};
use rstest::rstest;
use server::{PASSWORD, Server};
use tokio::runtime::{Builder, Runtime};

/// The arguments for a console on a server.
fn on(address: std::net::SocketAddr) -> [String; 2] {
    ["--server".to_owned(), format!("http://{address}")]
}

fn airside(home: &Path, arguments: &[&str]) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_airside"));
    command.args(arguments);
    Terminal::run(home, command, &[])
}

fn console(home: &Path, address: std::net::SocketAddr) -> Terminal {
    let arguments = on(address);
    airside(home, &arguments.each_ref().map(String::as_str))
}

/// Logs Ada in.
fn log_in(terminal: &mut Terminal) {
    terminal.waits_for("Password");
    terminal.types(&format!("ada<tab>{PASSWORD}<enter>"));
    terminal.waits_for("Where to?");
}

/// From the search to a form that is filled in.
fn fill_in(terminal: &mut Terminal) {
    terminal.types("jfk<tab>lax<tab><ctrl-u>+3<enter>");
    terminal.waits_for("1 found");
    terminal.types("<enter>");
    terminal.waits_for("New booking");
    terminal.types("john<tab>smith<tab><tab><tab>j@example.com");
    terminal.waits_for("j@example.com");
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// The demonstration is up, with its search filled in; the process of its server.
fn demonstration(home: &Path) -> (Terminal, i32) {
    let program = Path::new(env!("CARGO_BIN_EXE_airside")).with_file_name("airside-server");
    assert!(
        program.is_file(),
        "scripts/test builds {}",
        program.display()
    );
    let terminal = airside(home, &["--demo"]);
    terminal.waits_for("A I R S I D E");
    terminal.waits_while("A I R S I D E");
    terminal.waits_for("JFK");
    terminal.waits_for("LAX");
    let servers = children(terminal.pid());
    assert_eq!(servers.len(), 1, "one server runs");
    (terminal, servers[0])
}

#[test]
fn the_demonstration_books_keeps_the_booking_and_takes_its_server_along() {
    let runtime = runtime();
    let home = tempfile::tempdir().unwrap();
    let (mut terminal, server) = demonstration(home.path());
    terminal.types("<enter>");
    terminal.waits_for("found");
    terminal.waits_for("nonstop");
    terminal.types("<enter>");
    terminal.waits_for("New booking");
    terminal.types("john<tab>smith<tab><tab><tab>j@example.com<enter>");
    terminal.waits_for("confirmed");
    terminal.waits_for(" booked");
    terminal.types("<f3>");
    terminal.waits_for("1 booking");
    terminal.waits_for("smith john");
    // Down to one place and back: at once, so that the program may see only the end, and slowly.
    terminal.resize(1, 1);
    terminal.resize(100, 30);
    terminal.waits_for("smith john");
    terminal.resize(1, 1);
    terminal.waits_for("…");
    terminal.resize(100, 30);
    terminal.waits_for("smith john");
    terminal.types("<ctrl-q>");
    assert!(terminal.ended().success());
    terminal.waits_until_restored();
    runtime.block_on(gone(server));

    // Told to end, with the booking of before.
    let (mut terminal, server) = demonstration(home.path());
    terminal.types("<f3>");
    terminal.waits_for("smith john");
    terminal.signal(Signal::SIGTERM);
    assert!(terminal.ended().success());
    terminal.waits_until_restored();
    runtime.block_on(gone(server));

    // Killed: nobody is left to stop the server, and it ends all the same.
    let (mut terminal, server) = demonstration(home.path());
    terminal.signal(Signal::SIGKILL);
    terminal.ended();
    runtime.block_on(gone(server));
}

#[test]
fn suspended_and_continued_the_terminal_goes_and_comes_back() {
    let server = Server::start(&[]);
    let home = tempfile::tempdir().unwrap();
    // A shell is needed: without one nobody could continue it, and so the system would not stop it.
    let mut shell = CommandBuilder::new("sh");
    shell.arg("-i");
    let mut terminal = Terminal::run(home.path(), shell, &[("PS1", "ready> ")]);
    terminal.waits_for("ready> ");
    let command = format!(
        "{} {}\r",
        env!("CARGO_BIN_EXE_airside"),
        on(server.address).join(" ")
    );
    terminal.types(&command);
    log_in(&mut terminal);
    // What is typed before the shell has the terminal back would still be the console's.
    let asks = |screen: &vt100::Screen| {
        !screen.alternate_screen() && screen.contents().trim_end().ends_with("ready>")
    };
    for _ in 0..2 {
        terminal.types("<ctrl-z>");
        terminal.waits("the shell's question", asks);
        terminal.waits_until_restored();
        terminal.types("fg\r");
        terminal.waits_for("Where to?");
        terminal.types("<f3>");
        terminal.waits_for("No bookings here");
        terminal.types("<f2>");
        terminal.waits_for("Where to?");
    }
    terminal.types("<ctrl-q>");
    terminal.waits("the shell's question", asks);
    terminal.waits_until_restored();
    terminal.types("exit\r");
    terminal.ended();
}

#[test]
fn without_colours_the_chosen_line_is_still_seen() {
    let server = Server::start(&[9, 9]);
    let home = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_airside"));
    command.args(on(server.address));
    let mut terminal = Terminal::run(home.path(), command, &[("NO_COLOR", "1")]);
    log_in(&mut terminal);
    terminal.types("jfk<tab>lax<tab><ctrl-u>+3<enter>");
    terminal.waits_for("2 found");
    terminal.waits("the first flight reversed and the second not", |screen| {
        let inverse = |row| screen.cell(row, 10).is_some_and(vt100::Cell::inverse);
        inverse(3) && !inverse(4)
    });
    terminal.waits("no colours", |screen| {
        (0..30).all(|row| {
            (0..100).all(|column| {
                screen.cell(row, column).is_none_or(|cell| {
                    (cell.fgcolor(), cell.bgcolor())
                        == (vt100::Color::Default, vt100::Color::Default)
                })
            })
        })
    });
    terminal.types("<ctrl-q>");
    assert!(terminal.ended().success());
}

/// A console is killed with a booking pending; the next one finds it in the journal, and it is booked once.
#[rstest]
#[case::the_request_never_arrived(Line::Cut)]
#[case::the_answer_got_lost(Line::AnswersLost)]
fn a_killed_console_loses_and_doubles_nothing(#[case] line: Line) {
    let runtime = runtime();
    let server = Server::start(&[150]);
    let mut proxy = runtime.block_on(Proxy::to(server.address));
    let home = tempfile::tempdir().unwrap();
    let mut terminal = console(home.path(), proxy.address);
    log_in(&mut terminal);
    fill_in(&mut terminal);
    proxy.set(line);
    terminal.types("<enter>");
    terminal.waits_for("······");
    if line == Line::AnswersLost {
        runtime.block_on(proxy.has_lost("locator"));
    } else {
        // Sent, and so written down before.
        terminal.waits_for("unanswered");
    }
    terminal.signal(Signal::SIGKILL);
    terminal.ended();
    let journal: Vec<String> = fs::read_dir(home.path().join("state/airside/journal"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(journal.len(), 1);
    assert_eq!(
        journal[0].matches("\"submitted\"").count(),
        1,
        "{journal:?}"
    );

    proxy.set(Line::Cut);
    let mut terminal = console(home.path(), proxy.address);
    terminal.waits_for("Where to?");
    terminal.types("<f3>");
    terminal.waits_for("smith john");
    terminal.waits_for("1 pending");
    terminal.waits_for("unanswered");
    proxy.set(Line::Open);
    terminal.types("<f5>");
    let settled = |screen: &vt100::Screen| {
        let text = screen.contents();
        text.lines().any(|line| line.trim() == "1 booking")
            && text.contains("confirmed  smith john")
            && !text.contains("pending")
            && !text.contains("unanswered")
    };
    terminal.waits("one booking, confirmed", settled);
    terminal.types("<ctrl-q>");
    assert!(terminal.ended().success());

    // A third one finds nothing left to do, and one booking.
    let mut terminal = console(home.path(), server.address);
    log_in(&mut terminal);
    terminal.types("<f3>");
    terminal.waits("one booking, confirmed", settled);
    terminal.types("<ctrl-q>");
    assert!(terminal.ended().success());
}

/// How often the threads of a process went to sleep and were woken.
fn switches(pid: i32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
                .unwrap();
            line.trim().parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn an_idle_console_is_never_woken() {
    let runtime = runtime();
    let server = Server::start(&[150]);
    let home = tempfile::tempdir().unwrap();
    let mut terminal = console(home.path(), server.address);
    log_in(&mut terminal);
    terminal.types("<f3>");
    terminal.waits_for("No bookings here");
    let pid = terminal.pid();
    // Helpers of the runtime go to sleep for good some seconds after their last work.
    let rest = async {
        let stretch = std::time::Duration::from_secs(2);
        let mut before = switches(pid);
        loop {
            tokio::time::sleep(stretch).await;
            let after = switches(pid);
            if after == before {
                return;
            }
            before = after;
        }
    };
    let patience = std::time::Duration::from_secs(40);
    let rested = runtime.block_on(async { tokio::time::timeout(patience, rest).await });
    assert!(rested.is_ok(), "it is woken every two seconds");
    terminal.types("<ctrl-q>");
    assert!(terminal.ended().success());
}
