//! Sources on FTP servers (RFC 959, with the lists of RFC 3659 where there are any), by TLS where the address says so (RFC
//! 4217): then nothing is sent before it stands, and no file travels without it. OpenDAL's client fails a whole list for one
//! line that it cannot read.

mod tls;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use hyper::body::Bytes;
use suppaftp::list::{File, ListParser};
use suppaftp::tokio::{
    AsyncDataStream, AsyncRustlsConnector, AsyncRustlsFtpStream, AsyncRustlsStream,
};
use suppaftp::types::FileType;
use suppaftp::{FtpError, FtpResult, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use self::tls::{Trust, is_another_version};
use super::address::{FtpAddress, Security};
use super::idle::Idle;
use super::source::{Content, Source, SourceError, escaped, short};
use super::store::Sighting;

/// How long one answer of a server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a server is waited for that has something to say of what just failed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What is read at once, in bytes.
const PART: usize = 64 * 1024;

/// The most lines of a list.
const MOST_LINES: usize = 100_000;

/// A folder of a server.
pub struct Ftp {
    address: FtpAddress,
    /// Whom an encrypted server is to be.
    trust: Option<Trust>,
    idle: Idle<Connection>,
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
        Err(_) => Err(late().into()),
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

/// What became of a transfer that was asked for. Where files are encrypted, a client may only hear that nobody is there to
/// agree with, or see its second connection end; why stands in the answer that is still to be read.
async fn begun<T>(
    connection: &mut Connection,
    asked: Result<FtpResult<T>, Elapsed>,
) -> FtpResult<T> {
    match asked {
        Ok(Err(error @ (FtpError::SecureError(_) | FtpError::ConnectionError(_)))) => {
            Err(reason(connection, error).await)
        }
        Ok(answer) => answer,
        Err(_) => Err(reason(connection, late()).await),
    }
}

/// Why a transfer failed, as the server says, perhaps behind the word that it begins; else what was seen of it.
async fn reason(connection: &mut Connection, seen: FtpError) -> FtpError {
    for _ in 0..2 {
        match timeout(LAST_WORDS, connection.read_response_in(&[])).await {
            Ok(Err(FtpError::UnexpectedResponse(answer))) if answer.status.code() >= 400 => {
                return FtpError::UnexpectedResponse(answer);
            }
            Ok(Err(FtpError::UnexpectedResponse(_))) => {}
            _ => break,
        }
    }
    seen
}

fn late() -> FtpError {
    FtpError::ConnectionError(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        format!("no answer within {PATIENCE:?}"),
    ))
}

/// Why there is no encrypted connection.
fn unsafe_to_use(error: &SourceError) -> SourceError {
    let text = error.to_string();
    let text = text.trim_start_matches("Secure error: ");
    SourceError::Service(short(&format!("there is no TLS with this server: {text}")))
}

impl Ftp {
    /// A folder of a server; nothing is connected yet. Certificates are those by which an encrypted one's is verified.
    pub fn new(address: FtpAddress, ca_file: &Path) -> Result<Self, SourceError> {
        let trust = match address.security {
            Security::Plain => None,
            Security::Explicit | Security::Implicit => Some(Trust::of(ca_file)?),
        };
        Ok(Self {
            address,
            trust,
            idle: Idle::default(),
        })
    }

    /// A connection on which nothing but the server's greeting and, where it is wanted, TLS has been.
    async fn greeted(&self) -> Result<Connection, SourceError> {
        let Some(trust) = &self.trust else {
            return in_time(Connection::connect(self.server())).await;
        };
        let [first, second] = trust.connectors();
        let secured = match self.secured(first).await {
            Err(error) if is_another_version(&error.to_string()) => self.secured(second).await,
            secured => secured,
        };
        secured.map_err(|error| unsafe_to_use(&error))
    }

    fn server(&self) -> (&str, u16) {
        (&self.address.host, self.address.port)
    }

    /// A connection that is encrypted, and on which files will be.
    async fn secured(&self, connector: AsyncRustlsConnector) -> Result<Connection, SourceError> {
        let host = &self.address.host;
        if self.address.security == Security::Explicit {
            let plain = in_time(Connection::connect(self.server())).await?;
            return in_time(plain.into_secure(connector, host)).await;
        }
        let secured = Connection::connect_secure_implicit(self.server(), connector, host);
        let mut connection = in_time(secured).await?;
        // Files are encrypted where it is asked for, here too.
        for command in ["PBSZ 0", "PROT P"] {
            in_time(connection.custom_command(command, &[Status::CommandOk])).await?;
        }
        Ok(connection)
    }

    async fn connection(&self) -> Result<Connection, SourceError> {
        while let Some(mut connection) = self.idle.take() {
            if in_time(connection.noop()).await.is_ok() {
                return Ok(connection);
            }
        }
        let FtpAddress {
            user,
            password,
            folder,
            ..
        } = &self.address;
        let mut connection = self.greeted().await?;
        // Files come from the host that was named, whatever address it tells.
        connection.set_passive_nat_workaround(true);
        in_time(connection.login(user, password)).await?;
        in_time(connection.transfer_type(FileType::Binary)).await?;
        if !folder.is_empty() {
            in_time(connection.cwd(folder)).await?;
        }
        Ok(connection)
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
        let asked = timeout(PATIENCE, connection.mlsd(None)).await;
        let (lines, read): (_, fn(&str) -> Option<File>) = match begun(&mut connection, asked).await
        {
            Err(error) if is_unknown(&error) => {
                let asked = timeout(PATIENCE, connection.list(None)).await;
                (begun(&mut connection, asked).await?, |line| {
                    let posix = ListParser::parse_posix(line);
                    posix.or_else(|_| ListParser::parse_dos(line)).ok()
                })
            }
            listed => (listed?, |line| ListParser::parse_mlsd(line).ok()),
        };
        let lines = lines.iter().take(MOST_LINES);
        let found = lines.filter_map(|line| sighting(line, read)).collect();
        self.idle.put(connection);
        Ok(found)
    }

    /// From the list, so that both tell the same.
    async fn look(&self, path: &str) -> Result<Option<Sighting>, SourceError> {
        let listed = self.list().await?;
        Ok(listed.into_iter().find(|file| file.path == path))
    }

    async fn read(&self, path: &str) -> Result<Content, SourceError> {
        let mut connection = self.connection().await?;
        let asked = timeout(PATIENCE, connection.retr_as_stream(path)).await;
        let data = match begun(&mut connection, asked).await {
            Ok(data) => data,
            Err(error) if is_unavailable(&error) => return Err(self.refused(path).await),
            Err(error) => return Err(error.into()),
        };
        let arriving = Arriving {
            connection,
            data,
            idle: self.idle.clone(),
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
        let asked = timeout(PATIENCE, connection.put_with_stream(path)).await;
        let mut data = begun(&mut connection, asked).await?;
        while let Some(bytes) = content.next().await {
            let bytes = bytes?;
            let failed = match timeout(PATIENCE, data.write_all(&bytes)).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => FtpError::ConnectionError(error),
                Err(_) => late(),
            };
            return Err(reason(&mut connection, failed).await.into());
        }
        in_time(connection.finalize_put_stream(data)).await?;
        self.idle.put(connection);
        Ok(())
    }

    async fn delete(&self, path: &str) -> Result<(), SourceError> {
        let mut connection = self.connection().await?;
        match timeout(PATIENCE, connection.rm(path)).await {
            Ok(Ok(())) => {
                self.idle.put(connection);
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
    idle: Idle<Connection>,
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
            self.idle.put(self.connection);
            return Ok(None);
        }
        part.truncate(count);
        Ok(Some((part.into(), self)))
    }
}
