//! The import of an uploaded file: its progress is saved with each part, so that another process can go on with it.

use std::io::Read;

use airside_common::api::uploads::FindingKind;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::checkpoint::{Advance, KeptFinding, Lease, Progress, Wish};
use super::difference::differences;
use super::portions::{Portion, Portions};
use super::withdrawn::Withdrawn;
use super::{ImportError, Pace, RowOutcome, Source};
use crate::clock::Clock;
use crate::features::flights::store::{
    Expect, FlightRecord, FlightStore, FlightStoreError, PlannedRow, Preview,
};
use crate::formats::{FlightKey, Format};

/// Differences of one dry run that are kept.
pub const MOST_DIFFERENCES: usize = 100;

/// What the rows of a file do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Flights become what the file says.
    Merge,
    /// Nothing is written; it is told what would be.
    DryRun,
}

/// Where progress is saved that no flight was merged for.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Saves, if the lease still holds ([`FlightStoreError::LeaseLost`] if not).
    async fn save(&self, advance: &Advance) -> Result<Wish, FlightStoreError>;

    /// Forgets the withdrawn flights that were found before: they are looked for anew. Answers what is left.
    async fn forget_withdrawn(&self, lease: &Lease) -> Result<Progress, FlightStoreError>;
}

/// How an import has ended that met no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The whole file is done.
    Complete(Format),
    /// Somebody wanted it to stop.
    Cancelled,
    /// This process is about to end.
    Stopped,
}

/// An upload that is being imported.
pub struct Import<'a> {
    /// Where flights are.
    pub flights: &'a dyn FlightStore,
    /// Where progress is.
    pub ledger: &'a dyn Ledger,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// By whose right.
    pub lease: &'a Lease,
    /// What its rows do.
    pub effect: Effect,
    /// How far it is.
    pub progress: Progress,
    /// Differences that were kept before.
    pub differences: usize,
    /// Told to stop after the next part.
    pub stop: &'a CancellationToken,
}

impl Import<'_> {
    /// Goes on with a file from where it stands: the file is read from its start, and what was dealt with before is passed
    /// over.
    pub async fn run(
        &mut self,
        reader: impl Read + Send + 'static,
        source: Source,
    ) -> Result<End, ImportError> {
        let mut portions = Portions::of(reader, source);
        let mut pace = Pace::of(self.flights);
        let mut expect = Expect::Known;
        let mut passed = self.progress.position;
        while let Some(mut portion) = portions.next(pace.rows()).await {
            pass(&mut portion.rows, &mut passed.flights);
            pass(&mut portion.rejected, &mut passed.rejected);
            pass(&mut portion.noted, &mut passed.noted);
            if self.stop.is_cancelled() {
                return Ok(End::Stopped);
            }
            let Portion { rows, .. } = &portion;
            if rows.is_empty() && portion.rejected.is_empty() && portion.noted.is_empty() {
                continue;
            }
            let advance = self.found(&portion);
            let count = portion.rows.len();
            let part = self.part(&portion.rows, expect, advance);
            let (outcomes, wish) = pace.measure(count, part).await?;
            if !outcomes.is_empty() {
                expect = Expect::after(&outcomes);
            }
            if wish == Wish::Cancel {
                return Ok(End::Cancelled);
            }
        }
        let file = portions.end().await?;
        if file.format == Format::Ssim {
            self.progress = self.ledger.forget_withdrawn(self.lease).await?;
            for coverage in &file.coverages {
                let mut withdrawn = Withdrawn::of(coverage, &file);
                while let Some(page) = withdrawn.next(self.flights).await? {
                    if self.stop.is_cancelled() {
                        return Ok(End::Stopped);
                    }
                    if !page.is_empty() && self.withdrawn(&page).await? == Wish::Cancel {
                        return Ok(End::Cancelled);
                    }
                }
            }
        }
        Ok(End::Complete(file.format))
    }

    /// What is to be saved of a portion beside what becomes of its rows.
    fn found(&self, portion: &Portion) -> Advance {
        let mut advance = Advance::of(self.lease, self.progress);
        advance.progress.bytes = advance.progress.bytes.max(portion.bytes);
        for finding in &portion.rejected {
            advance.progress.position.rejected += 1;
            advance.progress.tally.rejected += 1;
            advance.find(KeptFinding::of(FindingKind::Rejected, finding));
        }
        for finding in &portion.noted {
            advance.progress.position.noted += 1;
            advance.progress.tally.noted += 1;
            advance.find(KeptFinding::of(FindingKind::Noted, finding));
        }
        advance
    }

    /// Deals with rows and saves it.
    async fn part(
        &mut self,
        rows: &[PlannedRow],
        expect: Expect,
        advance: Advance,
    ) -> Result<(Vec<RowOutcome>, Wish), ImportError> {
        if rows.is_empty() {
            let wish = self.ledger.save(&advance).await?;
            self.progress = advance.progress;
            return Ok((Vec::new(), wish));
        }
        if self.effect == Effect::Merge {
            let now = self.clock.now();
            let merged = self.flights.merge_part(rows, expect, now, &advance).await?;
            self.progress = advance.with(rows, &merged.outcomes).progress;
            return Ok((merged.outcomes, merged.wish));
        }
        let previews = self.flights.preview(rows).await?;
        let mut advance = advance;
        for (row, preview) in rows.iter().zip(&previews) {
            let room = MOST_DIFFERENCES - self.differences;
            let new = differences(row, preview);
            let kept = room.min(new.len());
            self.differences += kept;
            advance.differences.extend(new.into_iter().take(kept));
        }
        let outcomes: Vec<RowOutcome> = previews.into_iter().map(Preview::outcome).collect();
        let advance = advance.with(rows, &outcomes);
        let wish = self.ledger.save(&advance).await?;
        self.progress = advance.progress;
        Ok((outcomes, wish))
    }

    async fn withdrawn(&mut self, flights: &[FlightRecord]) -> Result<Wish, ImportError> {
        let mut advance = Advance::of(self.lease, self.progress);
        for flight in flights {
            advance.progress.tally.withdrawn += 1;
            let sold: u32 = flight.sold.iter().sum();
            advance.find(KeptFinding {
                kind: FindingKind::Withdrawn,
                line: None,
                column: String::new(),
                reason: format!(
                    "the file does not have it; it was not cancelled; {sold} seats are sold"
                ),
                value: FlightKey::of(&flight.plan).to_string(),
            });
        }
        let wish = self.ledger.save(&advance).await?;
        self.progress = advance.progress;
        Ok(wish)
    }
}

/// Leaves out what was dealt with before.
fn pass<T>(all: &mut Vec<T>, passed: &mut u64) {
    let count = usize::try_from(*passed)
        .unwrap_or(usize::MAX)
        .min(all.len());
    all.drain(..count);
    *passed -= count as u64;
}
