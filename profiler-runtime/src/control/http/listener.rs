//! A listener of its own: one thread with a small runtime, or any runtime of the program's.
//!
//! Heads and bodies must come within a limit and there is room for a limited number of connections, so that clients that
//! send nothing cost neither threads nor files for ever.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::door::Door;
use super::options::HttpOptions;
use super::refusal::Refusal;
use crate::control::job::Controller;

/// Name of the thread.
const THREAD: &str = "profiler-http";
/// Connections at a time; the next waits until one ends.
const CONNECTIONS: usize = 512;
/// A head may have so many bytes.
const HEAD_LIMIT: usize = 16 << 10;
/// How long to wait when there are no more file descriptors.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Why a listener could not be started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HttpError {
    /// The address cannot be resolved or bound.
    Address(Arc<io::Error>),
    /// Other machines can reach the address, and there is no token.
    TokenRequired {
        /// The address.
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
            Self::Address(error) => {
                write!(f, "cannot listen for requests to the profiler: {error}; give a free address such as ")?;
                f.write_str("`127.0.0.1:8089`")
            }
            Self::TokenRequired { address } => {
                write!(
                    f,
                    "`{address}` can be reached from other machines: set a token in `PROFILER_HTTP_TOKEN` or with "
                )?;
                f.write_str("`HttpOptions::token`, or listen on a loopback address such as `127.0.0.1:8089`")
            }
            Self::EmptyToken => f.write_str("the token is empty: give one that cannot be guessed, or none"),
            Self::Thread(error) => {
                write!(
                    f,
                    "no thread or event queue for `{THREAD}` can be had: {error}; raise the limits of the process"
                )
            }
        }
    }
}

impl std::error::Error for HttpError {}

/// A bound address, ready to be served on a thread of its own or in a runtime of the program's.
#[must_use = "it answers only while it is served: `spawn` it or `run` it"]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    door: Door,
}

/// A listener on a thread of its own. It stops when this is dropped; what is in progress is cut off then, but sessions go
/// on.
#[derive(Debug)]
#[must_use = "the listener stops when this is dropped: bind it to a name, as in `let _control = …`"]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Binds the first of the addresses that can be bound; with port 0 the system chooses one.
    ///
    /// # Errors
    ///
    /// As [`serve`](super::serve), and [`HttpError::EmptyToken`].
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
        let door = Door::new(controller, options).bound_to(address.ip());
        Ok(Self { socket, address, door })
    }

    /// The address that clients use.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until the future is dropped. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// [`HttpError::Thread`] if the runtime has no room for the socket; else it never ends.
    pub async fn run(self) -> Result<Infallible, HttpError> {
        let timeout = self.door.options.read_timeout;
        let socket = tokio::net::TcpListener::from_std(self.socket).map_err(|error| HttpError::Thread(error.into()))?;
        let routes = super::routes(Arc::new(self.door)).fallback(no_such_path);
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        // Aborts the connections when this future is dropped.
        let mut connections = JoinSet::new();
        loop {
            let place = Arc::clone(&room).acquire_owned().await;
            match socket.accept().await {
                Ok((stream, peer)) => {
                    let routes = routes.clone();
                    connections.spawn(async move {
                        let _place = place;
                        converse(stream, peer, routes, timeout).await;
                    });
                }
                Err(_) => tokio::time::sleep(EXHAUSTED).await,
            }
            while connections.try_join_next().is_some() {}
        }
    }

    /// Answers requests on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`HttpError::Thread`].
    pub fn spawn(self) -> Result<Server, HttpError> {
        let failed = |error: io::Error| HttpError::Thread(Arc::new(error));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let address = self.address;
        let work = move || {
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
        Ok(Server { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Server {
    /// The address that clients use.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests for as long as the program runs, on the calling thread's time: returns only if the listener's
    /// thread ends.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

/// One connection, request by request. Its errors are the client's.
async fn converse(stream: TcpStream, peer: SocketAddr, routes: Router, timeout: Duration) {
    let service = TowerToHyperService::new(routes.layer(Extension(ConnectInfo(peer))));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(timeout).max_buf_size(HEAD_LIMIT);
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn no_such_path() -> Refusal {
    let message = "there is nothing here: `POST /start_profile`, `POST /stop_profile`, `GET /profile/status`";
    Refusal::not_found("no_such_path", message)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
