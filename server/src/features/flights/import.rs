//! Importing a file of flights: streamed, checked row by row, merged in short transactions.

use std::collections::VecDeque;
use std::io::Read;
use std::time::Instant;

use tokio::sync::mpsc;

use super::decide::{self, Refusal};
use super::store::{
    Expect, FlightPlan, FlightRecord, FlightStore, FlightStoreError, PlannedRow, Unsaid,
};
use crate::clock::Clock;
use crate::formats::{Defaults, FlightKey, Format, HeaderError, RowError};

use self::reading::{BLOCK, Block, read};

pub use crate::formats::Finding;

pub mod file;
mod reading;
mod withdrawn;

/// What became of a valid row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// The flight is new.
    Created,
    /// The flight was changed.
    Updated,
    /// The flight was so already.
    Unchanged,
    /// The rules forbid the change.
    Rejected(Refusal),
}

impl RowOutcome {
    /// Of a row whose flight was neither found nor made.
    pub(crate) fn left(row: &PlannedRow) -> Self {
        match decide::asked(row, None) {
            Err(refusal) => Self::Rejected(refusal),
            Ok(_) => Self::Unchanged,
        }
    }
}

/// What is known of a file before it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Source {
    /// Its format; `None`: the first line tells.
    pub format: Option<Format>,
    /// What new flights get where the file is silent.
    pub defaults: Defaults,
}

/// How many rows became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Flights that were made.
    pub created: u64,
    /// Flights that were changed.
    pub updated: u64,
    /// Flights that were so already.
    pub unchanged: u64,
    /// Rows that were not taken.
    pub rejected: u64,
    /// What there is beside, of a file of a season.
    pub season: Option<SeasonReport>,
}

/// What a file of a season has beside its flights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeasonReport {
    /// What was taken, or is no flight, and should be looked at.
    pub noted: u64,
    /// Legs that are no passenger flights of the carrier's own.
    pub skipped: u64,
    /// Flights of the carrier in the period that the file does not have. They stay as they are.
    pub withdrawn: u64,
}

impl std::fmt::Display for ImportReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            created,
            updated,
            unchanged,
            rejected,
            season,
        } = self;
        write!(
            f,
            "created {created} updated {updated} unchanged {unchanged} rejected {rejected}"
        )?;
        match season {
            None => Ok(()),
            Some(SeasonReport {
                noted,
                skipped,
                withdrawn,
            }) => write!(f, " noted {noted} skipped {skipped} withdrawn {withdrawn}"),
        }
    }
}

/// Why an import ended early. What was merged before stays; importing the file again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened.
    #[error("{path}: {source}")]
    Open {
        /// Which file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// What was found cannot be written down.
    #[error("{path} cannot be written: {source}")]
    Findings {
        /// Where to.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is in another format.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] FlightStoreError),
    /// The thread that read the file ended before its time.
    #[error("the import was interrupted")]
    Interrupted,
}

/// Told what happens during an import.
pub trait Watch: Send {
    /// A row was not taken.
    fn rejected(&mut self, finding: Finding) -> Result<(), ImportError>;
    /// Something should be looked at, which no row was rejected for.
    fn noted(&mut self, finding: Finding) -> Result<(), ImportError>;
    /// A flight is not in the file, which has all of its carrier in this time. It stays as it is.
    fn withdrawn(&mut self, flight: &FlightRecord) -> Result<(), ImportError>;
    /// So many bytes of the file are done.
    fn progress(&mut self, bytes: u64);
}

const FEWEST: usize = 32;
const MOST: usize = 4096;
/// Rows of a file in the order of legs that are brought into the order of dates before they are merged.
const WINDOW: usize = 1 << 16;

/// Imports a file.
///
/// Memory does not grow with the file but for eight bytes a flight, which find rows that name the same flight twice: the
/// first is taken, later ones are rejected, so that the same file has the same result however often it is imported.
pub async fn import(
    store: &dyn FlightStore,
    clock: &dyn Clock,
    reader: impl Read + Send + 'static,
    source: Source,
    watch: &mut dyn Watch,
) -> Result<ImportReport, ImportError> {
    // While the store takes the most that it ever does at once, the next is read.
    let (sender, mut blocks) = mpsc::channel(MOST / BLOCK);
    let reading = tokio::task::spawn_blocking(move || read(reader, &source, &sender));
    let mut report = ImportReport::default();
    let mut season = SeasonReport::default();
    let mut merger = Merger::new(store, clock, How::Merge(Expect::Known));
    while let Some(block) = blocks.recv().await {
        let Block {
            rows,
            rejected,
            noted,
            skipped,
            bytes,
            by_leg,
        } = block;
        for finding in rejected {
            report.rejected += 1;
            watch.rejected(finding)?;
        }
        for finding in noted {
            season.noted += 1;
            watch.noted(finding)?;
        }
        season.skipped += skipped;
        merger.waiting.extend(rows);
        if by_leg {
            if merger.waiting.len() < WINDOW {
                continue;
            }
            merger.sort();
        }
        while merger.waiting.len() >= merger.size {
            merger.step(&mut report, watch).await?;
        }
        watch.progress(bytes);
    }
    let file = reading.await.map_err(|_| ImportError::Interrupted)??;
    if file.format == Format::Ssim {
        merger.sort();
    }
    while !merger.waiting.is_empty() {
        merger.step(&mut report, watch).await?;
    }
    if file.format == Format::Ssim {
        for coverage in &file.coverages {
            season.withdrawn += withdrawn::report(store, coverage, &file, watch).await?;
        }
        report.season = Some(season);
    }
    Ok(report)
}

/// Adds flights that are not there yet; those that are stay as they are.
pub async fn import_plans(
    store: &dyn FlightStore,
    clock: &dyn Clock,
    plans: impl Iterator<Item = FlightPlan> + Send,
    watch: &mut dyn Watch,
) -> Result<ImportReport, ImportError> {
    let mut report = ImportReport::default();
    let mut merger = Merger::new(store, clock, How::AddMissing);
    let mut done = 0;
    for (plan, line) in plans.zip(1..) {
        merger.waiting.push_back(PlannedRow {
            unsaid: Unsaid::Nothing,
            line,
            plan,
        });
        done += 1;
        if merger.waiting.len() >= merger.size {
            merger.step(&mut report, watch).await?;
            watch.progress(done);
        }
    }
    while !merger.waiting.is_empty() {
        merger.step(&mut report, watch).await?;
    }
    watch.progress(done);
    Ok(report)
}

/// Takes rows to the store, as many at once as it does in [`FlightStore::pace`].
struct Merger<'a> {
    store: &'a dyn FlightStore,
    clock: &'a dyn Clock,
    waiting: VecDeque<PlannedRow>,
    size: usize,
    how: How,
}

/// What happens to flights that exist.
enum How {
    /// They become what the file says; what the next rows are thought to be.
    Merge(Expect),
    /// They stay.
    AddMissing,
}

impl<'a> Merger<'a> {
    fn new(store: &'a dyn FlightStore, clock: &'a dyn Clock, how: How) -> Self {
        Self {
            store,
            clock,
            waiting: VecDeque::new(),
            size: 256,
            how,
        }
    }

    /// By date: databases keep flights so, and a chunk of few dates touches few of their pages.
    fn sort(&mut self) {
        self.waiting
            .make_contiguous()
            .sort_by_key(|row| row.plan.departure.date());
    }

    async fn step(
        &mut self,
        report: &mut ImportReport,
        watch: &mut dyn Watch,
    ) -> Result<(), ImportError> {
        let count = self.size.min(self.waiting.len());
        let rows: Vec<PlannedRow> = self.waiting.drain(..count).collect();
        let started = Instant::now();
        let now = self.clock.now();
        let outcomes = match self.how {
            How::Merge(expect) => self.store.merge(&rows, expect, now).await?,
            How::AddMissing => self.store.add_missing(&rows, now).await?,
        };
        let took = started.elapsed();
        if count == self.size {
            let pace = self.store.pace();
            self.size = if took > pace {
                let fit = u128::try_from(count).unwrap_or(1) * pace.as_micros() / took.as_micros();
                usize::try_from(fit).unwrap_or(FEWEST).max(count / 4)
            } else {
                count + count / 2
            }
            .clamp(FEWEST, MOST);
        }
        let mut new = 0;
        for (row, outcome) in rows.iter().zip(outcomes) {
            match outcome {
                RowOutcome::Created => {
                    report.created += 1;
                    new += 1;
                }
                RowOutcome::Updated => report.updated += 1,
                RowOutcome::Unchanged => report.unchanged += 1,
                RowOutcome::Rejected(refusal) => {
                    report.rejected += 1;
                    watch.rejected(Finding {
                        line: row.line,
                        error: refused(refusal, &row.plan),
                    })?;
                }
            }
        }
        if let How::Merge(expect) = &mut self.how {
            *expect = if new == rows.len() {
                Expect::New
            } else {
                Expect::Known
            };
        }
        Ok(())
    }
}

fn refused(refusal: Refusal, plan: &FlightPlan) -> RowError {
    let (column, reason) = match refusal {
        Refusal::Invalid { field, message } => (field, message),
        Refusal::HasBookings(reason) => (String::new(), reason),
    };
    RowError {
        column,
        reason,
        value: FlightKey::of(plan).to_string(),
    }
}

#[cfg(test)]
mod tests;
