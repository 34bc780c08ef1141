//! How far the import of an uploaded file is, as it is saved with each part that is merged.

use airside_common::api::uploads::{Difference, FindingKind};
use airside_common::upload::UploadId;

use super::cell::neutral;
use super::{Finding, RowOutcome, refused};
use crate::features::flights::store::PlannedRow;

/// Findings of one upload that are kept; beyond them they are counted.
pub const MOST_FINDINGS: u64 = 100_000;

/// The right to work on an upload. The store honours it as long as nobody else has taken the upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which upload.
    pub upload: UploadId,
    /// Whose: a name that nobody else has.
    pub holder: String,
}

/// What of a file has been dealt with. A file is read the same way each time, so that three numbers say it: whoever goes on
/// reads it from its start and passes over so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Flights, in the order in which they are merged.
    pub flights: u64,
    /// Rows that were rejected as they were read.
    pub rejected: u64,
    /// Notes.
    pub noted: u64,
}

/// How many rows became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Flights that were made.
    pub created: u64,
    /// Flights that were changed.
    pub updated: u64,
    /// Flights that were so already.
    pub unchanged: u64,
    /// Rows that were not taken.
    pub rejected: u64,
    /// Notes.
    pub noted: u64,
    /// Flights of the season that the file does not have.
    pub withdrawn: u64,
}

impl Tally {
    /// Rows that have been dealt with.
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.rejected
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// What has been dealt with.
    pub position: Position,
    /// What became of it.
    pub tally: Tally,
    /// Bytes of the file that have been read.
    pub bytes: u64,
    /// Findings that are kept.
    pub findings: u64,
}

/// A finding as it is kept: no cell of it is a formula to a spreadsheet, or an order to a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFinding {
    /// Its kind.
    pub kind: FindingKind,
    /// The line in the file, from 1; none where it is about no line.
    pub line: Option<u64>,
    /// The column.
    pub column: String,
    /// What it is.
    pub reason: String,
    /// The cell's text, or the flight.
    pub value: String,
}

impl KeptFinding {
    /// What was found in a line.
    pub fn of(kind: FindingKind, finding: &Finding) -> Self {
        Self {
            kind,
            line: Some(finding.line),
            column: neutral(&finding.error.column),
            reason: neutral(&finding.error.reason),
            value: neutral(&finding.error.value),
        }
    }
}

/// What is saved together, in the transaction that merges: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// By whose right.
    pub lease: Lease,
    /// How far the import is then.
    pub progress: Progress,
    /// What was found since.
    pub findings: Vec<KeptFinding>,
    /// What a dry run has seen since.
    pub differences: Vec<Difference>,
}

impl Advance {
    /// Nothing new.
    pub fn of(lease: &Lease, progress: Progress) -> Self {
        Self {
            lease: lease.clone(),
            progress,
            findings: Vec::new(),
            differences: Vec::new(),
        }
    }

    /// A finding more; beyond [`MOST_FINDINGS`] it is not kept.
    pub fn find(&mut self, finding: KeptFinding) {
        if self.progress.findings < MOST_FINDINGS {
            self.progress.findings += 1;
            self.findings.push(finding);
        }
    }

    /// The same, when rows have been dealt with.
    #[must_use]
    pub fn with(mut self, rows: &[PlannedRow], outcomes: &[RowOutcome]) -> Self {
        self.progress.position.flights += rows.len() as u64;
        for (row, outcome) in rows.iter().zip(outcomes) {
            let tally = &mut self.progress.tally;
            match outcome {
                RowOutcome::Created => tally.created += 1,
                RowOutcome::Updated => tally.updated += 1,
                RowOutcome::Unchanged => tally.unchanged += 1,
                RowOutcome::Rejected(refusal) => {
                    tally.rejected += 1;
                    let finding = Finding {
                        line: row.line,
                        error: refused(refusal.clone(), &row.plan),
                    };
                    self.find(KeptFinding::of(FindingKind::Rejected, &finding));
                }
            }
        }
        self
    }

    /// The number of the first new finding.
    pub fn first_finding(&self) -> u64 {
        self.progress.findings - self.findings.len() as u64
    }
}

/// What those who wait want of a worker that has just saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That it goes on.
    GoOn,
    /// That it stops here.
    Cancel,
}
