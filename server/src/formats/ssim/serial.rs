//! Serial numbers: each record has the number behind that of the record before.

use super::record::{Columns, Record};
use crate::formats::RowError;

const SERIAL: Columns = Columns(195, 200);
/// A trailer's: the number of the record before it.
const TOTAL: Columns = Columns(188, 193);
const HIGHEST: u32 = 999_999;

/// What serial numbers were read.
#[derive(Debug, Default)]
pub(super) struct Serials {
    /// That of the record before the one that was read last, and of this one.
    before: Option<u32>,
    last: Option<u32>,
    /// Whether the record before had none, which is told once.
    unnumbered: bool,
}

impl Serials {
    /// A record could not be read; whatever it is, it has a number.
    pub(super) fn unread(&mut self) {
        self.before = self.last;
        self.last = self.last.map(next);
    }

    /// What is wrong with the number of the record that comes now. The next is expected behind the number that was found.
    pub(super) fn check(&mut self, record: &Record<'_>) -> Option<RowError> {
        let field = record.field(SERIAL);
        self.before = self.last;
        let Some(found) = field.number() else {
            self.last = self.last.map(next);
            return (!std::mem::replace(&mut self.unnumbered, true))
                .then(|| field.wrong("the record has no serial number"));
        };
        self.unnumbered = false;
        self.last = Some(found);
        let expected = self.before.map_or(1, next);
        // After the highest number some begin at 0.
        let anew = self.before == Some(HIGHEST) && found == 0;
        (found != expected && !anew).then(|| {
            field.wrong(format!(
                "the serial number is not {expected:06}: records are missing, twice or in another order"
            ))
        })
    }

    /// What is wrong with the check of a trailer, whose own number is checked already.
    pub(super) fn check_total(&self, trailer: &Record<'_>) -> Option<RowError> {
        let field = trailer.field(TOTAL);
        (field.number().is_none() || field.number() != self.before).then(|| {
            field.wrong(match self.before {
                Some(before) => format!("the record before has serial number {before:06}"),
                None => "no record with a serial number stands before".to_owned(),
            })
        })
    }
}

fn next(serial: u32) -> u32 {
    if serial >= HIGHEST { 1 } else { serial + 1 }
}
