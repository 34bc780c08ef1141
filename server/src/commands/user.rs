//! `airside-server user …`

use std::io::{self, IsTerminal};

use airside_common::api::auth::Secret;
use airside_common::api::users::{CreateUser, PatchUser};
use airside_common::user::{Office, Role, Username};
use clap::Subcommand;

use super::CommandError;
use crate::features::users::service::{Author, Users};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make a user. The password is asked for, or is the first line of standard input.
    Add {
        /// The name to log in with.
        name: Username,
        /// What the user may do: agent or admin.
        #[arg(long)]
        role: Role,
        /// The user's office, such as NYC1A0001.
        #[arg(long)]
        office: Office,
    },
    /// List all users.
    List,
    /// End a user's sessions and refuse new ones.
    Disable {
        /// Whom.
        name: Username,
    },
    /// Change a password, which ends the user's sessions. It is asked for, or is the first line of standard input.
    Password {
        /// Whose.
        name: Username,
    },
}

/// Users of one page.
const PAGE: u8 = 100;

/// Carries out a command about users.
pub(super) async fn execute(command: User, users: &Users) -> Result<(), CommandError> {
    let author = Author::command_line();
    match command {
        User::Add { name, role, office } => {
            let password = ask_password()?;
            let new = CreateUser {
                username: name,
                password,
                role,
                office,
            };
            let user = users.create(&author, new).await?;
            println!(
                "user {} role {} office {}",
                user.username, user.role, user.office
            );
        }
        User::List => {
            let mut after = None;
            loop {
                let page = users.list(after.as_deref(), PAGE).await?;
                for user in page.items {
                    let state = if user.disabled_at.is_some() {
                        "disabled"
                    } else {
                        "active"
                    };
                    println!(
                        "{:<32} {:<5} {:<9} {state}",
                        user.username, user.role, user.office
                    );
                }
                match page.next_cursor {
                    Some(cursor) => after = Some(cursor),
                    None => break,
                }
            }
        }
        User::Disable { name } => {
            let user = users.by_name(&name).await?;
            let patch = PatchUser {
                disabled: Some(true),
                ..PatchUser::default()
            };
            users.change(&author, user.id, patch).await?;
            println!("user {name} disabled");
        }
        User::Password { name } => {
            let user = users.by_name(&name).await?;
            let patch = PatchUser {
                password: Some(ask_password()?),
                ..PatchUser::default()
            };
            users.change(&author, user.id, patch).await?;
            println!("password of {name} changed");
        }
    }
    Ok(())
}

fn ask_password() -> io::Result<Secret> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").map(Secret);
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(Secret(line.trim_end_matches(['\r', '\n']).to_owned()))
}
