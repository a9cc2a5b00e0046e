//! Defines the error of starting, stopping and exporting a session.
//!
//! Recording has no error: an annotated function never fails because of the profiler. Messages name
//! the subject and the remedy, and include the cause, because most programs print an error without
//! its chain. [`source`](std::error::Error::source) is therefore empty, so that printing the chain
//! repeats nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

use crate::config::ConfigError;
use crate::session_id::SessionId;

/// The reason why a session could not be started, stopped or written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The crate was built without the feature `enable`.
    Disabled,
    /// No configuration says what to record.
    NotConfigured,
    /// The configuration cannot be used.
    Config(ConfigError),
    /// A session is active, and only one can be.
    AlreadyActive {
        /// Session that is active.
        session: SessionId,
    },
    /// No session is active, and none has ended by itself since the last stop.
    NotActive,
    /// The folder for artifacts is a URI, which the profiler cannot write to.
    RemoteFolder {
        /// Folder as configured.
        folder: PathBuf,
    },
    /// The folder for artifacts cannot be created or written to.
    Folder {
        /// Folder that cannot be used.
        folder: PathBuf,
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
    /// The operating system could not start a thread.
    Thread {
        /// Name of the thread.
        name: &'static str,
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
    /// Nothing is being recorded, or there is no folder to dump it to.
    Dump {
        /// Session, which continues.
        session: SessionId,
        /// Reason and remedy.
        reason: &'static str,
    },
    /// The recording that a dead process left behind cannot be recovered.
    Spool {
        /// Journal of the recording.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// The session belongs to the process that this one was forked from, which writes the
    /// artifacts.
    ParentsSession {
        /// Session of the parent process.
        session: SessionId,
    },
    /// The exporter panicked: a bug in the profiler. The artifacts of this session are lost.
    Export {
        /// Session whose artifacts are lost.
        session: SessionId,
        /// Message of the panic.
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
                write!(f, "cannot start the thread `{name}`: {source}; raise the limit on the number of threads")
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
