//! What is done with a source, wherever it is: its files are listed, read, copied and deleted.

use std::io;
use std::path::{Path, PathBuf};

use airside_common::text::is_control;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use glob::{MatchOptions, Pattern};
use hyper::body::Bytes;
use opendal::{EntryMode, ErrorKind, Metadata, Operator};

use super::address::Address;
use super::ftp::Ftp;
use super::sftp::Sftp;
use super::store::Sighting;
use crate::config::SourceSettings;
use crate::files::address as files;
use crate::files::{PART, operator};

/// The longest name of a file that is taken, in bytes.
const LONGEST_NAME: usize = 200;

/// The longest text of an error that is kept, in characters.
const LONGEST_ERROR: usize = 400;

/// What files' names begin with that were moved.
pub const DONE: &str = "done/";

/// Why a source did not do what it was asked to. No text of it has a password or drives a terminal.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("there is no file {0}")]
    NotFound(String),
    /// It may not be read or written.
    #[error("{0}: permission denied")]
    Denied(String),
    /// Everything else.
    #[error("{0}")]
    Service(String),
}

impl SourceError {
    fn of(path: &str, error: &opendal::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound(escaped(path)),
            ErrorKind::PermissionDenied => Self::Denied(escaped(path)),
            _ => {
                let mut text = error.message().to_owned();
                let mut cause = std::error::Error::source(error);
                while let Some(next) = cause {
                    text = format!("{text}: {next}");
                    cause = next.source();
                }
                Self::Service(short(&text))
            }
        }
    }
}

/// A text without what could drive a terminal, and not longer than is kept.
pub fn short(text: &str) -> String {
    escaped(&text.chars().take(LONGEST_ERROR).collect::<String>())
}

/// A name as it is shown where it may have anything.
pub fn escaped(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars() {
        if is_control(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// What is in a file, part by part.
pub type Content = BoxStream<'static, Result<Bytes, SourceError>>;

/// What is in a source's folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// Its files.
    pub files: Vec<Sighting>,
    /// What was passed over of it that may be a file, in words.
    pub remark: Option<String>,
}

/// A remark on what was passed over, if anything was.
pub(super) fn passed_over(what: &[String]) -> Option<String> {
    (!what.is_empty()).then(|| format!("passed over: {}", what.join(", ")))
}

/// A source that can be reached.
#[async_trait]
pub trait Source: Send + Sync {
    /// The files of its folder, not of folders in it.
    async fn list(&self) -> Result<Listing, SourceError>;

    /// A file as it is now; `None` where it is gone.
    async fn look(&self, path: &str) -> Result<Option<Sighting>, SourceError>;

    /// A file from its start.
    async fn read(&self, path: &str) -> Result<Content, SourceError>;

    /// Writes a file, with the folder that it is in; one that is there is replaced. Where the content ends with an error,
    /// so does this, and what was written may be there.
    async fn write(&self, path: &str, content: Content) -> Result<(), SourceError>;

    /// Deletes a file; one that is not there is no fault.
    async fn delete(&self, path: &str) -> Result<(), SourceError>;
}

/// Reaches a source.
pub fn open(settings: &SourceSettings) -> Result<Box<dyn Source>, SourceError> {
    let failed = |error: &dyn std::error::Error| SourceError::Service(short(&error.to_string()));
    let address = settings.address().map_err(|error| failed(&error))?;
    match address {
        Address::Stored(address) => {
            let folder = match &address {
                files::Address::Folder(path) => Some(path.clone()),
                files::Address::S3 { .. } => None,
            };
            if let Some(path) = &folder {
                is_there(path)?;
            }
            let operator = operator(&address, settings.credentials());
            let operator = operator.map_err(|error| SourceError::of("", &error))?;
            Ok(Box::new(Stored { operator, folder }))
        }
        Address::Ftp(address) => Ok(Box::new(Ftp::new(address, &settings.ca_file)?)),
        Address::Sftp(address) => {
            let (key, known_hosts) = (&settings.key_file, &settings.known_hosts_file);
            Ok(Box::new(Sftp::new(address, key, known_hosts)?))
        }
    }
}

/// A folder that is not there may be a disk that is not mounted: it is not made.
fn is_there(path: &Path) -> Result<(), SourceError> {
    let wrong =
        |error: io::Error| SourceError::Service(short(&format!("{}: {error}", path.display())));
    let metadata = std::fs::metadata(path).map_err(wrong)?;
    if metadata.is_dir() {
        Ok(())
    } else {
        Err(wrong(io::Error::from(io::ErrorKind::NotADirectory)))
    }
}

/// A folder or a bucket.
struct Stored {
    operator: Operator,
    /// Where it is, of a folder.
    folder: Option<PathBuf>,
}

impl Stored {
    /// A bucket tells fractions of a second in lists alone.
    fn sighting(&self, path: &str, metadata: &Metadata) -> Sighting {
        let modified = metadata
            .last_modified()
            .map(opendal::raw::Timestamp::into_inner);
        Sighting {
            path: path.to_owned(),
            size: metadata.content_length(),
            modified: modified.map(|at| match self.folder {
                Some(_) => at.as_microsecond(),
                None => at.as_second() * 1_000_000,
            }),
        }
    }

    /// Whether a name is a file's. What is neither file nor folder, such as a link to somewhere else, is passed over: the
    /// library would follow it.
    async fn is_file(&self, path: &str) -> bool {
        let Some(folder) = &self.folder else {
            return true;
        };
        let metadata = tokio::fs::symlink_metadata(folder.join(path)).await;
        metadata.is_ok_and(|metadata| metadata.is_file())
    }
}

#[async_trait]
impl Source for Stored {
    async fn list(&self) -> Result<Listing, SourceError> {
        let failed = |error: opendal::Error| SourceError::of("/", &error);
        let mut lister = self.operator.lister("/").await.map_err(failed)?;
        let mut files = Vec::new();
        while let Some(entry) = lister.try_next().await.map_err(failed)? {
            if entry.metadata().mode() == EntryMode::FILE && self.is_file(entry.path()).await {
                files.push(self.sighting(entry.path(), entry.metadata()));
            }
        }
        Ok(Listing {
            files,
            remark: None,
        })
    }

    async fn look(&self, path: &str) -> Result<Option<Sighting>, SourceError> {
        if !self.is_file(path).await {
            return Ok(None);
        }
        match self.operator.stat(path).await {
            Ok(metadata) => Ok(Some(self.sighting(path, &metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SourceError::of(path, &error)),
        }
    }

    async fn read(&self, path: &str) -> Result<Content, SourceError> {
        if !self.is_file(path).await {
            return Err(SourceError::NotFound(escaped(path)));
        }
        let name = path.to_owned();
        let failed = move |error: opendal::Error| SourceError::of(&name, &error);
        let size = self.operator.stat(path).await.map_err(&failed)?;
        let reader = self.operator.reader_with(path).chunk(PART).await;
        let bytes = reader
            .map_err(&failed)?
            .into_bytes_stream(0..size.content_length())
            .await
            .map_err(&failed)?;
        let name = path.to_owned();
        let content = bytes.map_err(move |error| {
            let kind = error.kind();
            let error = error
                .into_inner()
                .and_then(|e| e.downcast::<opendal::Error>().ok());
            match error {
                Some(error) => SourceError::of(&name, &error),
                None => SourceError::Service(format!("{}: {kind}", escaped(&name))),
            }
        });
        Ok(content.boxed())
    }

    async fn write(&self, path: &str, mut content: Content) -> Result<(), SourceError> {
        let failed = |error: opendal::Error| SourceError::of(path, &error);
        let mut writer = self
            .operator
            .writer_with(path)
            .chunk(PART)
            .await
            .map_err(failed)?;
        while let Some(bytes) = content.next().await {
            match bytes {
                Ok(bytes) => writer.write(bytes).await.map_err(failed)?,
                Err(error) => {
                    // What arrived of it is nobody's; a folder cannot take it back, and there it is replaced later.
                    if let Err(error) = writer.abort().await
                        && error.kind() != ErrorKind::Unsupported
                    {
                        tracing::warn!(%error, "a part of a copy is left behind");
                    }
                    return Err(error);
                }
            }
        }
        writer.close().await.map_err(failed)?;
        Ok(())
    }

    async fn delete(&self, path: &str) -> Result<(), SourceError> {
        let deleted = self.operator.delete(path).await;
        deleted.map_err(|error| SourceError::of(path, &error))
    }
}

/// Which of the names of a source are taken.
pub struct Names {
    pattern: Pattern,
}

impl Names {
    /// Those of a pattern, which was checked when it was read.
    pub fn of(pattern: &str) -> Self {
        let pattern = Pattern::new(pattern).unwrap_or_default();
        Self { pattern }
    }

    /// Whether a name is meant. One that begins with a dot is so only where the pattern does: writers name so what is not
    /// whole.
    pub fn are(&self, name: &str) -> bool {
        let options = MatchOptions {
            require_literal_leading_dot: true,
            ..MatchOptions::new()
        };
        self.pattern.matches_with(name, options)
    }

    /// Why a name that is meant cannot be taken, if so.
    pub fn refusal(name: &str) -> Option<&'static str> {
        if name.chars().any(is_control) {
            Some("its name has control characters")
        } else if name.contains(['/', '\\']) || matches!(name, "" | "." | "..") {
            Some("its name is a path")
        } else if name.trim() != name {
            Some("its name begins or ends with a space")
        } else if name.len() > LONGEST_NAME {
            Some("its name is too long")
        } else {
            None
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
