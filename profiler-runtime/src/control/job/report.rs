//! Reports of a job, with a status for each worker.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use profiler_trace::export::{Artifact, ArtifactKind, MissingArtifact, RequestTimes};
use profiler_trace::text;

/// The identity of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Worker {
    /// Name: `diffusion_rank_0`, or the value of `PROFILER_WORKER_NAME`.
    pub name: String,
    /// Global rank in the job, which is unique.
    pub rank: u32,
    /// Number of its stage process.
    pub stage: u32,
    /// Process id on its host.
    pub pid: u32,
    /// Name of its host.
    pub host: String,
}

impl Worker {
    /// Creates the identity of a worker of stage 0, without process id and host, for a custom
    /// [`Controller`](super::Controller), which sets the other fields if needed.
    #[must_use]
    pub fn new(name: impl Into<String>, rank: u32) -> Self {
        Self { name: name.into(), rank, stage: 0, pid: 0, host: String::new() }
    }

    /// Returns whether its texts are safe for a log line: an unknown client may have chosen them.
    pub(super) fn is_plain(&self) -> bool {
        let plain = |text: &str, max: usize| text.len() <= max && !text.contains(text::acts);
        !self.name.is_empty() && plain(&self.name, MAX_NAME) && plain(&self.host, 255)
    }
}

/// Maximum length of a worker's name in bytes.
pub(super) const MAX_NAME: usize = 64;

/// The state of a worker's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// It answered with an error; see [`WorkerStatus::error`].
    Failed,
    /// Its process or the connection to it has ended.
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

/// Writes the state as in JSON: `recording`.
impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Recording => "recording",
            Self::Writing => "writing",
            Self::Written => "written",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Silent => "silent",
        })
    }
}

/// The kind of error in a worker's answer, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCode {
    /// The request is invalid or cannot be parsed: the two sides were built from different
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
    /// The worker could not start a thread.
    Thread,
    /// Artifacts could not be written; the listed ones are complete.
    Artifacts,
    /// Any other error.
    #[serde(other)]
    Other,
}

impl FailureCode {
    pub(super) const fn from_error(error: &Error) -> Self {
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

/// The status of one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Worker.
    #[serde(flatten)]
    pub worker: Worker,
    /// State of its session.
    pub state: WorkerState,
    /// Reason, if something went wrong.
    pub error: Option<String>,
    /// Kind of error, if the worker has answered with one.
    pub code: Option<FailureCode>,
    /// Artifacts that it has written.
    pub artifacts: Vec<WorkerArtifact>,
    /// Configured artifacts that it has not written, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingArtifact>,
    /// Number of iterations recorded so far.
    pub recorded_iterations: u64,
    /// Requests that it has served, once its artifacts are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestTimes>,
    /// Number of ranges lost so far because buffers were full.
    pub lost_ranges: u64,
}

impl WorkerStatus {
    /// Creates a status without error, artifacts or counts.
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

    /// Returns the status with another state and a reason.
    pub(super) fn with(mut self, state: WorkerState, why: impl Into<String>) -> Self {
        self.state = state;
        self.error = Some(why.into());
        self
    }
}

/// A file that a worker has written, as its manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerArtifact {
    /// Kind of the file.
    pub kind: ArtifactKind,
    /// File name in the session's folder; the path if it lies outside.
    pub name: String,
    /// Second name of the same file in the session's folder; see
    /// [`Artifact::second_name`](crate::artifacts::Artifact::second_name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_name: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
}

impl WorkerArtifact {
    /// Creates the line of a file without a second name, for a [`Controller`](super::Controller) of
    /// your own.
    #[must_use]
    pub fn new(kind: ArtifactKind, name: impl Into<String>, bytes: u64) -> Self {
        Self { kind, name: name.into(), second_name: None, bytes }
    }
}

impl From<&Artifact> for WorkerArtifact {
    fn from(artifact: &Artifact) -> Self {
        let (name, second_name) = (artifact.name.clone(), artifact.second_name.clone());
        Self { kind: artifact.kind, name, second_name, bytes: artifact.bytes }
    }
}

/// The coordinator's own process in a session; see
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
    /// Configured artifacts that it has not written, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingArtifact>,
}

/// The result of a start or stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Id of the session, the same for all workers.
    pub session: String,
    /// Folder of its artifacts, as the workers see it.
    pub folder: Option<PathBuf>,
    /// Status of each selected worker, by rank.
    pub workers: Vec<WorkerStatus>,
    /// The coordinator's own process, if it is in the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontend: Option<Frontend>,
    /// Warnings of a start, in full sentences; a warning of several workers is listed once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Report {
    /// Creates a report, for a [`Controller`](super::Controller) of your own.
    #[must_use]
    pub fn new(session: impl Into<String>, folder: Option<PathBuf>, workers: Vec<WorkerStatus>) -> Self {
        Self { session: session.into(), folder, workers, frontend: None, warnings: Vec::new() }
    }

    /// Returns whether every worker did what was requested.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let mut states =
            self.workers.iter().map(|worker| worker.state).chain(self.frontend.iter().map(|own| own.state));
        !states.any(WorkerState::is_failure)
    }

    /// Returns the artifacts of all workers and of the front-end.
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
    /// Id of the session that is active or being written.
    pub session: Option<String>,
    /// Status of each joined worker, by rank.
    pub workers: Vec<WorkerStatus>,
    /// Report of the session that was written last; `None` if there is none, and while the next one
    /// is being written.
    pub last_session: Option<Report>,
}

impl JobStatus {
    /// Creates the state of a job, for a [`Controller`](super::Controller) of your own.
    #[must_use]
    pub const fn new(session: Option<String>, workers: Vec<WorkerStatus>) -> Self {
        Self { session, workers, last_session: None }
    }
}

/// The reason why a job could not be controlled at all.
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
        /// Selection of the start.
        active: String,
        /// Selection of the stop.
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
