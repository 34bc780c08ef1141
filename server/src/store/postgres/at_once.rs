//! Small messages to PostgreSQL leave at once.
//!
//! sqlx 0.9.0 leaves Nagle's algorithm on (RFC 896; its issue 4335 has turned it off for the release after): the second of
//! two small messages waits until the server has acknowledged the first, and a server that has nothing to answer yet puts
//! that off for 40 ms. The end of each `COPY` is such a message, which costs an upload a quarter of its time, an import
//! a sixth.
//!
//! sqlx gives nobody its sockets, and a number alone is no descriptor that safe code can use. So this process sends itself
//! the numbers of such sockets, and the kernel makes of each a descriptor of the same socket. To be deleted with the
//! release of sqlx that makes it needless: the test of the pool tells when.

use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, getpeername, sendmsg};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};

/// Has the connections of this process to a port send what they are given without waiting. Needs Linux's `/proc`.
pub(super) fn send_at_once(port: u16) -> io::Result<()> {
    let leads_there = |number| peer(number).is_some_and(|peer| peer.port() == port);
    let exchange = UnixDatagram::pair()?;
    for number in open_files()?
        .into_iter()
        .filter(|number| leads_there(*number))
    {
        // By now the number may be another's.
        if let Some(socket) = descriptor(&exchange, number)?
            && leads_there(socket.as_raw_fd())
        {
            sockopt::set_tcp_nodelay(&socket, true)?;
        }
    }
    Ok(())
}

/// The numbers of what this process has open.
fn open_files() -> io::Result<Vec<RawFd>> {
    let names = std::fs::read_dir("/proc/self/fd")?.map(|entry| Ok(entry?.file_name()));
    let numbers = names.filter_map(|name: io::Result<OsString>| match name {
        Ok(name) => name.to_str()?.parse().ok().map(Ok),
        Err(error) => Some(Err(error)),
    });
    numbers.collect()
}

/// A descriptor of what has this number; `None` where nothing has it any more.
fn descriptor(
    (here, there): &(UnixDatagram, UnixDatagram),
    number: RawFd,
) -> io::Result<Option<OwnedFd>> {
    let (byte, numbers) = ([0], [number]);
    let sent = sendmsg::<()>(
        here.as_raw_fd(),
        &[IoSlice::new(&byte)],
        &[ControlMessage::ScmRights(&numbers)],
        MsgFlags::empty(),
        None,
    );
    match sent {
        Ok(_) => {}
        Err(Errno::EBADF) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        there,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    Ok(control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    }))
}

/// Whom a socket of TCP leads to; `None` of everything else.
fn peer(number: RawFd) -> Option<SocketAddr> {
    let address: SockaddrStorage = getpeername(number).ok()?;
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| Some(SocketAddr::V6((*address.as_sockaddr_in6()?).into())))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use rustix::net::getsockname;

    use super::super::Postgres;
    use super::super::tests::server::FreshDatabase;
    use super::*;

    #[test]
    fn connections_to_the_port_send_at_once_and_others_stay_as_they_are() {
        let servers = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let addresses = servers
            .each_ref()
            .map(|server| server.local_addr().unwrap());
        let clients = addresses.map(|address| TcpStream::connect(address).unwrap());
        send_at_once(addresses[0].port()).unwrap();
        assert!(clients[0].nodelay().unwrap());
        assert!(!clients[1].nodelay().unwrap());
    }

    /// Where sqlx does so by itself, the file can go: then this passes without the call of [`send_at_once`].
    #[tokio::test]
    async fn connections_of_the_pool_send_at_once() {
        let fresh = FreshDatabase::new().await;
        let database = Postgres::open(&fresh.url()).await.unwrap();
        let mut connection = database.primary().acquire().await.unwrap();
        let port: i32 = sqlx::query_scalar("SELECT inet_client_port()")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        let exchange = UnixDatagram::pair().unwrap();
        let ours = open_files().unwrap().into_iter().find_map(|number| {
            peer(number)?;
            let socket = descriptor(&exchange, number).unwrap()?;
            let address = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
            (i32::from(address.port()) == port).then_some(socket)
        });
        assert!(sockopt::tcp_nodelay(ours.unwrap()).unwrap());
    }
}
