//! Importing a file from the command line: progress for a person, rejected rows beside the file.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read};
use std::path::{Path, PathBuf};

use airside_common::text::printable;
use indicatif::{ProgressBar, ProgressStyle};

use super::{ImportError, ImportReport, Rejection, Watch, import};
use crate::clock::Clock;
use crate::features::flights::store::FlightStore;

/// Imports a file, or standard input for `-`. Rejected rows go to `FILE.rejected.csv` beside it (`stdin.rejected.csv`
/// in the present folder); where none is rejected there is no such file afterwards.
pub async fn import_file(
    store: &dyn FlightStore,
    clock: &dyn Clock,
    path: &Path,
) -> Result<ImportReport, ImportError> {
    let (reader, length, rejected): (Box<dyn Read + Send>, Option<u64>, PathBuf) =
        if path == Path::new("-") {
            (
                Box::new(std::io::stdin()),
                None,
                "stdin.rejected.csv".into(),
            )
        } else {
            let open = || {
                let file = File::open(path)?;
                let metadata = file.metadata()?;
                if metadata.is_dir() {
                    return Err(std::io::ErrorKind::IsADirectory.into());
                }
                Ok((file, metadata.len()))
            };
            let (file, length) = open().map_err(|source| ImportError::Open {
                path: path.to_owned(),
                source,
            })?;
            (
                Box::new(file),
                Some(length),
                path.with_added_extension("rejected.csv"),
            )
        };
    let mut watch = Terminal {
        bar: bar(length),
        rejected: RejectedFile::new(rejected)?,
    };
    let report = import(store, clock, reader, &mut watch).await;
    watch.bar.finish_and_clear();
    watch.rejected.finish()?;
    if let Ok(ImportReport { rejected: 1.., .. }) = report {
        eprintln!("rejected rows are in {}", watch.rejected.path.display());
    }
    report
}

/// A bar on standard error where a person watches; for bytes if their number is known.
pub(crate) fn bar(length: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = "{bar:40} {percent}% {eta}";
    bar.with_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

struct Terminal {
    bar: ProgressBar,
    rejected: RejectedFile,
}

impl Watch for Terminal {
    fn rejected(&mut self, rejection: Rejection) -> Result<(), ImportError> {
        self.rejected.write(&rejection)
    }

    fn progress(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
    }
}

/// The file of rejected rows; made with the first of them.
struct RejectedFile {
    path: PathBuf,
    writer: Option<csv::Writer<BufWriter<File>>>,
}

impl RejectedFile {
    /// What an earlier import left is removed.
    fn new(path: PathBuf) -> Result<Self, ImportError> {
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(ImportError::Rejections { path, source })
            }
            _ => Ok(Self { path, writer: None }),
        }
    }

    fn write(&mut self, rejection: &Rejection) -> Result<(), ImportError> {
        let written = (|| {
            let writer = match &mut self.writer {
                Some(writer) => writer,
                none => {
                    let mut writer =
                        csv::Writer::from_writer(BufWriter::new(File::create(&self.path)?));
                    writer.write_record(["line", "column", "reason", "value"])?;
                    none.insert(writer)
                }
            };
            let error = &rejection.error;
            writer.write_record([
                rejection.line.to_string(),
                error.column.clone(),
                neutral(&error.reason),
                neutral(&error.value),
            ])?;
            Ok(())
        })();
        written.map_err(|source| self.failed(source))
    }

    fn finish(&mut self) -> Result<(), ImportError> {
        let flushed = match &mut self.writer {
            Some(writer) => writer.flush(),
            None => Ok(()),
        };
        flushed.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> ImportError {
        ImportError::Rejections {
            path: self.path.clone(),
            source,
        }
    }
}

/// The longest cell that is repeated, in characters.
const LONGEST_VALUE: usize = 200;

/// A cell that no spreadsheet takes for a formula, and no terminal for an order.
fn neutral(cell: &str) -> String {
    let cut: String = cell.chars().take(LONGEST_VALUE).collect();
    let cut = printable(&cut);
    if cut.trim_start().starts_with(['=', '+', '-', '@']) {
        format!("'{cut}")
    } else {
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("=1+1", "'=1+1")]
    #[case("@SUM", "'@SUM")]
    #[case("-50", "'-50")]
    #[case("\t=1+1", "' =1+1")]
    #[case("\r@SUM", "'@SUM")]
    #[case("7\u{1b}[31m", "7[31m")]
    #[case("\u{202e}83\u{9b}7", "837")]
    #[case("B6", "B6")]
    fn formulas_and_controls_are_neutralised(#[case] cell: &str, #[case] written: &str) {
        assert_eq!(neutral(cell), written);
    }
}
