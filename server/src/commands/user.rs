//! `airside-server user`

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use airside_common::api::auth::Secret;
use airside_common::api::users::{CreateUser, PatchUser};
use airside_common::user::{Office, Role, Username};
use airside_server::app;
use airside_server::features::audit::entry::Author;
use airside_server::features::users::service::Users;
use clap::Subcommand;

use super::{Failure, Outcome, Place, block_on, clock, say};

/// Users of one page of the list.
const PAGE: u8 = 100;

/// What to do with users. A server that runs beside it follows within a minute.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Make a user; the password is asked for, or is the first line of standard input
    Add {
        /// Name for logging in
        name: Username,
        /// What the user may do: agent or admin
        #[arg(long)]
        role: Role,
        /// Whose bookings the user sees
        #[arg(long)]
        office: Office,
    },
    /// List all users
    List,
    /// End a user's sessions and refuse new ones
    Disable {
        /// Who
        name: Username,
    },
    /// Set a user's password and end the user's sessions
    Password {
        /// Who
        name: Username,
    },
}

impl User {
    pub(crate) fn run(self, place: &Place) -> Outcome {
        // Asked for before anything is opened, so that nothing waits for a person.
        let password = match &self {
            Self::Add { .. } | Self::Password { .. } => Some(password()?),
            Self::List | Self::Disable { .. } => None,
        };
        block_on(async {
            let database = place.database().await?;
            let users = app::users(&database, clock())?;
            let done = self.act(&users, password).await;
            database.close().await;
            done.map(|()| ExitCode::SUCCESS)
        })
    }

    async fn act(self, users: &Users, password: Option<Secret>) -> Result<(), Failure> {
        let author = Author::command_line();
        match self {
            Self::Add { name, role, office } => {
                let new = CreateUser {
                    username: name,
                    password: password.unwrap_or(Secret(String::new())),
                    role,
                    office,
                };
                let user = users.create(&author, new).await?;
                say(format_args!(
                    "{} {} {}",
                    user.username, user.role, user.office
                ))?;
            }
            Self::List => {
                let mut after: Option<String> = None;
                loop {
                    let page = users.list(after.as_deref(), PAGE).await?;
                    for user in page.items {
                        let state = user
                            .disabled_at
                            .map_or(String::new(), |at| format!(" disabled {at}"));
                        say(format_args!(
                            "{} {} {}{state}",
                            user.username, user.role, user.office
                        ))?;
                    }
                    after = page.next_cursor;
                    if after.is_none() {
                        break;
                    }
                }
            }
            Self::Disable { name } => {
                let id = users.by_name(&name).await?.id;
                let patch = PatchUser {
                    disabled: Some(true),
                    ..PatchUser::default()
                };
                users.change(&author, id, patch).await?;
                say(format_args!("{name} is disabled"))?;
            }
            Self::Password { name } => {
                let id = users.by_name(&name).await?.id;
                let patch = PatchUser {
                    password,
                    ..PatchUser::default()
                };
                users.change(&author, id, patch).await?;
                say(format_args!("{name} has a new password"))?;
            }
        }
        Ok(())
    }
}

/// The password that a person types twice, or the first line of standard input where no person sits there.
fn password() -> Result<Secret, Failure> {
    let failed = || Failure::system("the password");
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(failed())?;
        return Ok(Secret(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let first = rpassword::prompt_password("Password: ").map_err(failed())?;
    let second = rpassword::prompt_password("Once more: ").map_err(failed())?;
    if first != second {
        return Err(Failure::Usage("the two passwords differ".to_owned()));
    }
    Ok(Secret(first))
}
