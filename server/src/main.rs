//! The server's program: its commands and nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 failed; 2 wrong arguments or settings; 3 `check` found contradictions.";

/// Airside's server: flight search and booking over HTTP.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    /// Where database and signing keys live [default: the user's data folder, `airside`]
    #[arg(long, global = true, env = "AIRSIDE_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,

    /// A TOML file with settings; see `config --example`
    #[arg(long, global = true, env = "AIRSIDE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until told to stop (SIGTERM, SIGINT)
    Run(commands::run::Run),
    /// Bring the database's schema up to date
    Migrate,
    /// Take flights from a file: Airside CSV, the prototype's CSV, IATA SSIM
    Import(commands::import::Import),
    /// Make, list, disable users; set passwords
    #[command(subcommand)]
    User(commands::user::User),
    /// List the keys that sign access tokens, or add one
    #[command(subcommand)]
    Keys(commands::keys::Keys),
    /// Ask the server that the settings describe whether it is ready; exits with 1 where it is not
    Health,
    /// Print the API's document
    Openapi,
    /// Print the document of all messages, with an example of each
    Asyncapi,
    /// Look for contradictions in the whole database
    Check,
    /// Make the figures of what was sold anew
    #[command(subcommand)]
    Analytics(commands::analytics::Command),
    /// List the months by which PostgreSQL keeps flights, or take one out
    #[command(subcommand)]
    Months(commands::months::Months),
    /// Print the settings in force, with secrets hidden
    Config(commands::config::Config),
    /// Print completions for a shell
    Completions(commands::completions::Completions),
}

fn main() -> ExitCode {
    // Libraries bring two providers; without a choice the first TLS connection would panic. A choice that was made
    // already is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Arguments {
        data_dir,
        config,
        command,
    } = Arguments::parse();
    let place = commands::Place { data_dir, config };
    let outcome = match command {
        Command::Run(run) => run.run(&place),
        Command::Migrate => commands::migrate::run(&place),
        Command::Import(import) => import.run(&place),
        Command::User(user) => user.run(&place),
        Command::Keys(keys) => keys.run(&place),
        Command::Health => commands::health::run(&place),
        Command::Openapi => commands::openapi::run(),
        Command::Asyncapi => commands::asyncapi::run(),
        Command::Check => commands::check::run(&place),
        Command::Analytics(analytics) => analytics.run(&place),
        Command::Months(months) => months.run(&place),
        Command::Config(config) => config.run(&place),
        Command::Completions(completions) => completions.run(),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("airside-server: {failure}");
            failure.exit_code()
        }
    }
}
