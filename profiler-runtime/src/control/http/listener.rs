//! A listener of its own: one thread with a small runtime, or any runtime of the program's.
//!
//! Requests must come within a limit and there is room for a limited number of connections, so that
//! clients that send nothing, or read nothing, cost neither threads nor files for ever.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::audit;
use super::connection::converse;
use super::face::{Controller, logging};
use super::guard::Door;
use super::options::HttpOptions;
use super::places::{Place, Places};
use super::routes::{self, no_such_path};
use profiler_core::process::Stamp;
use profiler_core::process::descriptors::ClosedInChild;
use profiler_core::site::pinned;

/// Name of the thread.
const THREAD: &str = "profiler-http";
/// Pause when there are no more file descriptors, or no more places.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// The reason why a listener could not be started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HttpError {
    /// The address cannot be resolved or bound.
    Address(Arc<io::Error>),
    /// Other machines can reach the address, and there is no token.
    TokenRequired {
        /// Address that needs a token.
        address: SocketAddr,
    },
    /// The token is empty.
    EmptyToken,
    /// The operating system gave no thread, or no event queue for the socket.
    Thread(Arc<io::Error>),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => write!(
                f,
                "cannot listen for requests to the profiler: {error}; give a free address such as `127.0.0.1:8089`"
            ),
            Self::TokenRequired { address } => write!(
                f,
                "`{address}` can be reached from other machines: set a token in `PROFILER_HTTP_TOKEN` or with \
                 `HttpOptions::token`, or listen on a loopback address such as `127.0.0.1:8089`"
            ),
            Self::EmptyToken => f.write_str("the token is empty: give one that cannot be guessed, or none"),
            Self::Thread(error) => write!(
                f,
                "no thread or event queue for `{THREAD}` can be had: {error}; raise the limits of the process"
            ),
        }
    }
}

impl std::error::Error for HttpError {}

/// A bound address, ready to be served on a thread of its own or in a runtime of the program's.
#[must_use = "it answers only while it is served: `spawn` it or `run` it"]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    door: Arc<Door>,
}

/// A listener on a thread of its own. It stops when this is dropped; requests in progress are cut
/// off then, but sessions go on.
#[derive(Debug)]
#[must_use = "the listener stops when this is dropped: bind it to a name, as in `let _control = …`"]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    process: Stamp,
}

impl Listener {
    /// Binds the first of the addresses that can be bound; with port 0 the system chooses one.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`serve`](super::serve), and [`HttpError::EmptyToken`].
    pub fn bind(
        address: impl ToSocketAddrs,
        controller: Arc<dyn Controller>,
        options: HttpOptions,
    ) -> Result<Self, HttpError> {
        let failed = |error| HttpError::Address(Arc::new(error));
        let addresses: Vec<SocketAddr> = address.to_socket_addrs().map_err(failed)?.collect();
        match &options.token {
            Some(token) if token.is_empty() => return Err(HttpError::EmptyToken),
            Some(_) => {}
            None => {
                if let Some(&address) = addresses.iter().find(|address| !is_loopback(address.ip())) {
                    return Err(HttpError::TokenRequired { address });
                }
            }
        }
        let socket = TcpListener::bind(addresses.as_slice()).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let door = Door::new(controller, options, Some(address.ip()));
        Ok(Self { socket, address, door })
    }

    /// Returns the address that clients use.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until the future is dropped. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// Returns [`HttpError::Thread`] if the runtime has no room for the socket; else it never ends.
    pub async fn run(self) -> Result<Infallible, HttpError> {
        let timeout = self.door.options.read_timeout;
        let socket = tokio::net::TcpListener::from_std(self.socket).map_err(|error| HttpError::Thread(error.into()))?;
        let door = self.door;
        let routes = routes::router(Arc::clone(&door)).fallback(no_such_path);
        let mut places = Places::default();
        // Aborts the connections when this future is dropped.
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, peer)) = socket.accept().await else {
                tokio::time::sleep(EXHAUSTED).await;
                continue;
            };
            loop {
                let (is_room, is_cut) = places.make_room();
                if is_cut {
                    audit::cut_off(&door.refusals);
                    // Its socket is closed before there is another.
                    tokio::task::yield_now().await;
                }
                if is_room {
                    break;
                }
                // It does not matter which of them has ended, or that none has.
                let _ = tokio::time::timeout(EXHAUSTED, connections.join_next()).await;
            }
            let place = Place::new(timeout);
            let work = converse(stream, peer, routes.clone(), Arc::clone(&place), timeout);
            places.add(place, connections.spawn(work));
            while connections.try_join_next().is_some() {}
        }
    }

    /// Answers requests on a thread of its own.
    ///
    /// # Errors
    ///
    /// Returns [`HttpError::Thread`].
    pub fn spawn(self) -> Result<Server, HttpError> {
        pinned::pin_this_library();
        let failed = |error: io::Error| HttpError::Thread(Arc::new(error));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let address = self.address;
        // A child that outlives this process, or its listener, does not keep the port.
        let closed = ClosedInChild::of(&self.socket);
        let work = move || {
            let _closed = closed;
            runtime.block_on(async {
                let server = tokio::spawn(self.run());
                // Dropping the sender is how a server stops.
                let _ = stopped.await;
                server.abort();
            });
            // A stop that waits for artifacts does not hold up the program's end.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(work).map_err(failed)?;
        Ok(Server { address, stop: Some(stop), thread: Some(thread), process: Stamp::here() })
    }
}

impl Server {
    /// Returns the address that clients use.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests for as long as the program runs, on the calling thread's time: returns only
    /// if the listener's thread ends.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_foreign() {
            // The thread is the parent's: its waker is not here, and it never ends here.
            std::mem::forget((self.stop.take(), self.thread.take()));
            return;
        }
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            logging::join(thread);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
