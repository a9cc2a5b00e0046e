//! Wraps Unix and TCP sockets in one interface. One thread can read a stream while another writes
//! to it and a third closes it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use super::address::{Address, LinkError};
#[cfg(unix)]
use super::unix;
use profiler_core::process::descriptors::ClosedInChild;

/// Timeout for connecting and for writing.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
    Tcp(TcpStream),
}

/// Calls a method on either kind of socket.
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
    /// Connects to a coordinator. The other side of a Unix socket must belong to the same user.
    pub(super) fn connect(address: &Address) -> io::Result<Self> {
        let stream = match address {
            #[cfg(unix)]
            Address::Unix(path) => Self::Unix(unix::connect(path)?),
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
            Address::Tcp(host_and_port) => Self::Tcp(connect_tcp(host_and_port)?),
        };
        stream.prepare()?;
        Ok(stream)
    }

    /// Returns whether the other end must be a process of the same user.
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
        match self {
            #[cfg(unix)]
            Self::Unix(_) => {}
            Self::Tcp(socket) => socket.set_nodelay(true)?,
        }
        either!(self, socket => socket.set_write_timeout(Some(TIMEOUT)))
    }

    /// Closes copies of the socket in forked children while the result exists, so that the other
    /// side notices the end of this process even if a child lives on.
    pub(super) fn closed_in_child(&self) -> ClosedInChild {
        either!(self, socket => ClosedInChild::of(socket))
    }

    /// Sets the timeout of reads; `None` means no timeout.
    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, socket => socket.set_read_timeout(timeout))
    }

    /// Closes the connection for both sides and unblocks pending reads and writes.
    pub(super) fn close(&self) {
        // Fails if the connection has ended already.
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

fn connect_tcp(host_and_port: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in host_and_port.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The listening socket of a coordinator.
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
    /// Returns an error if the address cannot be bound, or if the folder of the socket is
    /// accessible to other users.
    pub(super) fn bind(address: &Address) -> Result<Self, LinkError> {
        let failed = |source| LinkError::Bind { address: address.clone(), source: Arc::new(source) };
        match address {
            #[cfg(unix)]
            Address::Unix(path) => unix::Listener::bind(path).map(Self::Unix),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(LinkError::NoUnixSockets),
            Address::Tcp(host_and_port) => TcpListener::bind(host_and_port).map(Self::Tcp).map_err(failed),
        }
    }

    /// Accepts the next connection.
    pub(super) fn accept(&self) -> io::Result<Stream> {
        let stream = match self {
            #[cfg(unix)]
            Self::Unix(listener) => Stream::Unix(listener.accept()?),
            Self::Tcp(listener) => Stream::Tcp(listener.accept()?.0),
        };
        stream.prepare()?;
        Ok(stream)
    }

    /// Closes copies of the socket in forked children while the result exists, because they would
    /// keep the address in use.
    pub(super) fn closed_in_child(&self) -> ClosedInChild {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => listener.closed_in_child(),
            Self::Tcp(listener) => ClosedInChild::of(listener),
        }
    }

    /// Returns the bound address, with the port that the system has chosen.
    pub(super) fn address(&self, requested: &Address) -> Address {
        match self {
            #[cfg(unix)]
            Self::Unix(_) => requested.clone(),
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| requested.clone(), |found| Address::Tcp(found.to_string()))
            }
        }
    }
}
