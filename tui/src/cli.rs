//! Commands without a screen, for scripts and for those who know what they want.
//!
//! Exit codes: 0 done; 1 a fault here, such as a full disk; 2 wrong usage; 3 the server refused; 4 not logged in;
//! 5 the server was not reached, nothing was done; 6 the outcome is unknown, the same `--key` again finds it out.

mod ask;
pub mod book;
pub mod bookings;
pub mod cancel;
pub mod confirm;
pub mod dead_letters;
pub mod login;
pub mod print;
pub mod queues;
pub mod rebook;
pub mod search;
pub mod settle;
pub mod show;
pub mod sources;
pub mod upload;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::{Arguments, Command, Place};
use crate::effects::folders::Folders;
use crate::effects::http::{Api, ApiError};
use crate::effects::last_server;
use crate::effects::session::Sessions;

/// What `--help` says about exit codes.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 a fault here, 2 wrong usage, 3 refused by the server, \
4 not logged in, 5 server not reached, 6 outcome unknown (the same --key again finds it out)";

/// In which form a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Form {
    /// Print the server's answer as JSON; errors too, on standard error.
    #[arg(long)]
    pub json: bool,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The call failed and did nothing.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A write may have happened.
    #[error("the outcome is unknown ({why}); find it out with --key {key}")]
    Unknown {
        /// The key of the write.
        key: airside_common::booking::OperationKey,
        /// Why no answer came.
        why: String,
    },
    /// The server could not do to its end what it was asked for.
    #[error("{0}")]
    NotDone(String),
    /// Something here.
    #[error("{0}")]
    Here(#[from] io::Error),
}

impl CliError {
    /// The exit code, as [`EXIT_CODES`] tells.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotDone(_) => 3,
            Self::Here(_) => 1,
            Self::Unknown { .. } => 6,
            Self::Api(error) => match error {
                ApiError::LoggedOut => 4,
                ApiError::Problem { problem, .. } => match problem.status {
                    401 => 4,
                    400..500 => 3,
                    _ => 5,
                },
                ApiError::Unreached(_) | ApiError::Broken(_) | ApiError::Unreadable { .. } => 5,
                ApiError::Session(_) | ApiError::Client(_) => 1,
            },
        }
    }

    /// The error as a line, or with `--json` as an object: the server's problem where there is one.
    fn words(&self, form: Form) -> String {
        if !form.json {
            return format!("airside: {self}");
        }
        match self {
            Self::Api(ApiError::Problem { problem, .. }) => serde_json::json!(problem).to_string(),
            Self::Unknown { key, .. } => {
                serde_json::json!({ "detail": self.to_string(), "exit": self.code(), "key": key })
                    .to_string()
            }
            _ => serde_json::json!({ "detail": self.to_string(), "exit": self.code() }).to_string(),
        }
    }
}

/// Where a command works.
#[derive(Debug)]
pub struct Workplace {
    /// The console's folders.
    pub folders: Folders,
    /// The server.
    pub api: Api,
}

impl Workplace {
    fn new(place: Place) -> Result<Self, CliError> {
        let mut folders = Folders::native()?;
        if let Some(state) = place.state_dir {
            folders.state = state;
        }
        let url = last_server::choose(&folders.state, place.server)
            .ok_or_else(|| CliError::Usage("name a server with --server".to_owned()))?;
        let sessions = Sessions::in_folder(&folders.state, &url.id());
        let api = Api::new(url, sessions);
        // What the command before this one has written, nobody has told this one.
        api.want_everything();
        Ok(Self { folders, api })
    }

    /// The server under the session that is kept.
    fn session(&self) -> Result<&Api, CliError> {
        self.api.resume()?.ok_or(ApiError::LoggedOut)?;
        Ok(&self.api)
    }
}

/// Runs a command to its end.
pub async fn run(command: Command, place: Place) -> ExitCode {
    let form = match &command {
        Command::Search(search) => search.form,
        Command::Book(book) => book.form,
        Command::Bookings(bookings) => bookings.form,
        Command::Show(show) => show.form,
        Command::Confirm(confirm) => confirm.form,
        Command::Rebook(rebook) => rebook.form,
        Command::Queues(queues) => queues.form,
        Command::Cancel(cancel) => cancel.form,
        Command::Upload(upload) => upload.form,
        Command::Sources(sources) => sources.form(),
        Command::DeadLetters(letters) => letters.form(),
        Command::Login(login) => login.form,
        Command::Logout | Command::Completions { .. } => Form { json: false },
    };
    let result = match command {
        Command::Completions { shell } => Ok(completions(shell)),
        command => match Workplace::new(place) {
            Ok(workplace) => dispatch(command, &workplace).await,
            Err(error) => Err(error),
        },
    };
    match result.and_then(|text| Ok(put(&text)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed too, the exit code alone has to tell.
            let _ = writeln!(io::stderr(), "{}", error.words(form));
            ExitCode::from(error.code())
        }
    }
}

async fn dispatch(command: Command, at: &Workplace) -> Result<String, CliError> {
    match command {
        Command::Login(login) => login.run(at).await,
        Command::Logout => login::log_out(at).await,
        Command::Search(search) => search.run(at).await,
        Command::Book(book) => book.run(at).await,
        Command::Bookings(bookings) => bookings.run(at).await,
        Command::Show(show) => show.run(at).await,
        Command::Confirm(confirm) => confirm.run(at).await,
        Command::Rebook(rebook) => rebook.run(at).await,
        Command::Queues(queues) => queues.run(at).await,
        Command::Cancel(cancel) => cancel.run(at).await,
        Command::Upload(upload) => upload.run(at).await,
        Command::Sources(sources) => sources.run(at).await,
        Command::DeadLetters(letters) => letters.run(at).await,
        Command::Completions { shell } => Ok(completions(shell)),
    }
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "airside", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a result; that nobody reads to its end is no fault.
fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// A body as JSON with a line end.
fn json(body: &impl serde::Serialize) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(body).map_err(io::Error::from)?;
    Ok(text + "\n")
}
