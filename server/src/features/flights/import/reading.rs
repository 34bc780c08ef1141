//! The thread that reads a file and hands on what it finds, in blocks.

use std::io::{BufReader, Read};

use rustc_hash::FxHashSet;
use tokio::sync::mpsc;

use super::{Finding, ImportError, Source, refused};
use crate::features::flights::decide::Refusal;
use crate::features::flights::store::PlannedRow;
use crate::formats::lines::{Line, Lines};
use crate::formats::{Coverage, FlightKey, Format, HeaderError, Reader, Sink};

/// Rows that travel together from the reading thread; the last line adds all that it has.
pub(super) const BLOCK: usize = 512;

/// Rows from the reading thread, and how far it has come.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) rows: Vec<PlannedRow>,
    pub(super) rejected: Vec<Finding>,
    pub(super) noted: Vec<Finding>,
    pub(super) skipped: u64,
    /// Bytes of the file that are read.
    pub(super) bytes: u64,
    /// Whether the rows stand leg by leg, each on dates all over the season.
    pub(super) by_leg: bool,
}

impl Block {
    fn new(bytes: u64, by_leg: bool) -> Self {
        Self {
            rows: Vec::with_capacity(BLOCK),
            rejected: Vec::new(),
            noted: Vec::new(),
            skipped: 0,
            bytes,
            by_leg,
        }
    }

    fn is_full(&self) -> bool {
        self.rows.len() + self.rejected.len() + self.noted.len() >= BLOCK
    }
}

/// What is known of a file when all of it was read.
#[derive(Debug)]
pub(super) struct WholeFile {
    pub(super) format: Format,
    pub(super) coverages: Vec<Coverage>,
    flights: FxHashSet<u64>,
    mentioned: FxHashSet<u64>,
}

impl WholeFile {
    /// Whether a flight stands in it, taken or not.
    pub(super) fn has(&self, flight: &FlightKey) -> bool {
        let key = packed_key(flight);
        self.flights.contains(&key) || self.mentioned.contains(&key)
    }
}

/// Gathers what a format finds; a flight that the file names again is rejected.
struct Gathering {
    block: Block,
    flights: FxHashSet<u64>,
    mentioned: FxHashSet<u64>,
    coverages: Vec<Coverage>,
}

impl Sink for Gathering {
    fn plan(&mut self, row: PlannedRow) {
        if self.flights.insert(packed_key(&FlightKey::of(&row.plan))) {
            self.block.rows.push(row);
        } else {
            let twice = Refusal::invalid("", "the same flight stands in the file before");
            self.block.rejected.push(Finding {
                line: row.line,
                error: refused(twice, &row.plan),
            });
        }
    }

    fn reject(&mut self, finding: Finding) {
        self.block.rejected.push(finding);
    }

    fn note(&mut self, finding: Finding) {
        self.block.noted.push(finding);
    }

    fn skip(&mut self) {
        self.block.skipped += 1;
    }

    fn mention(&mut self, flight: FlightKey) {
        self.mentioned.insert(packed_key(&flight));
    }

    fn cover(&mut self, coverage: Coverage) {
        self.coverages.push(coverage);
    }
}

/// Reads a file to its end, or until nobody takes its blocks any more.
pub(super) fn read(
    file: impl Read,
    source: &Source,
    blocks: &mpsc::Sender<Block>,
) -> Result<WholeFile, ImportError> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file));
    let mut found = Gathering {
        block: Block::new(0, false),
        flights: FxHashSet::default(),
        mentioned: FxHashSet::default(),
        coverages: Vec::new(),
    };
    let mut reader = match lines.next_line().map_err(ImportError::Read)? {
        None => return Err(HeaderError::Unreadable("the file is empty").into()),
        Some(Line::TooLong) => return Err(HeaderError::Unreadable("it is too long").into()),
        Some(Line::Fit(line)) => {
            found.block.bytes += line.len() as u64 + 1;
            let mut reader = Reader::new(source.format, line, &source.defaults)?;
            found.block.by_leg = reader.format() == Format::Ssim;
            if !reader.has_header() {
                reader.line(1, Line::Fit(line), &mut found);
            }
            reader
        }
    };
    loop {
        let mut ended = true;
        // The number belongs to the line that is borrowed from `lines`.
        let mut number = lines.number();
        while let Some(line) = lines.next_line().map_err(ImportError::Read)? {
            number += 1;
            if let Line::Fit(line) = &line {
                found.block.bytes += line.len() as u64 + 1;
            }
            if line != Line::Fit(&[]) {
                reader.line(number, line, &mut found);
            }
            if found.block.is_full() {
                ended = false;
                break;
            }
        }
        if ended {
            reader.end(number, &mut found);
        }
        let next = Block::new(found.block.bytes, found.block.by_leg);
        let block = std::mem::replace(&mut found.block, next);
        // Nobody listens any more where the store has failed; its error is the one that counts.
        if blocks.blocking_send(block).is_err() || ended {
            return Ok(WholeFile {
                format: reader.format(),
                coverages: found.coverages,
                flights: found.flights,
                mentioned: found.mentioned,
            });
        }
    }
}

/// The natural key without loss: 11 bits of carrier, 14 of number, 16 of origin, 18 of day.
fn packed_key(flight: &FlightKey) -> u64 {
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
    let day = flight.date - jiff::civil::date(1970, 1, 1);
    let day = u64::from(day.get_days().unsigned_abs());
    ((letters(flight.carrier.as_str()) << 14 | u64::from(flight.number.get())) << 16
        | letters(flight.origin.as_str()))
        << 18
        | day
}
