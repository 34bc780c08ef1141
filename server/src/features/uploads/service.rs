//! What admins do with uploads. No HTTP and no SQL.

use std::sync::Arc;

use airside_common::api::uploads::{FindingKind, Upload, UploadPage};
use airside_common::text::printable;
use airside_common::upload::{Sender, UploadId, UploadStatus};
use hyper::body::Bytes;
use sha2::{Digest, Sha256};

use super::store::{Added, FoundFile, NewUpload, Repeat, UploadStore, UploadStoreError};
use crate::clock::SharedClock;
use crate::config::ImportSettings;
use crate::consistency;
use crate::features::audit::entry::NewEntry;
use crate::features::flights::import::checkpoint::KeptFinding;
use crate::features::flights::import::resumable::Effect;
use crate::files::{Files, FilesError, Writing};
use crate::formats::Format;
use crate::formats::lines::LONGEST_LINE;
use crate::store::StoreError;

/// The largest file that is taken, unpacked, in bytes.
pub const LARGEST_FILE: u64 = 512 * 1024 * 1024;

/// The longest name of a file that is kept, in characters.
const LONGEST_NAME: usize = 200;

/// The name under which a file is kept.
pub fn name(upload: UploadId) -> String {
    format!("{FOLDER}{upload}")
}

/// Where uploads are among the files.
pub const FOLDER: &str = "uploads/";

/// Uploads.
#[derive(Clone)]
pub struct Uploads {
    store: Arc<dyn UploadStore>,
    files: Files,
    clock: SharedClock,
    /// What files do not say, where their senders do not either.
    unsaid: ImportSettings,
}

/// What a sender says of a file.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its name.
    pub filename: Option<String>,
    /// Its format.
    pub format: Option<Format>,
    /// What it does not say.
    pub unsaid: ImportSettings,
    /// What its rows do.
    pub effect: Effect,
    /// What happens where the same was completed before.
    pub repeat: Repeat,
    /// Where it was found, if nobody sent it.
    pub fetched: Option<FoundFile>,
}

/// Who does something with an upload, for the audit log.
#[derive(Debug, Clone)]
pub struct Author {
    /// A user, or the source of a file.
    pub user: Sender,
    /// The request.
    pub request_id: String,
}

impl Author {
    fn did(&self, action: &'static str, upload: UploadId) -> NewEntry {
        NewEntry {
            user: self.user.to_string(),
            request_id: self.request_id.clone(),
            action,
            target: upload.to_string(),
            outcome: "ok".to_owned(),
        }
    }
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is larger than [`LARGEST_FILE`].
    #[error("a file may have {LARGEST_FILE} bytes, unpacked")]
    TooLarge,
    /// It is packed.
    #[error("the file is packed: send it as it is, or one gzip with `Content-Encoding: gzip`")]
    Packed,
    /// It cannot be kept.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// It cannot be recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Uploads {
    /// Uploads of a store and its files.
    pub fn new(
        store: Arc<dyn UploadStore>,
        files: Files,
        clock: SharedClock,
        unsaid: ImportSettings,
    ) -> Self {
        Self {
            store,
            files,
            clock,
            unsaid,
        }
    }

    /// What files do not say, where their senders do not either.
    pub fn unsaid(&self) -> &ImportSettings {
        &self.unsaid
    }

    /// Begins to take a file. What was taken of it is deleted where this is dropped.
    pub async fn receive(&self) -> Result<Receiving, FilesError> {
        let id = UploadId::new();
        Ok(Receiving {
            id,
            file: self.files.write(&name(id)).await?,
            uploads: self.clone(),
            hash: Sha256::new(),
            bytes: 0,
            lines: LineCount::default(),
            beginning: Vec::new(),
        })
    }

    /// One upload.
    pub async fn upload(&self, id: UploadId) -> Result<Upload, UploadStoreError> {
        let upload = self.store.upload(id).await?;
        upload.ok_or(UploadStoreError::NotFound)
    }

    /// A page of uploads, the newest first, and where the next one begins.
    pub async fn list(
        &self,
        status: Option<UploadStatus>,
        before: Option<UploadId>,
        limit: u8,
    ) -> Result<UploadPage, StoreError> {
        let limit = usize::from(limit);
        let most = u32::try_from(limit).unwrap_or(100) + 1;
        let mut items = self.store.uploads(status, before, most).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string());
        Ok(UploadPage { items, next_cursor })
    }

    /// Findings of an upload behind a number.
    pub async fn findings(
        &self,
        id: UploadId,
        kind: FindingKind,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, KeptFinding)>, UploadStoreError> {
        let found = self.store.findings(id, kind, after, limit).await?;
        found.ok_or(UploadStoreError::NotFound)
    }

    /// Stops an upload.
    pub async fn stop(&self, id: UploadId, author: &Author) -> Result<Upload, UploadStoreError> {
        let audit = author.did("upload.cancelled", id);
        self.store.stop(id, self.clock.now(), audit).await
    }
}

/// A file that is arriving.
pub struct Receiving {
    id: UploadId,
    file: Writing,
    uploads: Uploads,
    hash: Sha256,
    bytes: u64,
    lines: LineCount,
    /// Its first line, as much of it as may tell the format.
    beginning: Vec<u8>,
}

/// What packed files begin with: gzip, ZIP, bzip2, xz, Zstandard.
const PACKED: [&[u8]; 5] = [
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
];

impl Receiving {
    /// What has come so far, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes what comes next.
    pub async fn take(&mut self, bytes: Bytes) -> Result<(), ReceiveError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > LARGEST_FILE {
            return Err(ReceiveError::TooLarge);
        }
        self.hash.update(&bytes);
        self.lines.count(&bytes);
        let room = LONGEST_LINE.saturating_sub(self.beginning.len());
        if room > 0 {
            self.beginning.extend(bytes.iter().take(room));
            if PACKED.iter().any(|magic| self.beginning.starts_with(magic)) {
                return Err(ReceiveError::Packed);
            }
        }
        Ok(self.file.write(bytes).await?)
    }

    /// All of it is here. From now on nobody who hangs up undoes anything.
    pub async fn finish(self, asked: Asked, author: Author) -> Result<Added, ReceiveError> {
        if self.bytes == 0 {
            return Err(ReceiveError::Empty);
        }
        let recording = consistency::during(None, self.record(asked, author));
        let (added, reached) = tokio::spawn(recording).await.map_err(|error| {
            FilesError::Service(opendal::Error::new(
                opendal::ErrorKind::Unexpected,
                error.to_string(),
            ))
        })?;
        if let Some(moment) = reached {
            consistency::reached(moment);
        }
        added
    }

    async fn record(self, asked: Asked, author: Author) -> Result<Added, ReceiveError> {
        let Self {
            id,
            file,
            uploads,
            hash,
            bytes,
            lines,
            beginning,
        } = self;
        let first = beginning.split(|byte| *byte == b'\n').next();
        let first = first.unwrap_or_default();
        let first = first.strip_suffix(b"\r").unwrap_or(first);
        let format = asked.format.or_else(|| Format::of_first_line(first));
        let rows = match format {
            Some(Format::Airside | Format::Prototype) => Some(lines.lines().saturating_sub(1)),
            Some(Format::Ssim) | None => None,
        };
        let filename = asked.filename.as_deref().and_then(shown);
        let new = NewUpload {
            id,
            filename,
            format,
            unsaid: asked.unsaid,
            effect: asked.effect,
            sha256: hex(&hash.finalize()),
            bytes,
            rows,
            created_by: author.user.clone(),
            repeat: asked.repeat,
            fetched: asked.fetched,
        };
        file.keep().await?;
        let Uploads {
            store,
            files,
            clock,
            ..
        } = uploads;
        let audit = author.did("upload.received", id);
        let added = store.add(new, clock.now(), audit).await;
        let is_needed = match &added {
            Ok(Added::Queued(_)) => true,
            Ok(Added::Known(_)) => false,
            // It may have been recorded all the same: then the file is needed.
            Err(_) => !matches!(store.upload(id).await, Ok(None)),
        };
        if !is_needed && let Err(error) = files.delete(&name(id)).await {
            tracing::warn!(%error, upload = %id, "a file that nobody needs is left behind");
        }
        Ok(added?)
    }
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A file's name as it is kept: without folders, and without what could drive a terminal.
fn shown(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let cut: String = last.chars().take(LONGEST_NAME).collect();
    let shown = printable(cut.trim());
    (!shown.is_empty()).then_some(shown)
}

/// Counts lines as readers of files do: empty ones are none.
#[derive(Debug, Default)]
struct LineCount {
    ended: u64,
    /// Whether the present line has something.
    has_text: bool,
}

impl LineCount {
    fn count(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.ended += u64::from(self.has_text);
                    self.has_text = false;
                }
                b'\r' => {}
                _ => self.has_text = true,
            }
        }
    }

    fn lines(&self) -> u64 {
        self.ended + u64::from(self.has_text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["a\nb\n"], 2)]
    #[case(&["a\r\n\r\n\nb"], 2)]
    #[case(&["a", "\n", "b", "b\n", "\n"], 2)]
    #[case(&["\n\r\n"], 0)]
    fn lines_are_counted_wherever_they_are_cut(#[case] parts: &[&str], #[case] lines: u64) {
        let mut count = LineCount::default();
        for part in parts {
            count.count(part.as_bytes());
        }
        assert_eq!(count.lines(), lines);
    }

    #[rstest]
    #[case("flights.csv", Some("flights.csv"))]
    #[case("../../etc/passwd", Some("passwd"))]
    #[case("C:\\files\\s27.ssim", Some("s27.ssim"))]
    #[case("a\u{1b}[31mb", Some("a[31mb"))]
    #[case(" ", None)]
    #[case("folder/", None)]
    fn names_are_no_paths_and_drive_no_terminal(#[case] name: &str, #[case] kept: Option<&str>) {
        assert_eq!(shown(name).as_deref(), kept);
    }
}
