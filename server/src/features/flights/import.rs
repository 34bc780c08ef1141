//! Importing a file of flights: streamed, checked row by row, merged in short transactions.

use std::io::Read;
use std::time::{Duration, Instant};

use super::decide::{self, Refusal};
use super::store::{
    Expect, FlightPlan, FlightRecord, FlightStore, FlightStoreError, PlannedRow, Unsaid,
};
use crate::clock::Clock;
use crate::formats::{Defaults, FlightKey, Format, HeaderError, RowError};

use self::portions::{Portion, Portions};
use self::withdrawn::Withdrawn;

pub use crate::formats::Finding;

pub(crate) mod cell;
pub mod checkpoint;
mod difference;
pub mod file;
mod portions;
mod reading;
pub mod resumable;
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
    let mut portions = Portions::of(reader, source);
    let mut report = ImportReport::default();
    let mut season = SeasonReport::default();
    let mut pace = Pace::of(store);
    let mut expect = Expect::Known;
    while let Some(portion) = portions.next(pace.rows()).await {
        let Portion {
            rows,
            rejected,
            noted,
            skipped,
            bytes,
        } = portion;
        for finding in rejected {
            report.rejected += 1;
            watch.rejected(finding)?;
        }
        for finding in noted {
            season.noted += 1;
            watch.noted(finding)?;
        }
        season.skipped += skipped;
        if !rows.is_empty() {
            let merging = store.merge(&rows, expect, clock.now());
            let outcomes = pace.measure(rows.len(), merging).await?;
            expect = Expect::after(&outcomes);
            report.count(&rows, outcomes, watch)?;
        }
        watch.progress(bytes);
    }
    let file = portions.end().await?;
    if file.format == Format::Ssim {
        for coverage in &file.coverages {
            let mut flights = Withdrawn::of(coverage, &file);
            while let Some(page) = flights.next(store).await? {
                for flight in &page {
                    season.withdrawn += 1;
                    watch.withdrawn(flight)?;
                }
            }
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
    let mut pace = Pace::of(store);
    let mut planned = plans.zip(1..).map(|(plan, line)| PlannedRow {
        unsaid: Unsaid::Nothing,
        line,
        plan,
    });
    let mut done = 0;
    loop {
        let rows: Vec<PlannedRow> = planned.by_ref().take(pace.rows()).collect();
        if rows.is_empty() {
            return Ok(report);
        }
        let adding = store.add_missing(&rows, clock.now());
        let outcomes = pace.measure(rows.len(), adding).await?;
        report.count(&rows, outcomes, watch)?;
        done += rows.len() as u64;
        watch.progress(done);
    }
}

/// How many rows go to the store at once: as many as it does in [`FlightStore::pace`].
struct Pace {
    aim: Duration,
    rows: usize,
}

impl Pace {
    fn of(store: &dyn FlightStore) -> Self {
        Self {
            aim: store.pace(),
            rows: 256,
        }
    }

    fn rows(&self) -> usize {
        self.rows
    }

    /// Learns from how long a call of the store takes with so many rows.
    async fn measure<T>(&mut self, rows: usize, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        let took = started.elapsed();
        if rows == self.rows {
            self.rows = if took > self.aim {
                let fit =
                    u128::try_from(rows).unwrap_or(1) * self.aim.as_micros() / took.as_micros();
                usize::try_from(fit).unwrap_or(FEWEST).max(rows / 4)
            } else {
                rows + rows / 2
            }
            .clamp(FEWEST, MOST);
        }
        done
    }
}

impl Expect {
    /// What comes is thought to be like what was.
    fn after(outcomes: &[RowOutcome]) -> Self {
        if outcomes.iter().all(|o| *o == RowOutcome::Created) {
            Self::New
        } else {
            Self::Known
        }
    }
}

impl ImportReport {
    fn count(
        &mut self,
        rows: &[PlannedRow],
        outcomes: Vec<RowOutcome>,
        watch: &mut dyn Watch,
    ) -> Result<(), ImportError> {
        for (row, outcome) in rows.iter().zip(outcomes) {
            match outcome {
                RowOutcome::Created => self.created += 1,
                RowOutcome::Updated => self.updated += 1,
                RowOutcome::Unchanged => self.unchanged += 1,
                RowOutcome::Rejected(refusal) => {
                    self.rejected += 1;
                    watch.rejected(Finding {
                        line: row.line,
                        error: refused(refusal, &row.plan),
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn refused(refusal: Refusal, plan: &FlightPlan) -> RowError {
    let (column, reason) = match refusal {
        Refusal::Invalid { field, message } => (field, message),
        Refusal::HasBookings { message, .. } => (String::new(), message),
    };
    RowError {
        column,
        reason,
        value: FlightKey::of(plan).to_string(),
    }
}

#[cfg(test)]
mod tests;
