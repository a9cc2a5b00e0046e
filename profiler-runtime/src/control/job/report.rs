//! The answers of a job: one line for each worker.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use profiler_trace::export::{Artifact, MissingArtifact, RequestTimes};
use profiler_trace::text;

/// The identity of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Name: `diffusion_rank_0`, or that in `PROFILER_WORKER_NAME`.
    pub name: String,
    /// Global rank in the job: unique.
    pub rank: u32,
    /// Number of its stage process.
    pub stage: u32,
    /// Process id on its host.
    pub pid: u32,
    /// Name of its host.
    pub host: String,
}

impl Worker {
    /// Returns whether its names can be shown in a line of a log: an unknown client may have chosen
    /// them.
    pub(super) fn is_plain(&self) -> bool {
        let plain = |name: &str, most: usize| name.len() <= most && !name.contains(text::acts);
        !self.name.is_empty() && plain(&self.name, MOST_NAME) && plain(&self.host, 255)
    }
}

/// Longest name of a worker, in bytes.
pub(super) const MOST_NAME: usize = 64;

/// What has become of a worker's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkerState {
    /// No session.
    Idle,
    /// A session is active.
    Recording,
    /// Recording has ended; artifacts are being written.
    Writing,
    /// The artifacts are on disk.
    Written,
    /// It answered with an error: see [`WorkerStatus::error`].
    Failed,
    /// Its process has ended, or the connection to it.
    Lost,
    /// It did not answer in time.
    Silent,
}

impl WorkerState {
    /// Returns whether something went wrong.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Lost | Self::Silent)
    }
}

/// The kind of error that a worker has answered with, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCode {
    /// The request cannot be understood, or breaks a rule: the two sides were built from different
    /// versions.
    BadRequest,
    /// The worker records a session of its own.
    AlreadyActive,
    /// The worker does not know the session.
    NotActive,
    /// The worker cannot use the configuration.
    Config,
    /// The worker cannot write to the session's folder.
    Folder,
    /// The worker was built without the feature `enable`.
    Disabled,
    /// The worker's operating system gave no thread.
    Thread,
    /// Artifacts could not be written; those that are listed are whole.
    Artifacts,
    /// Any other error.
    #[serde(other)]
    Other,
}

impl FailureCode {
    pub(super) const fn of(error: &Error) -> Self {
        match error {
            Error::Disabled => Self::Disabled,
            Error::NotConfigured | Error::Config(_) => Self::Config,
            Error::AlreadyActive { .. } => Self::AlreadyActive,
            Error::NotActive => Self::NotActive,
            Error::RemoteFolder { .. } | Error::Folder { .. } => Self::Folder,
            Error::Thread { .. } => Self::Thread,
            Error::Export { .. } | Error::Dump { .. } | Error::Spool { .. } | Error::ParentsSession { .. } => {
                Self::Artifacts
            }
        }
    }
}

/// The line of one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Worker of the line.
    #[serde(flatten)]
    pub worker: Worker,
    /// State of its session.
    pub state: WorkerState,
    /// Reason, if something went wrong.
    pub error: Option<String>,
    /// Kind of error, if the worker itself has answered with one.
    pub code: Option<FailureCode>,
    /// Artifacts that it has written.
    pub artifacts: Vec<WorkerArtifact>,
    /// Artifacts that it was asked for and did not write, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingArtifact>,
    /// Number of iterations recorded so far.
    pub recorded_iterations: u64,
    /// Requests that it has served, once its artifacts are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestTimes>,
    /// Number of ranges for which there was no room so far.
    pub lost_ranges: u64,
}

impl WorkerStatus {
    /// Creates a line without error, artifacts or counts.
    #[must_use]
    pub fn new(worker: Worker, state: WorkerState) -> Self {
        Self {
            worker,
            state,
            error: None,
            code: None,
            artifacts: Vec::new(),
            missing: Vec::new(),
            recorded_iterations: 0,
            requests: None,
            lost_ranges: 0,
        }
    }

    pub(crate) fn failed(self, error: impl Into<String>) -> Self {
        self.with(WorkerState::Failed, error)
    }

    /// Returns the line with another state, and why.
    pub(super) fn with(mut self, state: WorkerState, why: impl Into<String>) -> Self {
        self.state = state;
        self.error = Some(why.into());
        self
    }
}

/// A file that a worker has written, as its manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerArtifact {
    /// Kind of artifact: `trace`, `ops`, `summary`, …
    pub kind: String,
    /// File name in the session's folder; the path if it lies outside.
    pub name: String,
    /// Second name of the same file in the session's folder; see
    /// [`Artifact::second_name`](crate::artifacts::Artifact::second_name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_name: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
}

impl From<&Artifact> for WorkerArtifact {
    fn from(artifact: &Artifact) -> Self {
        let (name, second_name) = (artifact.name.clone(), artifact.second_name.clone());
        Self { kind: artifact.kind.to_owned(), name, second_name, bytes: artifact.bytes }
    }
}

/// The coordinator's own process, where it is in the session: see
/// [`CoordinatorOptions::frontend`](super::CoordinatorOptions::frontend).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Frontend {
    /// Process id.
    pub pid: u32,
    /// State of its session.
    pub state: WorkerState,
    /// Reason, if something went wrong.
    pub error: Option<String>,
    /// Artifacts that it has written.
    pub artifacts: Vec<WorkerArtifact>,
    /// Artifacts that it was asked for and did not write, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingArtifact>,
}

/// The result of a start or stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Session, under one name for all workers.
    pub session: String,
    /// Folder of its artifacts, as the workers see it.
    pub folder: Option<PathBuf>,
    /// One line for each selected worker, by rank.
    pub workers: Vec<WorkerStatus>,
    /// The coordinator's own process, if it is in the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontend: Option<Frontend>,
    /// Warnings of a start, in full sentences, each once for all workers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Report {
    /// Creates a report, for a [`Controller`](super::Controller) of your own.
    #[must_use]
    pub fn new(session: impl Into<String>, folder: Option<PathBuf>, workers: Vec<WorkerStatus>) -> Self {
        Self { session: session.into(), folder, workers, frontend: None, warnings: Vec::new() }
    }

    /// Returns whether every worker did as asked.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let mut states =
            self.workers.iter().map(|worker| worker.state).chain(self.frontend.iter().map(|own| own.state));
        !states.any(WorkerState::is_failure)
    }

    /// Returns the artifacts that all of them have written.
    #[cfg(feature = "http")]
    pub(crate) fn artifacts(&self) -> impl Iterator<Item = &WorkerArtifact> {
        let frontend = self.frontend.iter().flat_map(|own| &own.artifacts);
        self.workers.iter().flat_map(|worker| &worker.artifacts).chain(frontend)
    }
}

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobStatus {
    /// Session that is active, or being written.
    pub session: Option<String>,
    /// One line for each worker that has joined, by rank.
    pub workers: Vec<WorkerStatus>,
    /// Session that was written last, with its folder and artifacts; `None` before there is one,
    /// and while the next one is being written.
    pub last_session: Option<Report>,
}

impl JobStatus {
    /// Creates the state of a job, for a [`Controller`](super::Controller) of your own.
    #[must_use]
    pub const fn new(session: Option<String>, workers: Vec<WorkerStatus>) -> Self {
        Self { session, workers, last_session: None }
    }
}

/// The reason why a job could not be asked at all.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ControlError {
    /// A session is active.
    AlreadyActive {
        /// Name of the active session.
        session: String,
    },
    /// No session is active.
    NotActive,
    /// A stop selects other workers than the start did.
    OtherSelection {
        /// Selection that was started.
        active: String,
        /// Selection that should be stopped.
        asked: String,
    },
    /// No worker has this stage.
    NoSuchStage {
        /// Number in the request.
        stage: u32,
        /// Numbers of the existing stages.
        known: Vec<u32>,
    },
    /// A request names a range that does not exist, and an existing one is near.
    NoSuchName {
        /// Name in the request.
        name: String,
        /// Nearest name that exists.
        near: String,
    },
    /// No worker has joined.
    NoWorkers,
    /// A session's start or stop failed.
    Session(Error),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyActive { session } => {
                write!(f, "the session `{session}` is active: stop it before starting another")
            }
            Self::NotActive => f.write_str("no session is active: start one first"),
            Self::OtherSelection { active, asked } => {
                write!(f, "{active} was started, but {asked} should be stopped: stop the same, or leave `stages` out")
            }
            Self::NoSuchStage { stage, known } => {
                write!(f, "no worker has the stage {stage}; there are {known:?}")
            }
            Self::NoSuchName { name, near } => write!(
                f,
                "no stage, step or op is called `{name}`: did you mean `{near}`? If the program makes that name at run \
                 time, write `{name}*`"
            ),
            Self::NoWorkers => {
                f.write_str("no worker has joined: give the workers the address in `PROFILER_COORDINATOR`")
            }
            Self::Session(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ControlError {}

impl From<Error> for ControlError {
    fn from(error: Error) -> Self {
        match error {
            Error::AlreadyActive { session } => Self::AlreadyActive { session: session.to_string() },
            Error::NotActive => Self::NotActive,
            other => Self::Session(other),
        }
    }
}
