//! IATA SSIM chapter 7: records of 200 bytes that plan a carrier's season (described in `docs/formats.md`).
//!
//! A data set is a header (type 1), and for each carrier a carrier record (type 2), its legs (type 3, each followed by
//! its segment data, type 4) and a trailer (type 5). Column numbers are those of bytes, from 1.

use airside_common::airport::CarrierCode;
use airside_common::flight::FlightNumber;
use jiff::civil::Date;
use rustc_hash::FxHashSet;

use self::leg::{Leg, Taken};
use self::record::{Columns, RECORD, Record};
use self::serial::Serials;
use super::{Coverage, Days, Defaults, Finding, RowError, Sink};
use crate::reference::reference;

mod cabins;
mod expand;
mod leg;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod serial;

const TITLE: &str = "AIRLINE STANDARD SCHEDULE DATA SET";

/// Data elements that make a leg another carrier's: the operating carrier of a code share, and the leg that this one
/// doubles.
const CODE_SHARE: [&str; 4] = ["2", "002", "50", "050"];

/// Whether a file that begins with a line looks like this format.
pub(super) fn begins_with(line: &[u8]) -> bool {
    let titled = line
        .strip_prefix(b"1")
        .is_some_and(|rest| rest.starts_with(TITLE.as_bytes()));
    titled || (line.len() == RECORD && matches!(line[0], b'0'..=b'5'))
}

/// What of a data set stands between two lines.
#[derive(Debug)]
pub struct DataSet {
    defaults: Defaults,
    serials: Serials,
    /// The carrier whose legs come; `None` where its record is missing or cannot be read, and behind its trailer.
    carrier: Option<Carrier>,
    /// The leg whose segment data may come.
    leg: Option<Waiting>,
    /// The leg record that was read last, taken or not.
    previous: Option<Previous>,
    end: End,
}

/// A carrier record, and what is known of the legs behind it.
#[derive(Debug)]
struct Carrier {
    code: CarrierCode,
    days: Days,
    from: Date,
    /// `None`: open.
    to: Option<Date>,
    /// Numbers with a leg that could not be read.
    unsure: FxHashSet<FlightNumber>,
    /// Whether all its records are there and could be told apart.
    whole: bool,
}

#[derive(Debug)]
struct Waiting {
    line: u64,
    leg: Leg,
    code_share: bool,
}

/// What names a leg record: suffix, carrier, number, variation, sequence; and where it ends.
#[derive(Debug, PartialEq, Eq)]
struct Previous {
    name: [u8; 12],
    sequence: u8,
    ends_at: [u8; 3],
}

/// What the last trailer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There was none yet.
    Open,
    /// More follows.
    Continued,
    /// It was the end.
    Ended,
}

impl DataSet {
    /// One of which nothing is read.
    pub fn new(defaults: Defaults) -> Self {
        Self {
            defaults,
            serials: Serials::default(),
            carrier: None,
            leg: None,
            previous: None,
            end: End::Open,
        }
    }

    /// Takes a line.
    pub fn line(&mut self, line: u64, bytes: &[u8], sink: &mut impl Sink) {
        // Zeros fill a block; they have no serial number.
        if bytes.iter().all(|byte| *byte == b'0') {
            return;
        }
        let record = match Record::new(bytes) {
            Ok(record) => record,
            Err(error) => {
                self.settle(sink);
                self.serials.unread();
                self.damage();
                return sink.reject(Finding { line, error });
            }
        };
        let note = |error: RowError| Finding { line, error };
        if let Some(error) = self.serials.check(&record) {
            self.damage();
            sink.note(note(error));
        }
        if record.kind() != b'4' {
            self.settle(sink);
        }
        if self.end == End::Ended && record.kind() != b'1' {
            let error = record
                .field(KIND)
                .wrong("stands behind the end of the data set");
            sink.note(note(error));
            self.end = End::Open;
        }
        match record.kind() {
            b'1' => self.header(line, &record, sink),
            b'2' => self.carrier(line, &record, sink),
            b'3' => self.leg(line, &record, sink),
            b'4' => self.segment(line, &record, sink),
            b'5' => self.trailer(line, &record, sink),
            _ => {
                self.damage();
                let error = record.field(KIND).wrong("a record's type is 1 to 5");
                sink.reject(note(error));
            }
        }
    }

    /// The file has ended behind a line.
    pub fn end(&mut self, line: u64, sink: &mut impl Sink) {
        self.settle(sink);
        let reason = match (&self.carrier, self.end) {
            (Some(carrier), _) => format!(
                "the file ends without the trailer of {}: it may be cut off, and what it leaves out is not reported",
                carrier.code
            ),
            (None, End::Open) => "the file ends without a trailer: it may be cut off".to_owned(),
            (None, End::Continued) => {
                "the file ends although its last trailer says that more follows".to_owned()
            }
            (None, End::Ended) => return,
        };
        sink.note(Finding {
            line,
            error: RowError::row(reason),
        });
    }

    fn header(&mut self, line: u64, record: &Record<'_>, sink: &mut impl Sink) {
        let title = record.field(Columns(2, 35));
        if title.text().trim() != TITLE {
            let error = title.wrong("is not the title of a schedule data set");
            sink.note(Finding { line, error });
        }
        if self.carrier.is_some() || line != 1 {
            let error = record.field(KIND).wrong("a header stands at the beginning");
            sink.note(Finding { line, error });
        }
    }

    fn carrier(&mut self, line: u64, record: &Record<'_>, sink: &mut impl Sink) {
        if let Some(before) = self.carrier.take() {
            let error = RowError::row(format!(
                "{} has no trailer: what it leaves out is not reported",
                before.code
            ));
            sink.note(Finding { line, error });
        }
        self.previous = None;
        match carrier(record) {
            Ok(carrier) => self.carrier = Some(carrier),
            Err(error) => return sink.reject(Finding { line, error }),
        }
        let status = record.field(Columns(72, 72));
        if status.text() == "P" {
            let error = status.wrong("the schedule is proposed, not complete; it was taken");
            sink.note(Finding { line, error });
        }
    }

    fn leg(&mut self, line: u64, record: &Record<'_>, sink: &mut impl Sink) {
        let now = Previous::of(record);
        let before = self.previous.replace(now);
        let Some(carrier) = &mut self.carrier else {
            let error = RowError::row("no carrier record that could be read stands before the leg");
            return sink.reject(Finding { line, error });
        };
        match Leg::read(record, carrier, reference()) {
            Ok(Taken::Skipped) => sink.skip(),
            Ok(Taken::Leg(leg)) => {
                if let Some(error) = leg::restriction(record) {
                    sink.note(Finding { line, error });
                }
                if let Some(error) = gap(before.as_ref(), self.previous.as_ref(), record) {
                    sink.note(Finding { line, error });
                }
                self.leg = Some(Waiting {
                    line,
                    leg: *leg,
                    code_share: false,
                });
            }
            Err(error) => {
                match leg::number(record) {
                    Ok(number) => _ = carrier.unsure.insert(number),
                    Err(_) => carrier.whole = false,
                }
                sink.reject(Finding { line, error });
            }
        }
    }

    fn segment(&mut self, line: u64, record: &Record<'_>, sink: &mut impl Sink) {
        let name = Previous::of(record).name;
        if self.previous.as_ref().is_none_or(|leg| leg.name != name) {
            let error = RowError::row("the segment data belong to no leg that stands before them");
            return sink.note(Finding { line, error });
        }
        let element = record.field(Columns(31, 33));
        if let Some(waiting) = &mut self.leg
            && CODE_SHARE.contains(&element.text().trim())
        {
            waiting.code_share = true;
        }
    }

    fn trailer(&mut self, line: u64, record: &Record<'_>, sink: &mut impl Sink) {
        self.previous = None;
        let mut note = |error| sink.note(Finding { line, error });
        let code = record.field(Columns(194, 194));
        self.end = match code.text() {
            "C" => End::Continued,
            "E" => End::Ended,
            _ => {
                note(code.wrong("is C for continued or E for the end"));
                End::Ended
            }
        };
        if let Some(error) = self.serials.check_total(record) {
            self.damage();
            note(error);
        }
        let Some(carrier) = self.carrier.take() else {
            return note(RowError::row("the trailer has no carrier record before it"));
        };
        let whose = record.field(Columns(3, 5));
        if whose.text().trim() != carrier.code.as_str() {
            note(whose.wrong(format!("the carrier record before says {}", carrier.code)));
        }
        let to = match carrier.to {
            Some(to) if carrier.whole => to,
            _ => {
                let why = if carrier.whole {
                    "its period is open"
                } else {
                    "not all its records could be read"
                };
                return note(RowError::row(format!(
                    "what the file leaves out of {} is not reported: {why}",
                    carrier.code
                )));
            }
        };
        sink.cover(Coverage {
            carrier: carrier.code,
            from: carrier.from,
            to,
            days: carrier.days,
            unsure: carrier.unsure,
        });
    }

    /// What the leg that waits becomes, when no more segment data can come.
    fn settle(&mut self, sink: &mut impl Sink) {
        let (Some(waiting), Some(carrier)) = (self.leg.take(), &self.carrier) else {
            return;
        };
        if waiting.code_share {
            return sink.skip();
        }
        expand::expand(
            waiting.line,
            &waiting.leg,
            carrier.days,
            &self.defaults,
            sink,
        );
    }

    /// Records are missing or cannot be told apart: what the file leaves out is unknown.
    fn damage(&mut self) {
        if let Some(carrier) = &mut self.carrier {
            carrier.whole = false;
        }
    }
}

const KIND: Columns = Columns(1, 1);

impl Previous {
    fn of(record: &Record<'_>) -> Self {
        Self {
            name: record.bytes(Columns(2, 13)),
            sequence: record
                .field(Columns(12, 13))
                .text()
                .trim()
                .parse()
                .unwrap_or(0),
            ends_at: record.bytes(Columns(55, 57)),
        }
    }

    /// Whether both are legs of one itinerary: the name but for the sequence.
    fn is_same_itinerary(&self, other: &Self) -> bool {
        self.name[..10] == other.name[..10]
    }
}

/// What is wrong between a leg and the one before it.
fn gap(before: Option<&Previous>, now: Option<&Previous>, record: &Record<'_>) -> Option<RowError> {
    let now = now?;
    let first = now.sequence == 1;
    let before = before.filter(|before| before.is_same_itinerary(now));
    match before {
        None if first => None,
        None => Some(
            record
                .field(Columns(12, 13))
                .wrong("the legs before it are missing"),
        ),
        Some(before) if first || before.sequence + 1 != now.sequence => (!first).then(|| {
            record
                .field(Columns(12, 13))
                .wrong(format!("leg {} stands before it", before.sequence))
        }),
        Some(before) => {
            let from = record.field(Columns(37, 39));
            let ends_at = String::from_utf8_lossy(&before.ends_at);
            (from.text() != ends_at)
                .then(|| from.wrong(format!("the leg before it ends at {ends_at}")))
        }
    }
}

fn carrier(record: &Record<'_>) -> Result<Carrier, RowError> {
    let mode = record.field(Columns(2, 2));
    let days = match mode.text() {
        "U" => Days::Utc,
        "L" => Days::Local,
        _ => return Err(mode.wrong("the time mode is U for UTC or L for local")),
    };
    let (from, to) = (record.field(Columns(15, 21)), record.field(Columns(22, 28)));
    let from_date = from.date()?;
    let to_date = to.date_or_open()?;
    if to_date.is_some_and(|to| to < from_date) {
        return Err(to.wrong("the period ends before it begins"));
    }
    Ok(Carrier {
        code: record.field(Columns(3, 5)).parse()?,
        days,
        from: from_date,
        to: to_date,
        unsure: FxHashSet::default(),
        whole: true,
    })
}

#[cfg(test)]
mod tests;
