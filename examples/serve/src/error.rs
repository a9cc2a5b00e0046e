//! Why the server cannot start.

use std::io;
use std::net::{IpAddr, SocketAddr};

use profiler_runtime::config::ConfigError;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A number of workers that makes no pairs.
    #[error("`--workers` is {0}, but must be 1 or an even number: two workers share the guidance of one video")]
    Workers(usize),

    /// Other machines could use the server.
    #[error("`--host {0}` can be reached from other machines: set a token in `PROFILER_HTTP_TOKEN` or with `--token`")]
    TokenRequired(IpAddr),

    /// A token that protects nothing.
    #[error("the token is empty: give one that cannot be guessed, or none")]
    EmptyToken,

    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`: choose another with `--host` and `--port`")]
    Address {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },

    /// A worker process could not load the model.
    #[error("the worker of rank {rank} cannot start: {why}")]
    Worker {
        /// Which.
        rank: usize,
        /// In its own words.
        why: String,
    },

    /// `--worker` was given by hand.
    #[error("`--worker` is for the processes that the server starts itself: leave it out")]
    NotAWorker,

    /// The profiler's configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),

    /// The profiler's coordinator cannot be started.
    #[error("the workers' profiler cannot be controlled")]
    Profiler {
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The operating system refused a folder, a process, a thread or a socket.
    #[error("the system refused a folder, process, thread or socket that the server needs")]
    System(#[source] io::Error),

    /// The model cannot be used.
    #[error(transparent)]
    Pipeline(#[from] profiler_examples::Error),
}
