//! Sockets of both kinds behind one interface: a stream that one thread can read while another
//! writes and a third ends it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use super::address::{Address, LinkError};
#[cfg(unix)]
use super::unix;
use profiler_core::process::descriptors::ClosedInChild;

/// Time that a connection may take to be made, and a write to be accepted by the other side.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
    Tcp(TcpStream),
}

/// Calls the same method of either kind of socket.
macro_rules! either {
    ($self:expr, $socket:ident => $call:expr) => {
        match $self {
            #[cfg(unix)]
            Stream::Unix($socket) => $call,
            Stream::Tcp($socket) => $call,
        }
    };
}

impl Stream {
    /// Connects; the other side of a Unix socket has to be the same user.
    pub(super) fn connect(address: &Address) -> io::Result<Self> {
        let stream = match address {
            #[cfg(unix)]
            Address::Unix(path) => Self::Unix(unix::connect(path)?),
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
            Address::Tcp(place) => Self::Tcp(connect_tcp(place)?),
        };
        stream.prepare()?;
        Ok(stream)
    }

    /// Returns whether only the same user's processes can be at the other end.
    pub(super) fn is_local(&self) -> bool {
        !matches!(self, Self::Tcp(_))
    }

    /// Returns the host at the other end; `None` for a Unix socket.
    pub(super) fn host(&self) -> Option<IpAddr> {
        match self {
            #[cfg(unix)]
            Self::Unix(_) => None,
            Self::Tcp(socket) => socket.peer_addr().ok().map(|address| address.ip()),
        }
    }

    fn prepare(&self) -> io::Result<()> {
        if let Self::Tcp(socket) = self {
            socket.set_nodelay(true)?;
        }
        either!(self, socket => socket.set_write_timeout(Some(PATIENCE)))
    }

    /// Lets forked children close their copies of it until the result is dropped: the other side
    /// has to notice that this process has ended, although a child lives.
    pub(super) fn closed_in_child(&self) -> ClosedInChild {
        either!(self, socket => ClosedInChild::of(socket))
    }

    /// Sets how long a read may take; `None` for ever.
    pub(super) fn set_read_timeout(&self, most: Option<Duration>) -> io::Result<()> {
        either!(self, socket => socket.set_read_timeout(most))
    }

    /// Ends the connection for both sides, and every read or write that waits here.
    pub(super) fn close(&self) {
        // It may have ended already.
        let _ = either!(self, socket => socket.shutdown(Shutdown::Both));
    }
}

impl Read for &Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => { let mut socket = socket; socket.read(bytes) })
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, socket => { let mut socket = socket; socket.write(bytes) })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn connect_tcp(place: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in place.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The socket with which a coordinator listens.
#[derive(Debug)]
pub(super) enum Listener {
    #[cfg(unix)]
    Unix(unix::Listener),
    Tcp(TcpListener),
}

impl Listener {
    /// Listens at `address`.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be bound, or lies in a folder that other users may enter.
    pub(super) fn bind(address: &Address) -> Result<Self, LinkError> {
        let failed = |source| LinkError::Bind { address: address.clone(), source: Arc::new(source) };
        match address {
            #[cfg(unix)]
            Address::Unix(path) => unix::Listener::bind(path).map(Self::Unix),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(LinkError::NoUnixSockets),
            Address::Tcp(place) => TcpListener::bind(place).map(Self::Tcp).map_err(failed),
        }
    }

    /// Accepts the next connection, of any user.
    pub(super) fn accept(&self) -> io::Result<Stream> {
        let stream = match self {
            #[cfg(unix)]
            Self::Unix(listener) => Stream::Unix(listener.accept()?),
            Self::Tcp(listener) => Stream::Tcp(listener.accept()?.0),
        };
        stream.prepare()?;
        Ok(stream)
    }

    /// Lets forked children close their copies of it until the result is dropped: they would keep
    /// the address.
    pub(super) fn closed_in_child(&self) -> ClosedInChild {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => listener.closed_in_child(),
            Self::Tcp(listener) => ClosedInChild::of(listener),
        }
    }

    /// Returns the address at which it really listens: with the port that the system has chosen.
    pub(super) fn address(&self, asked: &Address) -> Address {
        match self {
            #[cfg(unix)]
            Self::Unix(_) => asked.clone(),
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| asked.clone(), |found| Address::Tcp(found.to_string()))
            }
        }
    }
}
