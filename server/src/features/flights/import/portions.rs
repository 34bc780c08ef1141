//! The rows of a file in the order in which they are merged, which is the same each time the file is read.

use std::collections::VecDeque;
use std::io::Read;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::reading::{BLOCK, Block, WholeFile, read};
use super::{Finding, ImportError, MOST, Source};
use crate::features::flights::store::PlannedRow;

/// Rows of a file in the order of legs that are brought into the order of dates before they are merged.
const WINDOW: usize = 1 << 16;

/// Findings that a portion waits for no more rows with.
const MANY_FINDINGS: usize = MOST;

/// A file that is being read.
pub(super) struct Portions {
    blocks: mpsc::Receiver<Block>,
    reading: JoinHandle<Result<WholeFile, ImportError>>,
    waiting: VecDeque<PlannedRow>,
    /// Of those that wait, how many are in the order in which they are merged.
    ordered: usize,
    found: Portion,
    has_ended: bool,
}

/// Rows that are merged at once, and what was found beside them.
#[derive(Debug, Default)]
pub(super) struct Portion {
    pub(super) rows: Vec<PlannedRow>,
    pub(super) rejected: Vec<Finding>,
    pub(super) noted: Vec<Finding>,
    pub(super) skipped: u64,
    /// Bytes of the file that are read.
    pub(super) bytes: u64,
}

impl Portions {
    /// Begins to read a file, on a thread of its own.
    pub(super) fn of(reader: impl Read + Send + 'static, source: Source) -> Self {
        // While the store takes the most that it ever does at once, the next is read.
        let (sender, blocks) = mpsc::channel(MOST / BLOCK);
        Self {
            blocks,
            reading: tokio::task::spawn_blocking(move || read(reader, &source, &sender)),
            waiting: VecDeque::new(),
            ordered: 0,
            found: Portion::default(),
            has_ended: false,
        }
    }

    /// The next rows, `most` of them unless a window or the file ends; `None` behind the last.
    pub(super) async fn next(&mut self, most: usize) -> Option<Portion> {
        while self.ordered < most && !self.has_ended {
            if let Some(block) = self.blocks.recv().await {
                self.take(block);
            } else {
                self.has_ended = true;
                self.order();
            }
            let findings = self.found.rejected.len() + self.found.noted.len();
            if findings >= MANY_FINDINGS || (self.ordered > 0 && self.ordered < self.waiting.len())
            {
                break;
            }
        }
        let count = most.min(self.ordered);
        self.ordered -= count;
        let bytes = self.found.bytes;
        let mut portion = std::mem::take(&mut self.found);
        self.found.bytes = bytes;
        portion.rows = self.waiting.drain(..count).collect();
        let is_last = self.has_ended
            && portion.rows.is_empty()
            && portion.rejected.is_empty()
            && portion.noted.is_empty()
            && portion.skipped == 0;
        (!is_last).then_some(portion)
    }

    fn take(&mut self, block: Block) {
        let by_leg = block.by_leg;
        self.found.rejected.extend(block.rejected);
        self.found.noted.extend(block.noted);
        self.found.skipped += block.skipped;
        self.found.bytes = block.bytes;
        self.waiting.extend(block.rows);
        if !by_leg {
            self.ordered = self.waiting.len();
        } else if self.ordered == 0 && self.waiting.len() >= WINDOW {
            self.order();
        }
    }

    /// By date: databases keep flights so, and a chunk of few dates touches few of their pages. Rows of a file that is in
    /// order already stay as they are.
    fn order(&mut self) {
        let from = self.ordered;
        self.waiting.make_contiguous()[from..].sort_by_key(|row| row.plan.departure.date());
        self.ordered = self.waiting.len();
    }

    /// What is known of the file when all of it was read.
    pub(super) async fn end(self) -> Result<WholeFile, ImportError> {
        // A reader that waits for room is told that nobody takes its blocks any more.
        drop(self.blocks);
        self.reading.await.map_err(|_| ImportError::Interrupted)?
    }
}
