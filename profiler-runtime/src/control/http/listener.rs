//! Listens for requests, on a thread of its own with a small runtime or in a runtime of the
//! program.
//!
//! Requests have a timeout and the number of connections is limited, so that a client that neither
//! sends nor reads does not occupy threads or descriptors for ever.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::audit;
use super::connection::serve;
use super::guard::AppState;
use super::options::HttpOptions;
use super::routes::{self, no_such_path};
use super::runtime::{Controller, logging};
use super::slots::{Slot, Slots};
use profiler_core::process::Stamp;
use profiler_core::process::descriptors::ClosedInChild;
use profiler_core::site::pinned;

/// Name of the thread.
const THREAD: &str = "profiler-http";
/// Pause when descriptors or connection slots have run out.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

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
    /// The operating system could not provide a thread or an event queue.
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

/// A bound address, to be served on a thread of its own or in a runtime of the program.
#[must_use = "requests are answered only while the listener is served: `spawn` it or `run` it"]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    state: Arc<AppState>,
}

/// A listener on a thread of its own. Dropping it stops the listener and aborts requests in
/// progress, but not sessions.
#[derive(Debug)]
#[must_use = "the listener stops when this is dropped: bind it to a name, as in `let _control = …`"]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    process: Stamp,
}

impl Listener {
    /// Binds the first of the addresses that can be bound. With port 0, the system chooses a port.
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
        let state = AppState::new(controller, options, Some(address.ip()));
        Ok(Self { socket, address, state })
    }

    /// Returns the address for clients.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves requests until the future is dropped. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// Returns [`HttpError::Thread`] if the runtime cannot register the socket; otherwise it never
    /// returns.
    pub async fn run(self) -> Result<Infallible, HttpError> {
        let timeout = self.state.options.read_timeout;
        let socket = tokio::net::TcpListener::from_std(self.socket).map_err(|error| HttpError::Thread(error.into()))?;
        let state = self.state;
        let routes = routes::router(Arc::clone(&state)).fallback(no_such_path);
        let mut slots = Slots::default();
        // Aborts the connections when this future is dropped.
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, peer)) = socket.accept().await else {
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            };
            loop {
                let (is_free, has_evicted) = slots.free_one();
                if has_evicted {
                    audit::log_eviction(&state.rejections);
                    // Lets the evicted task close its socket first.
                    tokio::task::yield_now().await;
                }
                if is_free {
                    break;
                }
                // Waits until a connection ends, or for a moment.
                let _ = tokio::time::timeout(RETRY_PAUSE, connections.join_next()).await;
            }
            let slot = Slot::new(timeout);
            let work = serve(stream, peer, routes.clone(), Arc::clone(&slot), timeout);
            slots.add(slot, connections.spawn(work));
            while connections.try_join_next().is_some() {}
        }
    }

    /// Serves requests on a new thread.
    ///
    /// # Errors
    ///
    /// Returns [`HttpError::Thread`] if the thread or the runtime cannot be created.
    pub fn spawn(self) -> Result<Server, HttpError> {
        pinned::pin_this_library();
        let failed = |error: io::Error| HttpError::Thread(Arc::new(error));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let address = self.address;
        // A forked child that outlives this process or its listener must not keep the port.
        let closed = ClosedInChild::of(&self.socket);
        let work = move || {
            let _closed = closed;
            runtime.block_on(async {
                let server = tokio::spawn(self.run());
                // Dropping the sender stops the server.
                let _ = stopped.await;
                server.abort();
            });
            // A stop that still waits for artifacts must not delay the end of the program.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(work).map_err(failed)?;
        Ok(Server { address, stop: Some(stop), thread: Some(thread), process: Stamp::here() })
    }
}

impl Server {
    /// Returns the address for clients.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Blocks until the listener's thread ends, which normally is the end of the program.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // The panic hook has reported a panic of the thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_foreign() {
            // The thread exists only in the parent, so it can be neither woken nor joined here.
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
