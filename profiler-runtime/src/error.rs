//! The one error of starting, stopping and exporting.
//!
//! Recording has none: an annotated function never fails because of the profiler. Messages name the thing and the
//! remedy, with the cause in the same sentence, because most programs print an error without its chain; so
//! [`source`](std::error::Error::source) is empty and a chain says nothing twice.

use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

use crate::config::ConfigError;
use crate::session_id::SessionId;

/// Why a session could not be started, stopped or written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The crate was built without the feature `enable`.
    Disabled,
    /// Nothing says what to record.
    NotConfigured,
    /// The configuration cannot be used.
    Config(ConfigError),
    /// A session is active; there is one at a time.
    AlreadyActive {
        /// The active one.
        session: SessionId,
    },
    /// No session is active, and none has ended by itself since the last stop.
    NotActive,
    /// The folder for artifacts is a URI, which nothing here can write to.
    RemoteFolder {
        /// As configured.
        folder: PathBuf,
    },
    /// The folder for artifacts cannot be created or written to.
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The operating system gave no thread.
    Thread {
        /// The thread's name.
        name: &'static str,
        /// Why.
        source: Arc<io::Error>,
    },
    /// There is nothing that could be dumped, or nowhere to.
    Dump {
        /// The session that goes on.
        session: SessionId,
        /// Why, and what would be right.
        reason: &'static str,
    },
    /// What a dead process has left behind cannot be recovered.
    Spool {
        /// Its journal.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// This process was forked off the one that has the session, whose artifacts that one writes when it ends.
    ParentsSession {
        /// The session.
        session: SessionId,
    },
    /// The exporter panicked: a defect of the profiler, which has cost this session's artifacts.
    Export {
        /// Whose artifacts.
        session: SessionId,
        /// What the panic said.
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str(
                "the feature `enable` of `profiler-runtime` is off, so nothing can be recorded: switch it on in the \
                 application",
            ),
            Self::NotConfigured => f.write_str(
                "profiling is not configured: set `PROFILER_CONFIG` to a JSON object such as {\"profiler\": \"torch\", \
                 \"torch_profiler_dir\": \"./perf\"}, or call `start_profile_with`",
            ),
            Self::Config(error) => error.fmt(f),
            Self::AlreadyActive { session } => {
                write!(f, "the session `{session}` is active: stop it before starting another")
            }
            Self::NotActive => f.write_str("no session is active: start one with `start_profile`"),
            Self::RemoteFolder { folder } => {
                let folder = folder.display();
                write!(
                    f,
                    "cannot write to `{folder}`, a store and no folder of this machine: give a local folder in \
                     `torch_profiler_dir` or `output_dir`, and copy the session to the store when it is written"
                )
            }
            Self::Folder { folder, source } => {
                let folder = folder.display();
                write!(f, "cannot write to the folder `{folder}`: {source}; ")?;
                f.write_str("give one that can be created in `torch_profiler_dir` or `output_dir`")
            }
            Self::Thread { name, source } => {
                write!(f, "cannot start the thread `{name}`: {source}; raise the process's limit of threads")
            }
            Self::Dump { session, reason } => write!(f, "cannot dump the session `{session}`: {reason}"),
            Self::Spool { path, reason } => write!(f, "cannot recover `{}`: {reason}", path.display()),
            Self::ParentsSession { session } => write!(
                f,
                "the session `{session}` is that of the process which this one was forked off: its artifacts are written \
                 there"
            ),
            Self::Export { session, message } => {
                write!(
                    f,
                    "the artifacts of session `{session}` are not written: the exporter panicked with `{message}`; that is \
                     a defect of the profiler, please report it"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
