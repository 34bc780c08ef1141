//! Answers as they are kept with their keys, and a batch of which some keys are known.

use std::collections::HashMap;

use serde::Deserialize;

use super::unreadable;
use crate::features::bookings::command::{Answer, Command, Outcome};
use crate::features::bookings::decide::Decision;
use crate::features::bookings::writer;

/// What was answered to a key, with the position of the request that brought it again among those with keys, and whether it is
/// the same request.
#[derive(sqlx::FromRow, Deserialize)]
pub(crate) struct AnswerRow {
    position: i64,
    is_same_request: bool,
    status: i32,
    body: String,
    locator: Option<String>,
    version: Option<i64>,
}

/// The outcomes of a batch: those of known keys are there from the start, the others are decided.
pub(crate) struct Batch {
    outcomes: Vec<Option<Outcome>>,
    /// The commands whose keys are new, in their order.
    pub(crate) open: Vec<Command>,
}

impl Batch {
    /// A batch, some of whose keys have records.
    pub(crate) fn new(commands: &[Command], known: Vec<AnswerRow>) -> Self {
        let mut known: HashMap<usize, Outcome> = known.into_iter().filter_map(outcome).collect();
        let mut with_keys = 0..;
        let outcomes: Vec<Option<Outcome>> = commands
            .iter()
            .map(|command| {
                command.asked()?;
                known.remove(&with_keys.next()?)
            })
            .collect();
        let open = commands
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_none())
            .map(|(command, _)| command.clone())
            .collect();
        Self { outcomes, open }
    }

    /// One outcome for each command, once the open ones are decided.
    pub(crate) fn finish(self, decisions: Vec<Decision>) -> Result<Vec<Outcome>, sqlx::Error> {
        let mut decided = decisions.into_iter().map(|decision| decision.outcome);
        self.outcomes
            .into_iter()
            .map(|outcome| outcome.or_else(|| decided.next()))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| unreadable("fewer decisions than commands"))
    }
}

fn outcome(row: AnswerRow) -> Option<(usize, Outcome)> {
    let position = usize::try_from(row.position).ok()?;
    if !row.is_same_request {
        return Some((position, writer::mismatch()));
    }
    let subject = row
        .locator
        .and_then(|locator| locator.parse().ok())
        .zip(row.version.and_then(|version| u64::try_from(version).ok()));
    let answer = Answer {
        status: u16::try_from(row.status).unwrap_or(500),
        body: row.body,
        subject,
    };
    Some((position, Outcome::Answered(answer)))
}
