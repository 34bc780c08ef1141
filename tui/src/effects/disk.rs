//! The journal's file: `<uuid>.jsonl` in the state folder, 0600, one a running console, under a lock of the system.
//!
//! A console that starts adopts the journals that nobody holds: what a killed console left is sent by the next one. A
//! line that a crash tore off at the end is ignored, and cut off before anything is written behind it.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::folders::make_private;
use crate::store::journal::{JournalRecord, Saved};

/// A journal is rewritten once it is this large and mostly says what has ended.
const COMPACT_AFTER: u64 = 256 * 1024;

/// The most records that are written with one fdatasync.
const BATCH: usize = 64;

/// Why a journal could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the journal {path}: {words}")]
pub struct JournalError {
    /// Which file or folder.
    pub path: PathBuf,
    /// What the disk said.
    pub words: String,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> JournalError + '_ {
    move |error| JournalError {
        path: path.to_owned(),
        words: error.to_string(),
    }
}

/// An open journal, under its lock.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    /// Bytes that hold whole records.
    length: u64,
    /// The length after which it is worth rewriting.
    compact_at: u64,
}

/// A journal together with what it and the adopted ones kept.
#[derive(Debug)]
pub struct Opened {
    /// The journal of this console.
    pub journal: Journal,
    /// What is left to do.
    pub saved: Saved,
    /// Lines that could not be read, apart from those torn off at an end; their files were set aside.
    pub damaged: usize,
}

impl Journal {
    /// Opens a journal of this console in the state folder, with what all journals kept that nobody holds. Those are
    /// written into it before they are removed, so that a crash in between leaves an operation twice under one key,
    /// never not at all.
    pub fn open(state: &Path) -> Result<Opened, JournalError> {
        let folder = state.join("journal");
        make_private(&folder).map_err(failed(&folder))?;
        let mut abandoned = Vec::new();
        let mut records = Vec::new();
        let mut damaged = 0;
        for path in journals_in(&folder)? {
            let Some(mut file) = lock_abandoned(&path)? else {
                continue;
            };
            let content = read_records(&mut file).map_err(failed(&path))?;
            records.extend(content.records);
            damaged += content.damaged;
            abandoned.push((path, file, content.damaged));
        }
        let saved = Saved::replay(records);
        let path = folder.join(format!("{}.jsonl", uuid::Uuid::now_v7()));
        let (file, length) = write_whole(&folder, &path, &saved)?;
        for (path, file, damaged) in abandoned {
            // What a crash left of a rewrite; only who holds the journal rewrites it.
            let _ = fs::remove_file(path.with_extension("tmp"));
            if damaged > 0 {
                // Kept for a person to look at.
                fs::rename(&path, path.with_extension("damaged")).map_err(failed(&path))?;
            } else {
                fs::remove_file(&path).map_err(failed(&path))?;
            }
            // Only now may another console see it unlocked: it no longer has its name.
            drop(file);
        }
        sync_folder(&folder)?;
        let journal = Self {
            folder,
            path,
            file,
            length,
            compact_at: COMPACT_AFTER,
        };
        Ok(Opened {
            journal,
            saved,
            damaged,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends records and waits until they are on the disk; after an error none of them counts.
    pub fn append(&mut self, records: &[JournalRecord]) -> Result<(), JournalError> {
        let path = self.path.clone();
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record).map_err(|e| failed(&path)(e.into()))?;
            lines.push(b'\n');
        }
        let written = self
            .file
            .write_all(&lines)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What may be half there must not stand before the next record.
            self.file.set_len(self.length).map_err(failed(&path))?;
            self.file
                .seek(SeekFrom::Start(self.length))
                .map_err(failed(&path))?;
            return Err(failed(&path)(error));
        }
        self.length += lines.len() as u64;
        if self.length > self.compact_at && self.compact().is_err() {
            // The records are on the disk all the same; the next rewrite is tried when there is more to gain.
            self.compact_at = self.length * 2;
        }
        Ok(())
    }

    /// Rewrites the journal without what has ended.
    pub fn compact(&mut self) -> Result<(), JournalError> {
        self.file
            .seek(SeekFrom::Start(0))
            .map_err(failed(&self.path))?;
        let content = read_records(&mut self.file).map_err(failed(&self.path))?;
        let saved = Saved::replay(content.records);
        // The new file is locked before it has the name, and the old one until it has lost it.
        let (file, length) = write_whole(&self.folder, &self.path, &saved)?;
        self.file = file;
        self.length = length;
        self.compact_at = COMPACT_AFTER.max(length * 2);
        Ok(())
    }

    /// The console ends in order: a journal with nothing left to do is removed.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.compact()?;
        if self.length == 0 {
            fs::remove_file(&self.path).map_err(failed(&self.path))?;
        }
        Ok(())
    }
}

/// The journals of a folder, the oldest first.
fn journals_in(folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            paths.push(path);
        }
    }
    // Version 7 UUIDs sort by the time of their making.
    paths.sort();
    Ok(paths)
}

/// Opens and locks a journal, unless another console holds it or has just renamed or removed it.
fn lock_abandoned(path: &Path) -> Result<Option<File>, JournalError> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path)(error)),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(failed(path)(error)),
    }
    let opened = file.metadata().map_err(failed(path))?;
    match fs::metadata(path) {
        Ok(named) if (named.dev(), named.ino()) == (opened.dev(), opened.ino()) => Ok(Some(file)),
        // The name has gone, or leads to another file by now: that one is held by who made it.
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

struct Content {
    records: Vec<JournalRecord>,
    damaged: usize,
}

fn read_records(file: &mut File) -> io::Result<Content> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // What stands behind the last line end was torn off by a crash before it was synced.
    let whole = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let mut records = Vec::new();
    let mut damaged = 0;
    for line in bytes[..whole].split(|b| *b == b'\n') {
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            Err(_) => damaged += 1,
        }
    }
    Ok(Content { records, damaged })
}

/// Writes a journal under a temporary name, locks it, and gives it its name: nobody ever sees half of it.
fn write_whole(folder: &Path, path: &Path, saved: &Saved) -> Result<(File, u64), JournalError> {
    let temporary = path.with_extension("tmp");
    let write = || -> io::Result<(File, u64)> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.try_lock()?;
        let mut lines = Vec::new();
        for record in saved.records() {
            serde_json::to_writer(&mut lines, &record)?;
            lines.push(b'\n');
        }
        file.write_all(&lines)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        Ok((file, lines.len() as u64))
    };
    let written = write().map_err(failed(path))?;
    sync_folder(folder)?;
    Ok(written)
}

fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(failed(folder))
}

/// The thread that writes the journal, so that nobody else waits for the disk.
#[derive(Debug, Clone)]
pub struct JournalWriter(mpsc::Sender<Order>);

type Done = oneshot::Sender<Result<(), JournalError>>;

enum Order {
    Append(JournalRecord, Done),
    Close(Done),
}

impl JournalWriter {
    /// Starts the thread.
    pub fn start(journal: Journal) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(journal, &inbox))?;
        Ok(Self(orders))
    }

    /// Appends a record; ready once it is on the disk. Records are written in the order of the calls.
    pub fn append(
        &self,
        record: JournalRecord,
    ) -> impl Future<Output = Result<(), JournalError>> + Send + 'static {
        self.order(|done| Order::Append(record, done))
    }

    /// Ends the thread in order; ready once all that was ordered is on the disk.
    pub fn close(&self) -> impl Future<Output = Result<(), JournalError>> + Send + 'static {
        self.order(Order::Close)
    }

    fn order(
        &self,
        make: impl FnOnce(Done) -> Order,
    ) -> impl Future<Output = Result<(), JournalError>> + Send + 'static {
        let (done, told) = oneshot::channel();
        // Where the thread is gone, the answer's sender is dropped with the order.
        let _ = self.0.send(make(done));
        async move {
            told.await.unwrap_or_else(|_| {
                Err(JournalError {
                    path: PathBuf::new(),
                    words: "it is closed".to_owned(),
                })
            })
        }
    }
}

/// Writes what is ordered, as much at once as waits.
fn write_all(mut journal: Journal, inbox: &mpsc::Receiver<Order>) {
    while let Ok(first) = inbox.recv() {
        let mut orders = VecDeque::from([first]);
        while orders.len() < BATCH
            && let Ok(order) = inbox.try_recv()
        {
            orders.push_back(order);
        }
        let mut records = Vec::new();
        let mut waiting = Vec::new();
        let mut closing = None;
        for order in orders {
            match order {
                Order::Append(record, done) => {
                    records.push(record);
                    waiting.push(done);
                }
                Order::Close(done) => closing = Some(done),
            }
        }
        let result = if records.is_empty() {
            Ok(())
        } else {
            journal.append(&records)
        };
        for done in waiting {
            // Who no longer waits needs no answer.
            let _ = done.send(result.clone());
        }
        if let Some(done) = closing {
            let _ = done.send(journal.close());
            return;
        }
    }
}
