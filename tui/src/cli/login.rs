//! `airside login`, `airside logout`.

use std::io::{self, BufRead, IsTerminal, Write};

use airside_common::api::auth::Secret;
use airside_common::user::Username;
use clap::Args;

use super::{CliError, Form, Workplace, json};
use crate::effects::last_server;

/// Log in.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Login {
    /// The user's name; asked for where it is missing and a person is there.
    #[arg(value_name = "USER")]
    user: Option<Username>,

    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Login {
    pub(super) async fn run(&self, at: &Workplace) -> Result<String, CliError> {
        if let Some(warning) = at.api.url().warning() {
            writeln!(io::stderr(), "airside: {warning}")?;
        }
        let person = io::stdin().is_terminal();
        let user = match &self.user {
            Some(user) => user.clone(),
            None if person => ask_user(at)?,
            None => return Err(CliError::Usage("name the user".to_owned())),
        };
        let password = if person {
            rpassword::prompt_password(format!("Password of {user}: "))?
        } else {
            first_line()?
        };
        let me = at.api.log_in(user.as_str(), Secret(password)).await?;
        last_server::remember(&at.folders.state, at.api.url())
            .map_err(crate::effects::http::ApiError::from)?;
        if self.form.json {
            return json(&me);
        }
        Ok(format!(
            "logged in to {} as {}, {} of {}\n",
            at.api.url(),
            me.username,
            me.role.word(),
            me.office
        ))
    }
}

pub(super) async fn log_out(at: &Workplace) -> Result<String, CliError> {
    at.api.resume()?;
    at.api.log_out().await?;
    Ok(format!("logged out of {}\n", at.api.url()))
}

fn ask_user(at: &Workplace) -> Result<Username, CliError> {
    write!(io::stderr(), "User at {}: ", at.api.url())?;
    first_line()?
        .parse()
        .map_err(|error: airside_common::ParseError| CliError::Usage(error.to_string()))
}

fn first_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}
