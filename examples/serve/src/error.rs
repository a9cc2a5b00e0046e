//! Errors of the server's start.

use std::io;
use std::net::{IpAddr, SocketAddr};

use profiler_runtime::config::ConfigError;

/// Reason why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The number of workers is odd and not 1.
    #[error("`--workers` is {0}, but must be 1 or an even number: two workers share the guidance of one video")]
    Workers(usize),

    /// Other machines could use the server without a token.
    #[error("`--host {0}` can be reached from other machines: set a token in `PROFILER_HTTP_TOKEN` or with `--token`")]
    TokenRequired(IpAddr),

    /// The token is empty.
    #[error("the token is empty: give one that cannot be guessed, or none")]
    EmptyToken,

    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`: choose another with `--host` and `--port`")]
    Address {
        /// Address of the server.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },

    /// A worker process could not load the model.
    #[error("the worker of rank {rank} cannot start: {why}")]
    Worker {
        /// Rank of the worker.
        rank: usize,
        /// The worker's reason.
        why: String,
    },

    /// `--worker` was given by a user.
    #[error("`--worker` is for the processes that the server starts itself: leave it out")]
    NotAWorker,

    /// The profiler's configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),

    /// The profiler's coordinator cannot be started.
    #[error("the workers' profiler cannot be controlled")]
    Profiler {
        /// Error of the coordinator.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The operating system refused a folder, a process, a thread or a socket.
    #[error("the system refused a folder, process, thread or socket that the server needs")]
    System(#[source] io::Error),

    /// The model cannot be used.
    #[error(transparent)]
    Pipeline(#[from] profiler_examples::Error),
}
