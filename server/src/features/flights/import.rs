//! Importing a file of flights: streamed, checked row by row, merged in short transactions.

use std::collections::VecDeque;
use std::io::{BufReader, Read};
use std::time::Instant;

use rustc_hash::FxHashSet;
use tokio::sync::mpsc;

use super::decide::Refusal;
use super::store::{Expect, FlightPlan, FlightStore, FlightStoreError, PlannedRow};
use crate::clock::Clock;
use crate::formats::airside_csv::{Header, HeaderError, Line, Lines, RowError};
use crate::reference::reference;

pub mod file;

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

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub error: RowError,
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
}

impl std::fmt::Display for ImportReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            created,
            updated,
            unchanged,
            rejected,
        } = self;
        write!(
            f,
            "created {created} updated {updated} unchanged {unchanged} rejected {rejected}"
        )
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
    /// The rejected rows cannot be written down.
    #[error("the rejected rows cannot be written to {path}: {source}")]
    Rejections {
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
    fn rejected(&mut self, rejection: Rejection) -> Result<(), ImportError>;
    /// So many bytes of the file are done.
    fn progress(&mut self, bytes: u64);
}

/// Rows that travel together from the reading thread.
const BLOCK: usize = 512;
const FEWEST: usize = 32;
const MOST: usize = 4096;

/// Imports a file in the Airside CSV format.
///
/// Memory does not grow with the file but for eight bytes a row, which find rows that name the same flight twice: the
/// first is taken, later ones are rejected, so that the same file has the same result however often it is imported.
pub async fn import(
    store: &dyn FlightStore,
    clock: &dyn Clock,
    reader: impl Read + Send + 'static,
    watch: &mut dyn Watch,
) -> Result<ImportReport, ImportError> {
    // While the store takes the most that it ever does at once, the next is read.
    let (sender, mut blocks) = mpsc::channel(MOST / BLOCK);
    let reading = tokio::task::spawn_blocking(move || read(reader, &sender));
    let mut report = ImportReport::default();
    let mut merger = Merger::new(store, clock, How::Merge(Expect::Known));
    while let Some(block) = blocks.recv().await {
        let Block {
            rows,
            rejected,
            bytes,
        } = block;
        for rejection in rejected {
            report.rejected += 1;
            watch.rejected(rejection)?;
        }
        merger.waiting.extend(rows);
        while merger.waiting.len() >= merger.size {
            merger.step(&mut report, watch).await?;
        }
        watch.progress(bytes);
    }
    reading.await.map_err(|_| ImportError::Interrupted)??;
    while !merger.waiting.is_empty() {
        merger.step(&mut report, watch).await?;
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
        merger.waiting.push_back(PlannedRow { line, plan });
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
                    watch.rejected(Rejection {
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
        value: format!(
            "{}{} {} {}",
            plan.carrier,
            plan.number,
            plan.origin,
            plan.departure.date()
        ),
    }
}

/// Rows from the reading thread, and how far it has come.
struct Block {
    rows: Vec<PlannedRow>,
    rejected: Vec<Rejection>,
    bytes: u64,
}

fn read(reader: impl Read, blocks: &mpsc::Sender<Block>) -> Result<(), ImportError> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, reader));
    let mut bytes = 0;
    let header = match lines.next_line().map_err(ImportError::Read)? {
        None => return Err(HeaderError::Unreadable("the file is empty").into()),
        Some(Line::TooLong) => return Err(HeaderError::Unreadable("it is too long").into()),
        Some(Line::Fit(line)) => {
            bytes += line.len() as u64 + 1;
            Header::parse(line)?
        }
    };
    let reference = reference();
    let mut seen = FxHashSet::default();
    loop {
        let mut block = Block {
            rows: Vec::with_capacity(BLOCK),
            rejected: Vec::new(),
            bytes,
        };
        let mut ended = true;
        while let Some(line) = lines.next_line().map_err(ImportError::Read)? {
            let row = match line {
                Line::Fit([]) => {
                    block.bytes += 1;
                    continue;
                }
                Line::Fit(line) => {
                    block.bytes += line.len() as u64 + 1;
                    header.row(reference, line)
                }
                Line::TooLong => Err(RowError {
                    column: String::new(),
                    reason: "the line is longer than 64 KiB".to_owned(),
                    value: String::new(),
                }),
            };
            let line = lines.number();
            match row {
                Ok(plan) if !seen.insert(packed_key(&plan)) => block.rejected.push(Rejection {
                    line,
                    error: refused(
                        Refusal::invalid("", "the same flight stands in the file before"),
                        &plan,
                    ),
                }),
                Ok(plan) => block.rows.push(PlannedRow { line, plan }),
                Err(error) => block.rejected.push(Rejection { line, error }),
            }
            if block.rows.len() + block.rejected.len() >= BLOCK {
                ended = false;
                break;
            }
        }
        bytes = block.bytes;
        // Nobody listens any more where the store has failed; its error is the one that counts.
        if blocks.blocking_send(block).is_err() || ended {
            return Ok(());
        }
    }
}

/// The natural key without loss: 11 bits of carrier, 14 of number, 16 of origin, 18 of day.
fn packed_key(plan: &FlightPlan) -> u64 {
    let letters = |text: &str| {
        text.bytes().fold(0_u64, |sum, b| {
            let digit = if b.is_ascii_digit() {
                b - b'0' + 26
            } else {
                b - b'A'
            };
            sum * 36 + u64::from(digit)
        })
    };
    let day = plan.departure.date() - jiff::civil::date(1970, 1, 1);
    let day = u64::from(day.get_days().unsigned_abs());
    ((letters(plan.carrier.as_str()) << 14 | u64::from(plan.number.get())) << 16
        | letters(plan.origin.as_str()))
        << 18
        | day
}

#[cfg(test)]
mod tests;
