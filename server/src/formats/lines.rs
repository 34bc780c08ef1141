//! The lines of a file, of which none is ever longer in memory than it may be.

use std::io::{BufRead, Read};

/// The longest line that is read, in bytes.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Lines of a file, never more than [`LONGEST_LINE`] bytes of one in memory.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line of fit length, without its end.
    Fit(&'a [u8]),
    /// It was longer than is read, and was skipped.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// Lines of a reader.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The number of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` at the end.
    pub fn next_line(&mut self) -> std::io::Result<Option<Line<'_>>> {
        self.line.clear();
        let limit = LONGEST_LINE as u64 + 2;
        let read = (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = self.line.last() == Some(&b'\n');
        if ended {
            self.line.pop();
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.line.len() > LONGEST_LINE {
            if !ended {
                self.reader.skip_until(b'\n')?;
            }
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Fit(&self.line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_skipped_and_the_next_is_read() {
        let text = format!(
            "a\n{}\r\nb\n{}",
            "x".repeat(LONGEST_LINE + 9),
            "y".repeat(LONGEST_LINE)
        );
        let mut lines = Lines::new(text.as_bytes());
        assert_eq!(lines.next_line().unwrap(), Some(Line::Fit(b"a")));
        assert_eq!(lines.next_line().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next_line().unwrap(), Some(Line::Fit(b"b")));
        assert!(matches!(lines.next_line().unwrap(), Some(Line::Fit(_))));
        assert_eq!(lines.next_line().unwrap(), None);
        assert_eq!(lines.number(), 4);
    }
}
