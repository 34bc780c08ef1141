//! Where uploaded files are kept: a folder, or a bucket of S3. Whole files are written and read as they come, never in
//! memory.

use std::fs::DirBuilder;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::time::Duration;

use futures_util::TryStreamExt;
use hyper::body::Bytes;
use jiff::Timestamp;
use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::services::{Fs, S3};
use opendal::{ErrorKind, FuturesBytesStream, HttpTransporter, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;
use reqwest::redirect::Policy;
use tokio::runtime::Handle;

use self::address::{Address, AddressError};
use crate::config::FilesSettings;
use crate::data_folder::DataFolder;

pub mod address;
#[cfg(test)]
pub(crate) mod contract;

/// What is written or read at once, in bytes. Parts of S3 have 5 MiB at least.
pub(crate) const PART: usize = 8 * 1024 * 1024;

/// How long one call of the service may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a file was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The address is none.
    #[error("files.url: {0}")]
    Address(#[from] AddressError),
    /// The folder cannot be made.
    #[error("files.url: {path}: {source}")]
    Folder {
        /// Which one.
        path: std::path::PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such file.
    #[error("there is no file {0}")]
    NotFound(String),
    /// The disk is full.
    #[error("the disk is full: {0}")]
    Full(#[source] opendal::Error),
    /// Everything else.
    #[error("files: {0}")]
    Service(#[source] opendal::Error),
}

impl FilesError {
    fn of(name: &str, error: opendal::Error) -> Self {
        if error.kind() == ErrorKind::NotFound {
            return Self::NotFound(name.to_owned());
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(next) = cause {
            let full = next.downcast_ref::<io::Error>().is_some_and(|error| {
                matches!(
                    error.kind(),
                    io::ErrorKind::StorageFull
                        | io::ErrorKind::QuotaExceeded
                        | io::ErrorKind::FileTooLarge
                )
            });
            if full {
                return Self::Full(error);
            }
            cause = next.source();
        }
        Self::Service(error)
    }
}

/// What reads and writes at an address, with a key for S3. Nobody is sent to another host by a redirect.
pub(crate) fn operator(
    address: &Address,
    credentials: Option<(&str, &str)>,
) -> Result<Operator, opendal::Error> {
    let operator = match address {
        Address::Folder(path) => Operator::new(Fs::default().root(&path.to_string_lossy()))?,
        Address::S3 {
            bucket,
            root,
            endpoint,
            region,
        } => {
            let mut service = S3::default()
                .bucket(bucket)
                .root(root)
                .region(region.as_deref().unwrap_or("us-east-1"));
            if let Some(endpoint) = endpoint {
                service = service.endpoint(endpoint);
            }
            if let Some((key, secret)) = credentials {
                service = service.access_key_id(key).secret_access_key(secret);
            }
            let client = reqwest::Client::builder().redirect(Policy::none()).build();
            let client = client.map_err(|error| {
                opendal::Error::new(ErrorKind::Unexpected, "HTTP").set_source(error)
            })?;
            let transport = HttpTransporter::new(ReqwestTransport::new(client));
            let operator = Operator::new(service)?;
            let context = operator.base_context().with_http_transport(transport);
            operator.with_context(context)
        }
    };
    let timeouts = TimeoutLayer::new()
        .with_timeout(PATIENCE)
        .with_io_timeout(PATIENCE);
    Ok(operator
        .layer(timeouts)
        .layer(RetryLayer::new().with_jitter()))
}

/// Files by name. A name has `/` between its parts.
#[derive(Debug, Clone)]
pub struct Files {
    operator: Operator,
}

/// A file of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// When it was written, by the clock of whoever keeps it.
    pub written: Option<Timestamp>,
}

impl Files {
    /// The files of the settings; where nothing is set, those of the data folder.
    pub fn open(settings: &FilesSettings, folder: &DataFolder) -> Result<Self, FilesError> {
        let address = match settings.address()? {
            Some(address) => address,
            None => Address::Folder(folder.path().join("files")),
        };
        if let Address::Folder(path) = &address {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|source| FilesError::Folder {
                    path: path.clone(),
                    source,
                })?;
        }
        let operator = operator(&address, settings.credentials()).map_err(FilesError::Service)?;
        Ok(Self { operator })
    }

    /// Begins a file. It is there for readers once it is [kept](Writing::keep).
    pub async fn write(&self, name: &str) -> Result<Writing, FilesError> {
        let writer = self.operator.writer_with(name).chunk(PART).await;
        Ok(Writing {
            writer: Some(writer.map_err(|error| FilesError::of(name, error))?),
            operator: self.operator.clone(),
            name: name.to_owned(),
        })
    }

    /// A file from its start, for a thread that may wait.
    pub async fn read(&self, name: &str) -> Result<Reading, FilesError> {
        let failed = |error| FilesError::of(name, error);
        let size = self.operator.stat(name).await.map_err(failed)?;
        let reader = self.operator.reader_with(name).chunk(PART).await;
        let bytes = reader
            .map_err(failed)?
            .into_bytes_stream(0..size.content_length())
            .await
            .map_err(failed)?;
        Ok(Reading {
            runtime: Handle::current(),
            bytes,
            chunk: Bytes::new(),
        })
    }

    /// Deletes a file; one that is not there is no fault.
    pub async fn delete(&self, name: &str) -> Result<(), FilesError> {
        let deleted = self.operator.delete(name).await;
        deleted.map_err(|error| FilesError::of(name, error))
    }

    /// The files of a folder, whose name ends with `/`.
    pub async fn list(&self, folder: &str) -> Result<Vec<Listed>, FilesError> {
        let entries = match self.operator.list(folder).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(|error| FilesError::of(folder, error))?,
        };
        let files = entries
            .into_iter()
            .filter(|entry| entry.metadata().is_file());
        let listed = files.map(|entry| {
            let written = entry.metadata().last_modified();
            Listed {
                name: entry.path().to_owned(),
                written: written.map(opendal::raw::Timestamp::into_inner),
            }
        });
        Ok(listed.collect())
    }
}

/// A file that is being written. Where it is dropped before it is kept, it is deleted.
pub struct Writing {
    /// None once it is closed.
    writer: Option<opendal::Writer>,
    operator: Operator,
    name: String,
}

impl Writing {
    /// Writes what comes next.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), FilesError> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let written = writer.write(bytes).await;
        written.map_err(|error| FilesError::of(&self.name, error))
    }

    /// Ends the file, and answers once it is on disk.
    pub async fn keep(mut self) -> Result<(), FilesError> {
        if let Some(writer) = &mut self.writer {
            let closed = writer.close().await;
            closed.map_err(|error| FilesError::of(&self.name, error))?;
        }
        self.writer = None;
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(mut writer) = self.writer.take() else {
            return;
        };
        let (operator, name) = (self.operator.clone(), std::mem::take(&mut self.name));
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            // Parts that were sent already are forgotten; a folder cannot do that, and there the file is deleted.
            let aborted = writer.abort().await;
            drop(writer);
            let deleted = operator.delete(&name).await;
            if let (Err(_), Err(error)) = (aborted, deleted) {
                tracing::warn!(%error, name, "a file that did not arrive in whole is left behind");
            }
        });
    }
}

/// A file that is being read, on a thread that may wait.
pub struct Reading {
    runtime: Handle,
    bytes: FuturesBytesStream,
    /// What of the last part is not read yet.
    chunk: Bytes,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.bytes.try_next())? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.chunk.len());
        buffer[..count].copy_from_slice(&self.chunk.split_to(count));
        Ok(count)
    }
}
