//! Why traces were not merged. Every message names the file and what would be right.

use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

/// The reason why [`merge`](super::merge) refuses. Its text has the cause, so
/// [`source`](std::error::Error::source) is empty, as with the errors of sessions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MergeError {
    /// There is nothing to merge.
    NoInputs,
    /// A folder without traces.
    NoTraces {
        /// Folder that was given.
        folder: PathBuf,
    },
    /// A file cannot be read.
    Read {
        /// File that was given.
        file: PathBuf,
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
    /// A file is a trace in Perfetto's format, or a folder holds no others.
    Perfetto {
        /// File that was given, or found in the folder.
        file: PathBuf,
    },
    /// A file is not a trace of one rank by this profiler.
    NotOurs {
        /// File that was given.
        file: PathBuf,
        /// What the file is or lacks.
        what: String,
    },
    /// A trace ends before its end.
    Truncated {
        /// File that was given.
        file: PathBuf,
    },
    /// A line of a trace is not an event.
    Malformed {
        /// File that was given.
        file: PathBuf,
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A trace does not say what its host's clocks showed.
    /// [`MergeOptions::force`](super::MergeOptions::force) trusts its real time.
    NoAnchors {
        /// File that was given.
        file: PathBuf,
    },
    /// Ranks of different sessions. [`MergeOptions::force`](super::MergeOptions::force) merges
    /// them.
    Sessions {
        /// A file.
        file: PathBuf,
        /// Its session.
        session: String,
        /// The first rank's file.
        other_file: PathBuf,
        /// The first rank's session.
        other_session: String,
    },
    /// Two files are of the same rank.
    RankTwice {
        /// Rank of both.
        rank: u32,
        /// A file of it.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// The output would replace an input.
    OutputIsInput {
        /// File that is both.
        file: PathBuf,
    },
    /// The merged file cannot be written.
    Write {
        /// Output that was asked for.
        file: PathBuf,
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInputs => f.write_str("no traces were given: name the ranks' traces, or the folder they are in"),
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
                write!(f, "`{}` ends in the middle: copy it again, or give the ranks that are whole", file.display())
            }
            Self::Malformed { file, line, what } => write!(
                f,
                "line {line} of `{}` is not an event: {what}; give the trace as profiler-runtime wrote it",
                file.display()
            ),
            Self::NoAnchors { file } => write!(
                f,
                "`{}` has no clock anchors, so its place in time is not known: record it with this version, or use `force` \
                 to trust its real time",
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
                "cannot write `{}`: {source}; give an output in a folder that has room and may be written to",
                file.display()
            ),
        }
    }
}

impl std::error::Error for MergeError {}
