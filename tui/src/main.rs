//! The console's program: a command without a screen, or the console.

use std::io::Write;
use std::process::ExitCode;

use airside_tui::arguments::Arguments;
use airside_tui::demo::Past;
use airside_tui::{cli, run};
use clap::Parser;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One thread is enough for a console, and keeps it small.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    if let Some(command) = arguments.command {
        return runtime.block_on(cli::run(command, arguments.place));
    }
    let options = run::Options {
        server: arguments.place.server,
        state_dir: arguments.place.state_dir,
        demo: arguments.demo.then_some(if arguments.demo_reset {
            Past::Forgotten
        } else {
            Past::Kept
        }),
    };
    match runtime.block_on(run::run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &impl std::fmt::Display) -> ExitCode {
    // Where standard error is closed too, the exit code alone has to tell.
    let _ = writeln!(std::io::stderr(), "airside: {error}");
    ExitCode::FAILURE
}
