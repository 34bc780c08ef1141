//! `airside dead-letters`

use airside_common::api::dead_letters::DeadLetter;
use clap::{Args, Subcommand};

use super::ask::ask;
use super::{CliError, Form, Workplace, json, print};
use crate::effects::http::dead_letters::LetterFilter;
use crate::store::screen::dead_letters::{LetterId, laid_out, lost_with, title_of};

/// Messages that no consumer took (admins), the newest first; read, send again or drop one.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES, args_conflicts_with_subcommands = true)]
pub struct DeadLetters {
    #[command(subcommand)]
    act: Option<Act>,
    /// Only messages of this consumer.
    #[arg(long)]
    consumer: Option<String>,
    /// The most letters.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
    /// Go on where the last list ended.
    #[arg(long)]
    cursor: Option<String>,
    /// Print the server's answer as JSON; errors too, on standard error.
    #[arg(long, global = true)]
    json: bool,
}

/// What is done with one.
#[derive(Debug, Clone, Subcommand)]
enum Act {
    /// Print it with its error and its message.
    Show {
        /// Its number.
        id: LetterId,
    },
    /// Send it to its consumer again; what that has done of it before is not done twice.
    Retry {
        /// Its number.
        id: LetterId,
    },
    /// Drop it for good.
    Drop {
        /// Its number.
        id: LetterId,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

impl DeadLetters {
    /// In which form the result is printed.
    pub fn form(&self) -> Form {
        Form { json: self.json }
    }

    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let api = at.session()?;
        match self.act {
            None => {
                let filter = LetterFilter {
                    consumer: self.consumer,
                    limit: Some(self.limit),
                    cursor: self.cursor,
                };
                let page = api.dead_letters(&filter).await?;
                if self.json {
                    return json(&page);
                }
                if page.items.is_empty() {
                    return Ok("no dead letters\n".to_owned());
                }
                let mut text: String = page.items.iter().map(line).collect();
                text.push_str(&print::more(page.next_cursor.as_deref()));
                Ok(text)
            }
            Some(Act::Show { id }) => {
                let detail = api.dead_letter(&id).await?;
                if self.json {
                    return json(&detail);
                }
                let message = laid_out(&detail.message).join("\n");
                Ok(format!("{}{message}\n", line(&detail.letter)))
            }
            Some(Act::Retry { id }) => {
                api.retry_letter(&id).await?;
                if self.json {
                    return json(&());
                }
                Ok(format!("{id} sent again\n"))
            }
            Some(Act::Drop { id, yes }) => {
                if !yes {
                    let letter = api.dead_letter(&id).await?.letter;
                    let shown = format!("{}{}\n", line(&letter), lost_with(&letter));
                    ask(&shown, "Drop it for good?")?;
                }
                api.drop_letter(&id).await?;
                if self.json {
                    return json(&());
                }
                Ok(format!("{id} dropped\n"))
            }
        }
    }
}

fn line(letter: &DeadLetter) -> String {
    format!(
        "{:>6}  {}  {:<10}  {}  event {}  {} tries: {}\n",
        letter.id,
        letter.died_at,
        letter.consumer,
        title_of(letter),
        letter.event,
        letter.deliveries,
        letter.error
    )
}
