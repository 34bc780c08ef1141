//! The commands, one a file.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use airside_server::app::BuildError;
use airside_server::clock::{SharedClock, SystemClock};
use airside_server::config::{ConfigError, Settings};
use airside_server::data_folder::{DataFolder, DataFolderError};
use airside_server::features::auth::key_folder::KeyFolderError;
use airside_server::features::flights::import::ImportError;
use airside_server::features::users::service::UserError;
use airside_server::roles::StartError;
use airside_server::store::months::DetachError;
use airside_server::store::{self, OpenError, SharedDatabase, StoreError};

pub(crate) mod analytics;
pub(crate) mod asyncapi;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod logging;
pub(crate) mod migrate;
pub(crate) mod months;
pub(crate) mod openapi;
pub(crate) mod run;
pub(crate) mod user;

/// The commands' own exit code for contradictions in the database.
pub(crate) const CONTRADICTIONS: u8 = 3;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The settings are wrong.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The data folder cannot be used.
    #[error("{0}")]
    Folder(#[from] DataFolderError),
    /// The signing keys cannot be read or written.
    #[error("{0}")]
    Keys(#[from] KeyFolderError),
    /// An argument is wrong, in a way that only the command sees.
    #[error("{0}")]
    Usage(String),
    /// The database cannot be opened.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The server cannot be built.
    #[error("{0}")]
    Build(#[from] BuildError),
    /// The server cannot start.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The database does not answer.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The month was not taken out.
    #[error("{0}")]
    Months(#[from] DetachError),
    /// The user was not made or changed.
    #[error("{0}")]
    User(#[from] UserError),
    /// The import stopped.
    #[error("{0}")]
    Import(#[from] ImportError),
    /// The system said no.
    #[error("{what}: {source}")]
    System {
        /// To what.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// Something else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Usage(_) | Self::Build(BuildError::NoKeys(_)) => {
                ExitCode::from(2)
            }
            _ => ExitCode::FAILURE,
        }
    }
}

/// What a command ends with.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Where the server lives, as the arguments say.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
}

impl Place {
    /// The settings in force.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Settings::load(self.config.as_deref(), environment)?)
    }

    /// The data folder, made if it is missing.
    pub(crate) fn folder(&self) -> Result<DataFolder, Failure> {
        Ok(DataFolder::open(self.data_dir.as_deref())?)
    }

    /// The database, brought up to date.
    pub(crate) async fn database(&self) -> Result<SharedDatabase, Failure> {
        let settings = self.settings()?;
        let folder = self.folder()?;
        Ok(store::open(&settings.database, &folder).await?)
    }
}

/// Writes a line to standard output. Whoever reads there may have read enough, as `head` does: that is no fault.
pub(crate) fn say(line: impl Display) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::system("standard output")(error))
        }
        _ => Ok(()),
    }
}

/// The system's clock.
pub(crate) fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

/// Runs a command that waits for the database.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("threads"))?
        .block_on(work)
}
