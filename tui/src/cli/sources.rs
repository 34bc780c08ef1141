//! `airside sources`

use std::fmt::Write;

use airside_common::api::ingest::{IngestSource, SourceState};
use airside_common::ingest::SourceName;
use clap::{Args, Subcommand};

use super::{CliError, Form, Workplace, json};
use crate::store::screen::sources::SourceChange;

/// How the places stand from which files are fetched (admins); pause, resume or poll one.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Sources {
    #[command(subcommand)]
    act: Option<Act>,
    /// Print the server's answer as JSON; errors too, on standard error.
    #[arg(long, global = true)]
    json: bool,
}

/// What is asked of a source.
#[derive(Debug, Clone, Subcommand)]
enum Act {
    /// Leave it alone until it is resumed.
    Pause {
        /// The source's name.
        name: SourceName,
    },
    /// Go on with it.
    Resume {
        /// The source's name.
        name: SourceName,
    },
    /// Look at it now, also where it would be left alone for longer.
    Poll {
        /// The source's name.
        name: SourceName,
    },
}

impl Sources {
    /// In which form the result is printed.
    pub fn form(&self) -> Form {
        Form { json: self.json }
    }

    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let api = at.session()?;
        let Some(act) = self.act else {
            let page = api.sources().await?;
            if self.json {
                return json(&page);
            }
            if page.items.is_empty() {
                return Ok("no sources\n".to_owned());
            }
            return Ok(page.items.iter().map(text).collect());
        };
        let (name, change) = match act {
            Act::Pause { name } => (name, SourceChange::Pause),
            Act::Resume { name } => (name, SourceChange::Resume),
            Act::Poll { name } => (name, SourceChange::Poll),
        };
        let source = api.change_source(&name, change).await?;
        if self.json {
            return json(&source);
        }
        Ok(text(&source))
    }
}

/// A source in a line, with its last error in another.
fn text(source: &IngestSource) -> String {
    let last = source
        .last_poll
        .map_or_else(|| "never".to_owned(), |at| at.to_string());
    let next = match (source.state, source.next_poll) {
        (SourceState::Failing, Some(next)) => format!(" until {next}"),
        _ => String::new(),
    };
    let mut text = format!(
        "{:<16}  {}{next}  looked at {last}  taken {} growing {} refused {}  {}\n",
        source.name,
        source.state.word(),
        source.files_taken,
        source.files_waiting,
        source.files_refused,
        source.address,
    );
    if let Some(error) = &source.last_error {
        let at = source
            .last_error_at
            .map_or_else(String::new, |at| format!(" at {at}"));
        // Writing to a String does not fail.
        let _ = writeln!(text, "  error{at}: {error}");
    }
    text
}
