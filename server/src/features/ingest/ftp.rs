//! Sources on FTP servers (RFC 959, with the lists of RFC 3659 where there are any), by TLS where the address says so (RFC
//! 4217): then nothing is sent before it stands, and no file travels without it. OpenDAL's client fails a whole list for one
//! line that it cannot read.

mod tls;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::try_unfold;
use futures_util::{StreamExt, TryStreamExt};
use hyper::body::Bytes;
use suppaftp::list::{File, ListParser};
use suppaftp::tokio::{
    AsyncDataStream, AsyncRustlsConnector, AsyncRustlsFtpStream, AsyncRustlsStream,
};
use suppaftp::types::{FileType, Mode};
use suppaftp::{FtpError, FtpResult, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use self::tls::{Trust, is_another_version};
use super::address::{FtpAddress, Security};
use super::idle::Idle;
use super::source::{Content, Listing, Source, SourceError, escaped, passed_over, short};
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

/// Why a server did not do what it was asked to, in its own words, which may have the password.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// It refused, or could not be heard.
    #[error(transparent)]
    Server(#[from] FtpError),
    /// There is no encrypted connection.
    #[error("there is no TLS with this server: {0}")]
    Unencrypted(String),
    /// What is told of it.
    #[error(transparent)]
    Told(#[from] SourceError),
}

/// What is told of a fault, which has no password.
fn told(fault: Fault, password: &str) -> SourceError {
    match fault {
        Fault::Told(error) => error,
        fault if password.is_empty() => SourceError::Service(short(&fault.to_string())),
        fault => SourceError::Service(short(&fault.to_string().replace(password, "***"))),
    }
}

/// An answer in time.
async fn in_time<T>(asked: impl Future<Output = FtpResult<T>>) -> Result<T, Fault> {
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

/// Whether a server said that a file may not be written. Some say so of its name (RFC 959, section 4.2.1).
fn is_forbidden(error: &FtpError) -> bool {
    matches!(error, FtpError::UnexpectedResponse(response)
        if matches!(response.status, Status::FileUnavailable | Status::BadFilename))
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
fn unsafe_to_use(fault: &Fault) -> Fault {
    let text = fault.to_string();
    Fault::Unencrypted(text.trim_start_matches("Secure error: ").to_owned())
}

/// How a connection for files is asked for. What `PASV` answers has no room for an address of IPv6 (RFC 2428).
fn mode(server: IpAddr) -> Mode {
    match server.to_canonical() {
        IpAddr::V4(_) => Mode::Passive,
        IpAddr::V6(_) => Mode::ExtendedPassive,
    }
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
    async fn greeted(&self) -> Result<Connection, Fault> {
        let Some(trust) = &self.trust else {
            return in_time(Connection::connect(self.server())).await;
        };
        let [first, second] = trust.connectors();
        let secured = match self.secured(first).await {
            Err(error) if is_another_version(&error.to_string()) => self.secured(second).await,
            secured => secured,
        };
        secured.map_err(|fault| unsafe_to_use(&fault))
    }

    fn server(&self) -> (&str, u16) {
        (&self.address.host, self.address.port)
    }

    /// A connection that is encrypted, and on which files will be.
    async fn secured(&self, connector: AsyncRustlsConnector) -> Result<Connection, Fault> {
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

    async fn connection(&self) -> Result<Connection, Fault> {
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
        let server = connection.get_ref().peer_addr();
        connection.set_mode(mode(server.map_err(FtpError::ConnectionError)?.ip()));
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
    async fn refused(&self, path: &str) -> Fault {
        // What is listed is the folder's own.
        if path.contains('/') {
            return SourceError::NotFound(escaped(path)).into();
        }
        match self.listing().await {
            Ok(listing) if listing.files.iter().any(|file| file.path == path) => {
                SourceError::Denied(escaped(path)).into()
            }
            Ok(_) => SourceError::NotFound(escaped(path)).into(),
            Err(fault) => fault,
        }
    }

    async fn listing(&self) -> Result<Listing, Fault> {
        let mut connection = self.connection().await?;
        // Facts of RFC 3659 are made for programs; what LIST answers is for people.
        let asked = timeout(PATIENCE, connection.mlsd(None)).await;
        let (lines, read): (_, fn(&str) -> Line) = match begun(&mut connection, asked).await {
            Err(error) if is_unknown(&error) => {
                let asked = timeout(PATIENCE, connection.list(None)).await;
                (begun(&mut connection, asked).await?, columns)
            }
            listed => (listed?, facts),
        };
        self.idle.put(connection);
        Ok(of_lines(&lines, read))
    }

    async fn arriving(&self, path: &str) -> Result<Arriving, Fault> {
        let mut connection = self.connection().await?;
        let asked = timeout(PATIENCE, connection.retr_as_stream(path)).await;
        let data = match begun(&mut connection, asked).await {
            Ok(data) => data,
            Err(error) if is_unavailable(&error) => {
                self.idle.put(connection);
                return Err(self.refused(path).await);
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Arriving {
            connection,
            data,
            idle: self.idle.clone(),
        })
    }

    async fn send(&self, path: &str, mut content: Content) -> Result<(), Fault> {
        let mut connection = self.connection().await?;
        if let Some((folder, _)) = path.rsplit_once('/') {
            match timeout(PATIENCE, connection.mkdir(folder)).await {
                // It is there already, or cannot be made: then the file cannot either, and says so.
                Ok(Err(error)) if !is_unavailable(&error) => return Err(error.into()),
                Ok(_) => {}
                Err(_) => return Err(late().into()),
            }
        }
        let asked = timeout(PATIENCE, connection.put_with_stream(path)).await;
        let mut data = match begun(&mut connection, asked).await {
            Ok(data) => data,
            Err(error) if is_forbidden(&error) => {
                self.idle.put(connection);
                return Err(SourceError::Denied(escaped(path)).into());
            }
            Err(error) => return Err(error.into()),
        };
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

    async fn remove(&self, path: &str) -> Result<(), Fault> {
        let mut connection = self.connection().await?;
        match timeout(PATIENCE, connection.rm(path)).await {
            Ok(Ok(())) => {
                self.idle.put(connection);
                Ok(())
            }
            Ok(Err(error)) if is_unavailable(&error) => match self.refused(path).await {
                Fault::Told(SourceError::NotFound(_)) => Ok(()),
                fault => Err(fault),
            },
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(late().into()),
        }
    }

    fn told(&self, fault: Fault) -> SourceError {
        told(fault, &self.address.password)
    }
}

/// What a line of a list is.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// A file's.
    File(Sighting),
    /// Known to be no file's.
    Other,
    /// Of a form that is not known.
    Unknown,
}

impl Line {
    fn of(name: &str, file: &File) -> Self {
        if !file.is_file() {
            return Self::Other;
        }
        let modified = jiff::Timestamp::try_from(file.modified()).ok();
        Self::File(Sighting {
            path: name.to_owned(),
            size: file.size() as u64,
            modified: modified.map(jiff::Timestamp::as_microsecond),
        })
    }
}

/// A line of `MLSD` (RFC 3659, section 7.2): facts, a space, and a name, which may have all that facts have. The library
/// takes what is behind the last semicolon for the name, and breaks at odd facts for which nobody asked.
fn facts(line: &str) -> Line {
    let parts = match line.strip_prefix(' ') {
        Some(name) => Some(("", name)),
        None => line.split_once("; "),
    };
    let Some((facts, name)) = parts else {
        return Line::Unknown;
    };
    let mut wanted = Vec::new();
    for fact in facts.split(';') {
        let Some((key, value)) = fact.split_once('=') else {
            continue;
        };
        let (key, value) = (key.to_ascii_lowercase(), value.to_ascii_lowercase());
        match key.as_str() {
            // Links and devices, as the server's system has them.
            "type" if value.starts_with("os.") => return Line::Other,
            "type" | "size" => wanted.push(format!("{key}={value};")),
            // Fractions of a second are not counted.
            "modify" => {
                let (seconds, _) = value.split_once('.').unwrap_or((&value, ""));
                wanted.push(format!("modify={seconds};"));
            }
            _ => {}
        }
    }
    match ListParser::parse_mlsd(&wanted.concat()) {
        Ok(file) => Line::of(name, &file),
        Err(_) => Line::Unknown,
    }
}

/// A line of `LIST`, whose form is nobody's rule.
fn columns(line: &str) -> Line {
    if line.starts_with("total ") {
        return Line::Other;
    }
    let posix = ListParser::parse_posix(line);
    match posix.or_else(|_| ListParser::parse_dos(line)) {
        Ok(file) => Line::of(file.name(), &file),
        Err(_) => Line::Unknown,
    }
}

/// What the lines of a list tell.
fn of_lines(lines: &[String], read: fn(&str) -> Line) -> Listing {
    let (mut files, mut unknown) = (Vec::new(), 0);
    let there = lines.iter().filter(|line| !line.trim().is_empty());
    for line in there.take(MOST_LINES) {
        match read(line) {
            Line::File(file) => files.push(file),
            Line::Other => {}
            Line::Unknown => {
                unknown += 1;
                tracing::debug!(line = short(line), "a line of a list is not understood");
            }
        }
    }
    let mut others = Vec::new();
    if unknown > 0 {
        others.push(format!("lines that are not understood ({unknown})"));
    }
    if lines.len() > MOST_LINES {
        others.push(format!("what is behind the first {MOST_LINES} lines"));
    }
    Listing {
        files,
        remark: passed_over(&others),
    }
}

#[async_trait]
impl Source for Ftp {
    async fn list(&self) -> Result<Listing, SourceError> {
        self.listing().await.map_err(|fault| self.told(fault))
    }

    /// From the list, so that both tell the same.
    async fn look(&self, path: &str) -> Result<Option<Sighting>, SourceError> {
        let files = self.list().await?.files;
        Ok(files.into_iter().find(|file| file.path == path))
    }

    async fn read(&self, path: &str) -> Result<Content, SourceError> {
        let arriving = self.arriving(path).await;
        let arriving = arriving.map_err(|fault| self.told(fault))?;
        let password = self.address.password.clone();
        let content = try_unfold(arriving, Arriving::next);
        Ok(content.map_err(move |fault| told(fault, &password)).boxed())
    }

    async fn write(&self, path: &str, content: Content) -> Result<(), SourceError> {
        let sent = self.send(path, content).await;
        sent.map_err(|fault| self.told(fault))
    }

    async fn delete(&self, path: &str) -> Result<(), SourceError> {
        self.remove(path).await.map_err(|fault| self.told(fault))
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
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Fault> {
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

#[cfg(test)]
mod tests;
