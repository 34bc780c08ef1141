//! Sources on servers that are reached by SSH: the program `ssh` has the connection, by keys alone, and to servers alone
//! whose host key is known.

mod protocol;
mod ssh;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::{Instant, timeout};

use self::protocol::{Attributes, Client, Entry, Fault, Handle, Open};
use self::ssh::{CONNECT_SECONDS, Running, Ssh};
use super::address::SftpAddress;
use super::idle::Idle;
use super::source::{Content, Listing, Source, SourceError, escaped, passed_over, short};
use super::store::Sighting;

/// How long one answer of a server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it may take until there is a connection: somewhat longer than `ssh` itself waits, which then says why.
const CONNECTING: Duration = Duration::from_secs(CONNECT_SECONDS * 2);

/// The most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 100_000;

/// The longest name of an entry that is looked at, in bytes; no file system has longer ones.
const LONGEST_NAME: usize = 1024;

/// How long a server may take to tell what is in a folder.
const LISTING: Duration = Duration::from_mins(5);

/// A folder of a server.
pub struct Sftp {
    ssh: Ssh,
    folder: String,
    idle: Idle<Connection>,
}

struct Connection {
    client: Client<ChildStdout, ChildStdin>,
    ssh: Running,
}

/// An answer in time.
async fn in_time<T>(asked: impl Future<Output = Result<T, Fault>>) -> Result<T, Failed> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failed::Late),
    }
}

/// Why a request was not done, before it is known for which file it was.
enum Failed {
    Fault(Fault),
    Late,
    /// A folder's list does not come to its end.
    Endless,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Failed {
    /// Whether the server has answered, so that the connection can be used again.
    fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Fault(Fault::NotFound | Fault::Denied | Fault::Refused(_))
        )
    }

    fn of(self, path: &str) -> SourceError {
        match self {
            Self::Fault(Fault::NotFound) => SourceError::NotFound(escaped(path)),
            Self::Fault(Fault::Denied) => SourceError::Denied(escaped(path)),
            Self::Fault(fault) => SourceError::Service(short(&fault.to_string())),
            Self::Late => SourceError::Service(format!("no answer within {PATIENCE:?}")),
            Self::Endless => SourceError::Service("the list of the folder does not end".to_owned()),
        }
    }
}

impl Sftp {
    /// A folder of a server; nothing is connected yet.
    pub fn new(
        address: SftpAddress,
        key_file: &Path,
        known_hosts_file: &Path,
    ) -> Result<Self, SourceError> {
        is_readable("key_file", key_file)?;
        is_readable("known_hosts_file", known_hosts_file)?;
        let folder = address.folder.clone();
        Ok(Self {
            ssh: Ssh::new(address, key_file, known_hosts_file)?,
            folder,
            idle: Idle::default(),
        })
    }

    async fn connection(&self) -> Result<Connection, SourceError> {
        while let Some(mut connection) = self.idle.take() {
            if connection.ssh.is_alive() {
                return Ok(connection);
            }
        }
        let (from, to, ssh) = self.ssh.start()?;
        let fault = match timeout(CONNECTING, Client::greet(from, to)).await {
            Ok(Ok(client)) => return Ok(Connection { client, ssh }),
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => format!("no connection within {CONNECTING:?}"),
        };
        // What the program says of it is the reason for what came of the protocol.
        let reason = self.ssh.reason(ssh).await.unwrap_or(fault);
        Err(SourceError::Service(short(&reason)))
    }

    /// Where a file is, from the folder of the login.
    fn path(&self, name: &str) -> String {
        if self.folder.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.folder)
        }
    }

    /// The connection is used again, unless it is out of step.
    fn keep<T>(&self, connection: Connection, answer: Result<T, Failed>) -> Result<T, Failed> {
        if answer.as_ref().err().is_none_or(Failed::is_answer) {
            self.idle.put(connection);
        }
        answer
    }
}

/// All files of a folder, or of its first [`MOST_ENTRIES`], if the server tells them in time.
async fn files<R, W>(
    client: &mut Client<R, W>,
    folder: &str,
    time: Duration,
) -> Result<Listing, Failed>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let begun_at = Instant::now();
    let handle = in_time(client.open_folder(folder)).await?;
    let (mut files, mut looked_at) = (Vec::new(), 0);
    let (mut too_long, mut not_text) = (0, 0);
    let mut others = Vec::new();
    loop {
        let entries = in_time(client.entries(&handle)).await?;
        if entries.is_empty() {
            break;
        }
        if looked_at >= MOST_ENTRIES {
            others.push(format!("what is behind the first {MOST_ENTRIES} entries"));
            break;
        }
        if begun_at.elapsed() >= time {
            return Err(Failed::Endless);
        }
        looked_at += entries.len();
        for entry in &entries {
            match listed(entry) {
                Listed::File(file) => files.push(file),
                Listed::Other => {}
                Listed::TooLong => too_long += 1,
                Listed::NotText => not_text += 1,
            }
        }
    }
    in_time(client.close(handle)).await?;
    for (count, names) in [(too_long, "too long"), (not_text, "not UTF-8")] {
        if count > 0 {
            others.push(format!("names that are {names} ({count})"));
        }
    }
    Ok(Listing {
        files,
        remark: passed_over(&others),
    })
}

/// `ssh` passes over a file that is not there.
fn is_readable(setting: &str, file: &Path) -> Result<(), SourceError> {
    if file.as_os_str().is_empty() {
        return Ok(());
    }
    match std::fs::File::open(file) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = format!("{setting}: {}: {error}", file.display());
            Err(SourceError::Service(short(&text)))
        }
    }
}

/// What is told of a file; `None` for what is none, as far as the server says.
fn sighting(path: &str, attributes: Attributes) -> Option<Sighting> {
    if attributes.is_file() == Some(false) {
        return None;
    }
    Some(Sighting {
        path: path.to_owned(),
        size: attributes.size?,
        modified: attributes
            .modified
            .map(|seconds| i64::from(seconds) * 1_000_000),
    })
}

/// What an entry of a folder is.
enum Listed {
    File(Sighting),
    /// No file, as far as the server says.
    Other,
    TooLong,
    NotText,
}

fn listed(entry: &Entry) -> Listed {
    if entry.name.len() > LONGEST_NAME {
        return Listed::TooLong;
    }
    let Ok(name) = std::str::from_utf8(&entry.name) else {
        let name = String::from_utf8_lossy(&entry.name);
        tracing::debug!(name = short(&name), "a name is not UTF-8");
        return Listed::NotText;
    };
    let says_its_line = !matches!(entry.line.first(), Some(b'd' | b'l'));
    if matches!(name, "." | "..") || !entry.attributes.is_file().unwrap_or(says_its_line) {
        return Listed::Other;
    }
    sighting(name, entry.attributes).map_or(Listed::Other, Listed::File)
}

#[async_trait]
impl Source for Sftp {
    async fn list(&self) -> Result<Listing, SourceError> {
        let folder = match self.folder.as_str() {
            "" => ".",
            folder => folder,
        };
        let mut connection = self.connection().await?;
        let found = files(&mut connection.client, folder, LISTING).await;
        self.keep(connection, found).map_err(|failed| match failed {
            Failed::Fault(Fault::NotFound) => {
                SourceError::Service(short(&format!("there is no folder {folder}")))
            }
            failed => failed.of(folder),
        })
    }

    async fn look(&self, path: &str) -> Result<Option<Sighting>, SourceError> {
        let full = self.path(path);
        let mut connection = self.connection().await?;
        let seen = in_time(connection.client.look(&full)).await;
        match self.keep(connection, seen) {
            Ok(attributes) => Ok(sighting(path, attributes)),
            Err(Failed::Fault(Fault::NotFound)) => Ok(None),
            Err(failed) => Err(failed.of(path)),
        }
    }

    async fn read(&self, path: &str) -> Result<Content, SourceError> {
        // What a link leads to is not a file of this folder.
        if self.look(path).await?.is_none() {
            return Err(SourceError::NotFound(escaped(path)));
        }
        let mut connection = self.connection().await?;
        let file = match in_time(connection.client.open(&self.path(path), Open::Read)).await {
            Ok(file) => file,
            Err(failed) => {
                if failed.is_answer() {
                    self.idle.put(connection);
                }
                return Err(failed.of(path));
            }
        };
        let arriving = Arriving {
            connection,
            file,
            path: path.to_owned(),
            offset: 0,
            idle: self.idle.clone(),
        };
        Ok(try_unfold(arriving, Arriving::next).boxed())
    }

    async fn write(&self, path: &str, mut content: Content) -> Result<(), SourceError> {
        let failed = |failed: Failed| failed.of(path);
        let full = self.path(path);
        let mut connection = self.connection().await?;
        let client = &mut connection.client;
        if let Some((folder, _)) = path.rsplit_once('/') {
            match in_time(client.make_folder(&self.path(folder))).await {
                // It is there already, or cannot be made: then the file cannot either, and says so.
                Err(error) if !error.is_answer() => return Err(failed(error)),
                _ => {}
            }
        }
        let file = in_time(client.open(&full, Open::Replace));
        let file = file.await.map_err(failed)?;
        let mut offset = 0;
        while let Some(bytes) = content.next().await {
            let bytes = bytes?;
            in_time(client.write(&file, offset, &bytes))
                .await
                .map_err(failed)?;
            offset += bytes.len() as u64;
        }
        in_time(client.written()).await.map_err(failed)?;
        in_time(client.close(file)).await.map_err(failed)?;
        self.idle.put(connection);
        Ok(())
    }

    async fn delete(&self, path: &str) -> Result<(), SourceError> {
        let full = self.path(path);
        let mut connection = self.connection().await?;
        let deleted = in_time(connection.client.remove(&full)).await;
        match self.keep(connection, deleted) {
            Ok(()) | Err(Failed::Fault(Fault::NotFound)) => Ok(()),
            Err(failed) => Err(failed.of(path)),
        }
    }
}

/// A file that is arriving.
struct Arriving {
    connection: Connection,
    file: Handle,
    path: String,
    offset: u64,
    idle: Idle<Connection>,
}

impl Arriving {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, SourceError> {
        let client = &mut self.connection.client;
        let part = in_time(client.read(&self.file, self.offset)).await;
        if let Some(part) = part.map_err(|failed| failed.of(&self.path))? {
            self.offset += part.len() as u64;
            return Ok(Some((part, self)));
        }
        let closed = in_time(client.close(self.file)).await;
        closed.map_err(|failed| failed.of(&self.path))?;
        self.idle.put(self.connection);
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
