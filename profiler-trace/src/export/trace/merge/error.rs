//! Errors of a merge. Each message names the file and the remedy.

use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

/// Error of [`merge`](super::merge). Its text includes the cause, so
/// [`source`](std::error::Error::source) is `None`, as for the errors of sessions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MergeError {
    /// There are no inputs.
    NoInputs,
    /// A folder contains no traces.
    NoTraces {
        /// Folder without traces.
        folder: PathBuf,
    },
    /// A file cannot be read.
    Read {
        /// File that cannot be read.
        file: PathBuf,
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
    /// A file is in Perfetto's format, or a folder contains only such files.
    Perfetto {
        /// File in Perfetto's format.
        file: PathBuf,
    },
    /// A file is not a trace of one rank by this profiler.
    NotOurs {
        /// Rejected file.
        file: PathBuf,
        /// Reason, as a predicate of the file.
        what: String,
    },
    /// A trace is incomplete.
    Truncated {
        /// Incomplete file.
        file: PathBuf,
    },
    /// A line of a trace is not an event.
    Malformed {
        /// File with the line.
        file: PathBuf,
        /// Line number, starting at 1.
        line: u64,
        /// Reason why the line is not an event.
        what: String,
    },
    /// A trace has no clock anchors. With [`MergeOptions::force`](super::MergeOptions::force) its
    /// real time is used.
    NoAnchors {
        /// File without clock anchors.
        file: PathBuf,
    },
    /// Ranks belong to different sessions. With [`MergeOptions::force`](super::MergeOptions::force)
    /// they are merged anyway.
    Sessions {
        /// File of another session.
        file: PathBuf,
        /// Session of `file`.
        session: String,
        /// File of the first rank.
        other_file: PathBuf,
        /// Session of the first rank.
        other_session: String,
    },
    /// Two files have the same rank.
    RankTwice {
        /// Rank of both files.
        rank: u32,
        /// One of the files.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// The output would replace an input.
    OutputIsInput {
        /// File that is both input and output.
        file: PathBuf,
    },
    /// The merged file cannot be written.
    Write {
        /// Requested output.
        file: PathBuf,
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInputs => f.write_str("no traces were given: name the ranks' traces, or their folder"),
            Self::NoTraces { folder } => write!(
                f,
                "the folder `{}` has no `trace_rank*.json` or `trace_rank*.json.gz`: give the folder of a session, or name \
                 the files",
                folder.display()
            ),
            Self::Read { file, source } => {
                write!(f, "cannot read `{}`: {source}; give a trace that this user may read", file.display())
            }
            Self::Perfetto { file } => write!(
                f,
                "`{}` is in Perfetto's format, and only JSON traces are merged: record with `trace_format` \"chrome\" or \
                 \"both\"",
                file.display()
            ),
            Self::NotOurs { file, what } => {
                write!(f, "`{}` {what}: give `trace_rank*.json` files as profiler-runtime wrote them", file.display())
            }
            Self::Truncated { file } => {
                write!(f, "`{}` is truncated: copy it again, or give only complete ranks", file.display())
            }
            Self::Malformed { file, line, what } => write!(
                f,
                "line {line} of `{}` is not an event: {what}; give the trace as profiler-runtime wrote it",
                file.display()
            ),
            Self::NoAnchors { file } => write!(
                f,
                "`{}` has no clock anchors, so it cannot be aligned: record it with this version, or use `force` to trust \
                 its real time",
                file.display()
            ),
            Self::Sessions { file, session, other_file, other_session } => write!(
                f,
                "`{}` is of session `{session}`, but `{}` of `{other_session}`: give the ranks of one session, or use \
                 `force`",
                file.display(),
                other_file.display()
            ),
            Self::RankTwice { rank, first, second } => {
                let (first, second) = (first.display(), second.display());
                write!(f, "`{first}` and `{second}` are both of rank {rank}: give each rank once")
            }
            Self::OutputIsInput { file } => {
                write!(f, "the merged trace would replace its input `{}`: give it another name", file.display())
            }
            Self::Write { file, source } => write!(
                f,
                "cannot write `{}`: {source}; give an output in a writable folder with free space",
                file.display()
            ),
        }
    }
}

impl std::error::Error for MergeError {}
