//! Answers as they are kept with their keys, and a batch of which some keys are known.

use std::collections::HashMap;

use super::unreadable;
use crate::features::bookings::command::{Answer, Command, Fingerprint, Outcome};
use crate::features::bookings::decide::Decision;
use crate::features::bookings::writer;

/// What a key was used for and what was answered, with the position of the command that brought it again.
#[derive(sqlx::FromRow)]
pub(crate) struct AnswerRow {
    position: i64,
    fingerprint: Vec<u8>,
    status: i32,
    body: String,
    locator: Option<String>,
    version: Option<i64>,
}

/// What a key was used for, and what was answered.
struct Record {
    fingerprint: Option<Fingerprint>,
    answer: Answer,
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
        let mut known: HashMap<usize, Record> = known.into_iter().filter_map(record).collect();
        let outcomes: Vec<Option<Outcome>> = commands
            .iter()
            .enumerate()
            .map(|(position, command)| {
                known.remove(&position).map(|record| {
                    if record.fingerprint == Some(command.fingerprint) {
                        Outcome::Answered(record.answer)
                    } else {
                        writer::mismatch()
                    }
                })
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

fn record(row: AnswerRow) -> Option<(usize, Record)> {
    let subject = row
        .locator
        .and_then(|locator| locator.parse().ok())
        .zip(row.version.and_then(|version| u64::try_from(version).ok()));
    let record = Record {
        fingerprint: row.fingerprint.try_into().ok().map(Fingerprint),
        answer: Answer {
            status: u16::try_from(row.status).unwrap_or(500),
            body: row.body,
            subject,
        },
    };
    Some((usize::try_from(row.position).ok()?, record))
}
