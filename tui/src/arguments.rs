//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::cli;
use crate::effects::server_url::ServerUrl;

/// Search and book flights at typing speed.
///
/// Without a command the console opens.
#[derive(Debug, Parser)]
#[command(name = "airside", version, max_term_width = 100)]
pub struct Arguments {
    /// Where things are.
    #[command(flatten)]
    pub place: Place,

    /// Try it out: starts a server of its own with real flights, logs in, and stops the server at the end.
    #[arg(long)]
    pub demo: bool,

    /// Start the demonstration anew, without the bookings of earlier times.
    #[arg(long, requires = "demo")]
    pub demo_reset: bool,

    /// What to do without a screen.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which server, and where the console keeps its files.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The server's address; without it, the one that was logged in to last, or the one on this machine.
    #[arg(long, global = true, env = "AIRSIDE_SERVER", value_name = "URL")]
    pub server: Option<ServerUrl>,

    /// Where sessions and the journal are kept, instead of the user's state folder.
    #[arg(long, global = true, env = "AIRSIDE_STATE_DIR", value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
}

/// The commands without a screen.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Log in; the password is asked for, or is the first line of standard input.
    Login(cli::login::Login),
    /// End the session.
    Logout,
    /// Find flights: airside search JFK LAX 1dec
    Search(cli::search::Search),
    /// Book flights of a search.
    Book(Box<cli::book::Book>),
    /// List bookings, the newest first.
    Bookings(cli::bookings::Bookings),
    /// Show one booking.
    Show(cli::show::Show),
    /// Confirm a held booking.
    Confirm(cli::confirm::Confirm),
    /// Accept what happened to the flights of a booking.
    Rebook(cli::rebook::Rebook),
    /// Show how much lies on the office's queues.
    Queues(cli::queues::Queues),
    /// Give a booking back.
    Cancel(cli::cancel::Cancel),
    /// Upload a file of flights (admins).
    Upload(cli::upload::UploadFile),
    /// How the places stand from which files are fetched (admins); pause, resume or poll one.
    Sources(cli::sources::Sources),
    /// Messages that no consumer took (admins); read, send again or drop one.
    DeadLetters(cli::dead_letters::DeadLetters),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}
