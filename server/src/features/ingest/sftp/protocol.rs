//! The file transfer protocol of SSH, version 3, which all servers speak (draft-ietf-secsh-filexfer-02). One request at a
//! time is under way, but for parts of a file that is written.
//!
//! The libraries for it end a connection for a name that is not UTF-8, which then hides all files of a folder, and believe
//! every size that a server tells.

use std::collections::VecDeque;
use std::io;

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version that is spoken.
const VERSION: u32 = 3;

/// The longest packet that is read, in bytes; OpenSSH sends none that is longer.
const LONGEST_PACKET: u32 = 256 * 1024;

/// What is read at once, in bytes. A server that has a lower limit sends less.
const READ: u32 = 128 * 1024;

/// What is written at once, in bytes: every server takes as much (section 3).
const WRITE: usize = 32 * 1024;

/// Parts of a file that are sent before the first of them is acknowledged.
const UNDER_WAY: usize = 16;

mod packet {
    pub(super) const INIT: u8 = 1;
    pub(super) const VERSION: u8 = 2;
    pub(super) const OPEN: u8 = 3;
    pub(super) const CLOSE: u8 = 4;
    pub(super) const READ: u8 = 5;
    pub(super) const WRITE: u8 = 6;
    pub(super) const LSTAT: u8 = 7;
    pub(super) const OPENDIR: u8 = 11;
    pub(super) const READDIR: u8 = 12;
    pub(super) const REMOVE: u8 = 13;
    pub(super) const MKDIR: u8 = 14;
    pub(super) const STATUS: u8 = 101;
    pub(super) const HANDLE: u8 = 102;
    pub(super) const DATA: u8 = 103;
    pub(super) const NAME: u8 = 104;
    pub(super) const ATTRS: u8 = 105;
}

mod status {
    pub(super) const OK: u32 = 0;
    pub(super) const EOF: u32 = 1;
    pub(super) const NO_SUCH_FILE: u32 = 2;
    pub(super) const PERMISSION_DENIED: u32 = 3;
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// The user may not.
    #[error("permission denied")]
    Denied,
    /// The server refuses for another reason. The connection goes on.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// The server does not keep to the protocol.
    #[error("the server does not speak SFTP: {0}")]
    Protocol(&'static str),
    /// The connection is gone.
    #[error(transparent)]
    Connection(#[from] io::Error),
}

/// What is asked of a file that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// Its content.
    Read,
    /// That it has another content from now on, whether it was there or not.
    Replace,
}

/// What a server calls a file or folder that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handle(Vec<u8>);

/// What a server tells about a file, a folder or another entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    /// Its size in bytes.
    pub(super) size: Option<u64>,
    /// Its kind and permissions, as POSIX has them.
    mode: Option<u32>,
    /// When it was last changed, in seconds since 1970.
    pub(super) modified: Option<u32>,
}

impl Attributes {
    /// Whether it is a plain file; `None` where the server does not say.
    pub(super) fn is_file(&self) -> Option<bool> {
        const KINDS: u32 = 0o170_000;
        const FILE: u32 = 0o100_000;
        let kind = self.mode? & KINDS;
        (kind != 0).then_some(kind == FILE)
    }
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name, in whatever characters.
    pub(super) name: Vec<u8>,
    /// A line about it, for people; by habit that of `ls -l`.
    pub(super) line: Vec<u8>,
    /// What is told about itself: of a link, not of what it leads to.
    pub(super) attributes: Attributes,
}

/// A packet's fields, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(Fault::Protocol("a packet ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.take(4)?.try_into();
        // Four bytes were taken.
        Ok(u32::from_be_bytes(bytes.unwrap_or_default()))
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    fn text(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn attributes(&mut self) -> Result<Attributes, Fault> {
        let flags = self.u32()?;
        let has = |flag: u32| flags & flag != 0;
        let mut attributes = Attributes::default();
        if has(1) {
            attributes.size = Some(self.u64()?);
        }
        if has(2) {
            let _user_and_group = self.u64()?;
        }
        if has(4) {
            attributes.mode = Some(self.u32()?);
        }
        if has(8) {
            let _accessed = self.u32()?;
            attributes.modified = Some(self.u32()?);
        }
        if has(0x8000_0000) {
            for _ in 0..self.u32()? {
                let (_kind, _data) = (self.text()?, self.text()?);
            }
        }
        Ok(attributes)
    }

    /// What a status means; `false` at the end of a file or folder.
    fn status(&mut self) -> Result<bool, Fault> {
        match self.u32()? {
            status::OK => Ok(true),
            status::EOF => Ok(false),
            status::NO_SUCH_FILE => Err(Fault::NotFound),
            status::PERMISSION_DENIED => Err(Fault::Denied),
            code => {
                let text = self.text().unwrap_or_default();
                let text = String::from_utf8_lossy(text);
                Err(Fault::Refused(format!("{text} ({code})")))
            }
        }
    }
}

/// A request, field by field.
struct Request(Vec<u8>);

impl Request {
    fn of(kind: u8) -> Self {
        Self(vec![kind])
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn text(self, text: &[u8]) -> Result<Self, Fault> {
        let length = u32::try_from(text.len()).map_err(|_| Fault::Protocol("a text too long"))?;
        let mut request = self.u32(length);
        request.0.extend(text);
        Ok(request)
    }
}

/// A server's answer.
struct Answer {
    kind: u8,
    body: Vec<u8>,
}

/// A connection to a server.
pub(super) struct Client<R, W> {
    from: R,
    to: W,
    /// The number of the last request.
    last: u32,
    /// Requests to write that were not answered yet.
    writing: VecDeque<u32>,
}

impl<R: AsyncRead + Unpin + Send, W: AsyncWrite + Unpin + Send> Client<R, W> {
    /// Greets a server.
    pub(super) async fn greet(from: R, to: W) -> Result<Self, Fault> {
        let mut client = Self {
            from,
            to,
            last: 0,
            writing: VecDeque::new(),
        };
        client.send(Request::of(packet::INIT).u32(VERSION)).await?;
        let answer = client.receive().await?;
        let version = Fields(&answer.body).u32()?;
        if answer.kind != packet::VERSION || version < VERSION {
            return Err(Fault::Protocol("it is too old, or something else"));
        }
        Ok(client)
    }

    async fn send(&mut self, request: Request) -> Result<(), Fault> {
        let length = u32::try_from(request.0.len());
        let length = length.map_err(|_| Fault::Protocol("a packet too long"))?;
        self.to.write_all(&length.to_be_bytes()).await?;
        self.to.write_all(&request.0).await?;
        self.to.flush().await?;
        Ok(())
    }

    async fn receive(&mut self) -> Result<Answer, Fault> {
        let length = self.from.read_u32().await?;
        if length == 0 || length > LONGEST_PACKET {
            return Err(Fault::Protocol("a packet of a size that none has"));
        }
        let kind = self.from.read_u8().await?;
        let mut body = vec![0; length as usize - 1];
        self.from.read_exact(&mut body).await?;
        Ok(Answer { kind, body })
    }

    /// The answer to a request, without its number.
    async fn answer(&mut self, to: u32) -> Result<Answer, Fault> {
        let mut answer = self.receive().await?;
        let number = Fields(&answer.body).u32()?;
        if number != to {
            return Err(Fault::Protocol("an answer to what was not asked"));
        }
        answer.body.drain(..4);
        Ok(answer)
    }

    /// A request of a kind, numbered.
    fn request(&mut self, kind: u8) -> Request {
        self.last = self.last.wrapping_add(1);
        Request::of(kind).u32(self.last)
    }

    async fn ask(&mut self, request: Request) -> Result<Answer, Fault> {
        self.send(request).await?;
        self.answer(self.last).await
    }

    /// Asks for something that is only done or not.
    async fn bid(&mut self, request: Request) -> Result<(), Fault> {
        let answer = self.ask(request).await?;
        match answer.kind {
            packet::STATUS => Fields(&answer.body).status().map(drop),
            _ => Err(Fault::Protocol("no status")),
        }
    }

    async fn ask_for_handle(&mut self, request: Request) -> Result<Handle, Fault> {
        let answer = self.ask(request).await?;
        let mut fields = Fields(&answer.body);
        match answer.kind {
            packet::HANDLE => Ok(Handle(fields.text()?.to_vec())),
            packet::STATUS => {
                fields.status()?;
                Err(Fault::Protocol("neither handle nor error"))
            }
            _ => Err(Fault::Protocol("no handle")),
        }
    }

    /// A path, without following it where it is a link.
    pub(super) async fn look(&mut self, path: &str) -> Result<Attributes, Fault> {
        let request = self.request(packet::LSTAT).text(path.as_bytes())?;
        let answer = self.ask(request).await?;
        let mut fields = Fields(&answer.body);
        match answer.kind {
            packet::ATTRS => fields.attributes(),
            packet::STATUS => {
                fields.status()?;
                Err(Fault::Protocol("neither attributes nor error"))
            }
            _ => Err(Fault::Protocol("no attributes")),
        }
    }

    /// Opens a folder to be listed.
    pub(super) async fn open_folder(&mut self, path: &str) -> Result<Handle, Fault> {
        let request = self.request(packet::OPENDIR).text(path.as_bytes())?;
        self.ask_for_handle(request).await
    }

    /// Some more entries of a folder, the folder itself and the one above it among them; none at the end.
    pub(super) async fn entries(&mut self, folder: &Handle) -> Result<Vec<Entry>, Fault> {
        let request = self.request(packet::READDIR).text(&folder.0)?;
        let answer = self.ask(request).await?;
        let mut fields = Fields(&answer.body);
        match answer.kind {
            packet::NAME => {
                let mut entries = Vec::new();
                for _ in 0..fields.u32()? {
                    entries.push(Entry {
                        name: fields.text()?.to_vec(),
                        line: fields.text()?.to_vec(),
                        attributes: fields.attributes()?,
                    });
                }
                Ok(entries)
            }
            packet::STATUS if !fields.status()? => Ok(Vec::new()),
            _ => Err(Fault::Protocol("no names")),
        }
    }

    /// Opens a file.
    pub(super) async fn open(&mut self, path: &str, how: Open) -> Result<Handle, Fault> {
        const READ: u32 = 1;
        const WRITE_CREATE_TRUNCATE: u32 = 2 | 8 | 16;
        let flags = match how {
            Open::Read => READ,
            Open::Replace => WRITE_CREATE_TRUNCATE,
        };
        let request = self.request(packet::OPEN).text(path.as_bytes())?;
        let no_attributes = 0;
        self.ask_for_handle(request.u32(flags).u32(no_attributes))
            .await
    }

    /// What is in a file from an offset on, or some of it; `None` at its end.
    pub(super) async fn read(
        &mut self,
        file: &Handle,
        offset: u64,
    ) -> Result<Option<Bytes>, Fault> {
        let request = self.request(packet::READ).text(&file.0)?;
        let mut answer = self.ask(request.u64(offset).u32(READ)).await?;
        let mut fields = Fields(&answer.body);
        match answer.kind {
            packet::DATA => {
                let count = fields.text()?.len();
                if count == 0 || count > READ as usize {
                    return Err(Fault::Protocol("not as much as was asked for"));
                }
                answer.body.truncate(4 + count);
                Ok(Some(Bytes::from(answer.body).slice(4..)))
            }
            packet::STATUS if !fields.status()? => Ok(None),
            _ => Err(Fault::Protocol("no data")),
        }
    }

    /// Writes into a file from an offset on. What becomes of it is told by this or a later call, and at last by
    /// [`written`](Self::written).
    pub(super) async fn write(
        &mut self,
        file: &Handle,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        let mut at = offset;
        for part in bytes.chunks(WRITE) {
            if self.writing.len() == UNDER_WAY {
                self.acknowledged().await?;
            }
            let request = self.request(packet::WRITE).text(&file.0)?;
            self.send(request.u64(at).text(part)?).await?;
            self.writing.push_back(self.last);
            at += part.len() as u64;
        }
        Ok(())
    }

    async fn acknowledged(&mut self) -> Result<(), Fault> {
        let Some(number) = self.writing.pop_front() else {
            return Ok(());
        };
        let answer = self.answer(number).await?;
        match answer.kind {
            packet::STATUS => Fields(&answer.body).status().map(drop),
            _ => Err(Fault::Protocol("no status")),
        }
    }

    /// Waits until all that was written is acknowledged.
    pub(super) async fn written(&mut self) -> Result<(), Fault> {
        while !self.writing.is_empty() {
            self.acknowledged().await?;
        }
        Ok(())
    }

    /// Closes a file or folder.
    pub(super) async fn close(&mut self, handle: Handle) -> Result<(), Fault> {
        let request = self.request(packet::CLOSE).text(&handle.0)?;
        self.bid(request).await
    }

    /// Deletes a file.
    pub(super) async fn remove(&mut self, path: &str) -> Result<(), Fault> {
        let request = self.request(packet::REMOVE).text(path.as_bytes())?;
        self.bid(request).await
    }

    /// Makes a folder.
    pub(super) async fn make_folder(&mut self, path: &str) -> Result<(), Fault> {
        let request = self.request(packet::MKDIR).text(path.as_bytes())?;
        let no_attributes = 0;
        self.bid(request.u32(no_attributes)).await
    }
}

#[cfg(test)]
pub(super) mod tests;
