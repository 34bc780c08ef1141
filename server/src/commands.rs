//! The subcommands of `airside-server`. They exit with 0 when done, 1 when something is wrong (which is said on
//! standard error), 2 when the arguments are.

mod check;
mod run;
mod user;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::app::{App, StartError};
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, EXAMPLE, LogFormat};
use crate::data_folder::{DataFolder, DataFolderError};
use crate::features::bookings::service::BookingError;
use crate::features::flights::import::ImportError;
use crate::features::flights::import::file::import_file;
use crate::features::users::service::UserError;
use crate::http::router;

/// Flight search and booking over HTTP.
#[derive(Debug, Parser)]
#[command(name = "airside-server", version, about)]
pub struct Arguments {
    /// The folder of database and keys [default: airside among the user's data].
    #[arg(long, env = "AIRSIDE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A file with settings; see `airside-server config --example`.
    #[arg(long, env = "AIRSIDE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve. The first line on standard output is the address, once it answers.
    Run(Run),
    /// Bring the database's schema up to date.
    Migrate,
    /// Import flights from an Airside CSV file; rejected rows go to FILE.rejected.csv.
    Import {
        /// The file, or - for standard input.
        file: PathBuf,
    },
    /// Users: add, list, disable, change a password.
    #[command(subcommand)]
    User(user::User),
    /// Print the OpenAPI document.
    Openapi,
    /// Look for contradictions in the whole database; exits with 1 and names the rows if there are any.
    Check,
    /// Print the settings in force, secrets hidden.
    Config {
        /// Print a commented file with the defaults instead.
        #[arg(long)]
        example: bool,
    },
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Make users and real flights over the next eight weeks to try things with, and print the users.
    #[arg(long)]
    demo: bool,
    /// End when standard input closes: with the program that started this one.
    #[arg(long)]
    until_stdin_closes: bool,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `log.filter` is not a filter.
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The import.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A user.
    #[error(transparent)]
    User(#[from] UserError),
    /// The check.
    #[error(transparent)]
    Booking(#[from] BookingError),
    /// The address to listen at.
    #[error("http.listen: {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Reading or writing.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Carries out a command line.
pub async fn execute(arguments: Arguments) -> Result<ExitCode, CommandError> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut config = Config::load(arguments.config.as_deref(), environment)?;
    if let Command::Run(Run {
        listen: Some(listen),
        ..
    }) = &arguments.command
    {
        config.http.listen = *listen;
    }
    start_logging(&config)?;
    let folder = || DataFolder::open(arguments.data_dir.as_deref());
    let app = async || -> Result<App, CommandError> {
        Ok(App::build(&config, &folder()?, Arc::new(SystemClock)).await?)
    };
    match arguments.command {
        Command::Run(run) => run::run(&config, &folder()?, &run).await?,
        Command::Migrate => {
            app().await?.stop().await;
            println!("the schema is up to date");
        }
        Command::Import { file } => {
            let app = app().await?;
            let report = import_file(&app.database, app.clock.as_ref(), &file).await;
            app.stop().await;
            println!("{}", report?);
        }
        Command::User(command) => {
            let app = app().await?;
            let done = user::execute(command, &app.users).await;
            app.stop().await;
            done?;
        }
        Command::Openapi => {
            let app = app().await?;
            println!("{}", router::document(&app));
            app.stop().await;
        }
        Command::Check => {
            let app = app().await?;
            let code = check::check(&app.bookings).await;
            app.stop().await;
            return code;
        }
        Command::Config { example: true } => print!("{EXAMPLE}"),
        Command::Config { example: false } => print!("{}", config.shown()),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "airside-server",
                &mut io::stdout(),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn start_logging(config: &Config) -> Result<(), CommandError> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match config.log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(io::Error::other)?;
    Ok(())
}
