//! Sources on FTP servers (RFC 959, with the lists of RFC 3659 where there are any). OpenDAL's client fails a whole list for
//! one line that it cannot read.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use hyper::body::Bytes;
use parking_lot::Mutex;
use suppaftp::list::{File, ListParser};
use suppaftp::tokio::{AsyncDataStream, AsyncRustlsFtpStream, AsyncRustlsStream};
use suppaftp::types::FileType;
use suppaftp::{FtpError, FtpResult, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::address::FtpAddress;
use super::source::{Content, Source, SourceError, escaped, short};
use super::store::Sighting;

/// How long one answer of a server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is read at once, in bytes.
const PART: usize = 64 * 1024;

/// The most lines of a list.
const MOST_LINES: usize = 100_000;

/// A folder of a server.
pub struct Ftp {
    address: FtpAddress,
    /// A connection that waits for its next use: a server counts how many there are, and how often somebody logs in.
    idle: Arc<Mutex<Option<Connection>>>,
}

type Connection = AsyncRustlsFtpStream;

impl From<FtpError> for SourceError {
    fn from(error: FtpError) -> Self {
        Self::Service(short(&error.to_string()))
    }
}

/// An answer in time.
async fn in_time<T>(asked: impl Future<Output = FtpResult<T>>) -> Result<T, SourceError> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(SourceError::Service(format!(
            "no answer within {PATIENCE:?}"
        ))),
    }
}

/// Whether a server said that a file cannot be had, and not that something is broken.
fn is_unavailable(error: &FtpError) -> bool {
    matches!(error, FtpError::UnexpectedResponse(response)
        if matches!(response.status, Status::FileUnavailable | Status::RequestFileActionIgnored))
}

/// Whether a server does not know a command.
fn is_unknown(error: &FtpError) -> bool {
    matches!(error, FtpError::UnexpectedResponse(response)
        if matches!(response.status, Status::BadCommand | Status::BadArguments | Status::NotImplemented
            | Status::NotImplementedParameter))
}

impl Ftp {
    /// A folder of a server; nothing is connected yet.
    pub fn new(address: FtpAddress) -> Self {
        Self {
            address,
            idle: Arc::default(),
        }
    }

    async fn connection(&self) -> Result<Connection, SourceError> {
        let idle = self.idle.lock().take();
        if let Some(mut connection) = idle
            && in_time(connection.noop()).await.is_ok()
        {
            return Ok(connection);
        }
        let FtpAddress {
            host,
            port,
            user,
            password,
            folder,
        } = &self.address;
        let mut connection: Connection =
            in_time(AsyncRustlsFtpStream::connect((host.as_str(), *port))).await?;
        // Files come from the host that was named, whatever address it tells.
        connection.set_passive_nat_workaround(true);
        in_time(connection.login(user, password)).await?;
        in_time(connection.transfer_type(FileType::Binary)).await?;
        if !folder.is_empty() {
            in_time(connection.cwd(folder)).await?;
        }
        Ok(connection)
    }

    fn give_back(&self, connection: Connection) {
        *self.idle.lock() = Some(connection);
    }

    /// What a refusal of a file means: servers say the same of one that is not there and of one that may not be read.
    async fn refused(&self, path: &str) -> SourceError {
        match self.look(path).await {
            Ok(None) => SourceError::NotFound(escaped(path)),
            Ok(Some(_)) => SourceError::Denied(escaped(path)),
            Err(error) => error,
        }
    }
}

/// A line of a list; `None` where it is no file's, and for what cannot be read, which is told.
fn sighting(line: &str, read: impl Fn(&str) -> Option<File>) -> Option<Sighting> {
    if line.trim().is_empty() || line.starts_with("total ") {
        return None;
    }
    let Some(file) = read(line) else {
        tracing::debug!(line = short(line), "a line of a list is not understood");
        return None;
    };
    let modified = jiff::Timestamp::try_from(file.modified()).ok();
    file.is_file().then(|| Sighting {
        path: file.name().to_owned(),
        size: file.size() as u64,
        modified: modified.map(jiff::Timestamp::as_microsecond),
    })
}

#[async_trait]
impl Source for Ftp {
    async fn list(&self) -> Result<Vec<Sighting>, SourceError> {
        let mut connection = self.connection().await?;
        // Facts of RFC 3659 are made for programs; what LIST answers is for people.
        let facts = match timeout(PATIENCE, connection.mlsd(None)).await {
            Ok(Err(error)) if is_unknown(&error) => None,
            Ok(listed) => Some(listed?),
            Err(_) => return Err(SourceError::Service("no list in time".to_owned())),
        };
        let found: Vec<_> = match facts {
            Some(lines) => lines
                .iter()
                .take(MOST_LINES)
                .filter_map(|line| sighting(line, |line| ListParser::parse_mlsd(line).ok()))
                .collect(),
            None => in_time(connection.list(None))
                .await?
                .iter()
                .take(MOST_LINES)
                .filter_map(|line| {
                    sighting(line, |line| {
                        let posix = ListParser::parse_posix(line);
                        posix.or_else(|_| ListParser::parse_dos(line)).ok()
                    })
                })
                .collect(),
        };
        self.give_back(connection);
        Ok(found)
    }

    /// From the list, so that both tell the same.
    async fn look(&self, path: &str) -> Result<Option<Sighting>, SourceError> {
        let listed = self.list().await?;
        Ok(listed.into_iter().find(|file| file.path == path))
    }

    async fn read(&self, path: &str) -> Result<Content, SourceError> {
        let mut connection = self.connection().await?;
        let data = match timeout(PATIENCE, connection.retr_as_stream(path)).await {
            Ok(Ok(data)) => data,
            Ok(Err(error)) if is_unavailable(&error) => return Err(self.refused(path).await),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                return Err(SourceError::Service(format!(
                    "no answer within {PATIENCE:?}"
                )));
            }
        };
        let arriving = Arriving {
            connection,
            data,
            idle: Arc::clone(&self.idle),
        };
        Ok(try_unfold(arriving, Arriving::next).boxed())
    }

    async fn write(&self, path: &str, mut content: Content) -> Result<(), SourceError> {
        let mut connection = self.connection().await?;
        if let Some((folder, _)) = path.rsplit_once('/') {
            match timeout(PATIENCE, connection.mkdir(folder)).await {
                // It is there already, or cannot be made: then the file cannot either, and says so.
                Ok(Err(error)) if !is_unavailable(&error) => return Err(error.into()),
                Ok(_) => {}
                Err(_) => return Err(SourceError::Service("no answer in time".to_owned())),
            }
        }
        let mut data = in_time(connection.put_with_stream(path)).await?;
        while let Some(bytes) = content.next().await {
            let bytes = bytes?;
            in_time(async {
                data.write_all(&bytes)
                    .await
                    .map_err(FtpError::ConnectionError)
            })
            .await?;
        }
        in_time(connection.finalize_put_stream(data)).await?;
        self.give_back(connection);
        Ok(())
    }

    async fn delete(&self, path: &str) -> Result<(), SourceError> {
        let mut connection = self.connection().await?;
        match timeout(PATIENCE, connection.rm(path)).await {
            Ok(Ok(())) => {
                self.give_back(connection);
                Ok(())
            }
            Ok(Err(error)) if is_unavailable(&error) => match self.refused(path).await {
                SourceError::NotFound(_) => Ok(()),
                error => Err(error),
            },
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(SourceError::Service("no answer in time".to_owned())),
        }
    }
}

/// A file that is arriving.
struct Arriving {
    connection: Connection,
    data: AsyncDataStream<AsyncRustlsStream>,
    idle: Arc<Mutex<Option<Connection>>>,
}

impl Arriving {
    /// The next part. At the end the server says whether that was all.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, SourceError> {
        let mut part = vec![0; PART];
        let reading = async {
            self.data
                .read(&mut part)
                .await
                .map_err(FtpError::ConnectionError)
        };
        let count = in_time(reading).await?;
        if count == 0 {
            in_time(self.connection.finalize_retr_stream(self.data)).await?;
            *self.idle.lock() = Some(self.connection);
            return Ok(None);
        }
        part.truncate(count);
        Ok(Some((part.into(), self)))
    }
}
