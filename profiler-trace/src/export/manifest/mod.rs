//! The manifest: what a session wrote, what it did not write and why. It is written last, so a
//! folder with a manifest is complete.

pub(super) mod file;
pub(super) mod replaced;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::export::remark::Remark;
use crate::export::report_parts::requests::RequestTimes;
use crate::export::reports::digest::Digest;
use crate::model::{ExportOptions, OpTable};

/// A file that a session has written, complete and on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Artifact {
    /// Kind of the file: the `name` of an [`ArtifactKind`](crate::export::ArtifactKind), such as
    /// `trace` (for two, the JSON), `trace_perfetto` (the other), `ops`, `timing`, `summary` or
    /// `manifest`; the page `artifacts` of the guide lists them all.
    pub kind: &'static str,
    /// File name; the path if the file lies outside the session's folder.
    pub name: String,
    /// Second name of the same file in the session's folder: a trace is
    /// `traces/rank0.pt.trace.json[.gz]` too, for tools that are pointed at a folder of traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_name: Option<String>,
    /// Path of the file.
    #[serde(skip)]
    pub path: PathBuf,
    /// Size of the file.
    pub bytes: u64,
    /// CRC-32 of the file, as in gzip and zip. In the manifest eight hexadecimal digits.
    #[serde(serialize_with = "as_hex")]
    pub crc32: u32,
}

/// A file that the configuration asked for and that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MissingArtifact {
    /// File name.
    pub name: String,
    /// Reason why the file is not there.
    pub reason: String,
}

/// The artifacts of a session, as `manifest_rank{R}.json` lists them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Manifest {
    /// The session's id, shared by all ranks of the job.
    pub session: String,
    /// Rank of this process.
    pub rank: u32,
    /// Files that the configuration asked for and that are not there, with the reasons.
    pub missing: Vec<MissingArtifact>,
    /// Warnings about the recording for the user, in full sentences.
    pub warnings: Vec<String>,
    /// Sentences about what the session did as it was asked to, such as what a schedule or a
    /// selection leaves out.
    pub notes: Vec<String>,
    /// Errors that occurred while the artifacts were written.
    pub errors: Vec<String>,
    /// Recorded ranges that are in no artifact, for want of room.
    pub ranges_lost: u64,
    /// All requests that were served.
    #[doc(hidden)]
    pub requests: RequestTimes,
    pub(in crate::export) artifacts: Vec<Artifact>,
    pub(in crate::export) pipeline_lines: Vec<String>,
    /// Operator table, for [`key_averages`](Self::key_averages).
    pub(in crate::export) ops: Arc<OpTable>,
    pub(in crate::export) options: ExportOptions,
    /// Figures of the trace, for [`summary`](Self::summary).
    pub(in crate::export) digest: Digest,
}

impl Manifest {
    /// Returns every file that was written, in the order of writing; the last is the manifest
    /// itself.
    #[must_use]
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// Returns the artifact of this kind, if it was written; see [`Artifact::kind`].
    #[must_use]
    pub fn artifact(&self, kind: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.kind == kind)
    }

    /// Records an output that could not be exported, and returns the remark that people should see.
    pub(in crate::export) fn failed(&mut self, name: String, error: &io::Error, message: String) -> Remark {
        self.missing.push(MissingArtifact::new(name, error.to_string()));
        self.errors.push(message.clone());
        Remark::Error(message)
    }

    /// Returns the pipeline profiler's lines:
    /// `[DiffusionTiming] pipeline.vae.decode took 0.123456s`. Empty if off.
    #[must_use]
    pub fn pipeline_lines(&self) -> &[String] {
        &self.pipeline_lines
    }
}

impl MissingArtifact {
    pub(in crate::export) fn new(name: String, reason: impl Into<String>) -> Self {
        Self { name, reason: reason.into() }
    }
}

/// Returns a sentence for each reason why files are missing: those that share one are named
/// together.
pub fn by_reason(files: &[MissingArtifact]) -> impl Iterator<Item = String> + '_ {
    files.chunk_by(|one, next| one.reason == next.reason).map(|files| {
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.name)).collect();
        format!("{}: {}", names.join(", "), files[0].reason)
    })
}

/// Returns the name of a file in the manifest of `folder`.
pub(in crate::export) fn name_in(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

fn as_hex<S: Serializer>(crc32: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{crc32:08x}"))
}
