//! Importing a file from the command line: progress for a person, what was found beside the file.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::cell::neutral;
use super::{Finding, ImportError, ImportReport, Source, Watch, import};
use crate::clock::Clock;
use crate::features::flights::store::{FlightRecord, FlightStore};
use crate::formats::FlightKey;

/// Imports a file, or standard input for `-`. Rejected rows go to `FILE.rejected.csv` beside it, what else should be
/// looked at to `FILE.notes.csv`, flights that a season's file does not have to `FILE.withdrawn.csv` (`stdin.…` in the
/// present folder); where there is nothing to say there is no such file afterwards.
pub async fn import_file(
    store: &dyn FlightStore,
    clock: &dyn Clock,
    path: &Path,
    source: Source,
) -> Result<ImportReport, ImportError> {
    let (reader, length, beside): (Box<dyn Read + Send>, Option<u64>, &Path) =
        if path == Path::new("-") {
            (Box::new(std::io::stdin()), None, Path::new("stdin"))
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
            (Box::new(file), Some(length), path)
        };
    let mut watch = Terminal {
        bar: bar(length),
        rejected: FileBeside::new(beside, "rejected.csv", &FINDING)?,
        notes: FileBeside::new(beside, "notes.csv", &FINDING)?,
        withdrawn: FileBeside::new(beside, "withdrawn.csv", &WITHDRAWN)?,
        first_withdrawn: None,
    };
    let report = import(store, clock, reader, source, &mut watch).await;
    watch.bar.finish_and_clear();
    watch.end()?;
    report
}

/// The columns of a file of findings.
const FINDING: [&str; 4] = ["line", "column", "reason", "value"];

/// The columns of the file of withdrawn flights.
const WITHDRAWN: [&str; 8] = [
    "flight_id",
    "carrier",
    "number",
    "origin",
    "destination",
    "departure",
    "capacity",
    "sold",
];

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
    rejected: FileBeside,
    notes: FileBeside,
    withdrawn: FileBeside,
    first_withdrawn: Option<FlightKey>,
}

impl Terminal {
    /// Finishes the files and says which there are.
    fn end(&mut self) -> Result<(), ImportError> {
        if let Some(path) = self.rejected.finish()? {
            eprintln!("rejected rows are in {}", path.display());
        }
        if let Some(path) = self.notes.finish()? {
            eprintln!("notes are in {}", path.display());
        }
        if let (Some(path), Some(first)) = (self.withdrawn.finish()?, self.first_withdrawn) {
            eprintln!(
                "flights that the file does not have, first {first}, are in {}; none was cancelled",
                path.display()
            );
        }
        Ok(())
    }
}

impl Watch for Terminal {
    fn rejected(&mut self, finding: Finding) -> Result<(), ImportError> {
        self.rejected.write_finding(&finding)
    }

    fn noted(&mut self, finding: Finding) -> Result<(), ImportError> {
        self.notes.write_finding(&finding)
    }

    fn withdrawn(&mut self, flight: &FlightRecord) -> Result<(), ImportError> {
        let plan = &flight.plan;
        self.first_withdrawn.get_or_insert(FlightKey::of(plan));
        self.withdrawn.write([
            flight.id.to_string(),
            plan.carrier.to_string(),
            plan.number.to_string(),
            plan.origin.to_string(),
            plan.destination.to_string(),
            plan.departure.to_string(),
            plan.capacities().iter().sum::<u32>().to_string(),
            flight.sold.iter().sum::<u32>().to_string(),
        ])
    }

    fn progress(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
    }
}

/// A file of what was found; made with its first row.
struct FileBeside {
    path: PathBuf,
    columns: &'static [&'static str],
    writer: Option<csv::Writer<BufWriter<File>>>,
}

impl FileBeside {
    /// What an earlier import left is removed.
    fn new(
        beside: &Path,
        extension: &str,
        columns: &'static [&'static str],
    ) -> Result<Self, ImportError> {
        let path = beside.with_added_extension(extension);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(ImportError::Findings { path, source })
            }
            _ => Ok(Self {
                path,
                columns,
                writer: None,
            }),
        }
    }

    fn write_finding(&mut self, finding: &Finding) -> Result<(), ImportError> {
        let error = &finding.error;
        self.write([
            finding.line.to_string(),
            error.column.clone(),
            neutral(&error.reason),
            neutral(&error.value),
        ])
    }

    fn write<const COUNT: usize>(&mut self, cells: [String; COUNT]) -> Result<(), ImportError> {
        let written = (|| {
            let writer = match &mut self.writer {
                Some(writer) => writer,
                none => {
                    let mut writer =
                        csv::Writer::from_writer(BufWriter::new(File::create(&self.path)?));
                    writer.write_record(self.columns)?;
                    none.insert(writer)
                }
            };
            writer.write_record(cells)?;
            Ok(())
        })();
        written.map_err(|source| self.failed(source))
    }

    /// Where it is, if it was made.
    fn finish(&mut self) -> Result<Option<&Path>, ImportError> {
        match self.writer.as_mut().map(csv::Writer::flush) {
            Some(Err(source)) => Err(self.failed(source)),
            Some(Ok(())) => Ok(Some(&self.path)),
            None => Ok(None),
        }
    }

    fn failed(&self, source: std::io::Error) -> ImportError {
        ImportError::Findings {
            path: self.path.clone(),
            source,
        }
    }
}
