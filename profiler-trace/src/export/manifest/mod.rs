//! The manifest: lists the artifacts of a session, and the missing ones with reasons. It is written
//! last, so a folder with a manifest is complete.

pub(super) mod file;
pub(super) mod replaced;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::export::kind::ArtifactKind;
use crate::export::remark::Remark;
use crate::export::report_parts::requests::RequestTimes;
use crate::export::reports::digest::Digest;
use crate::model::{ExportOptions, OpTable};

/// A file that a session wrote completely to disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Artifact {
    /// Kind of the file.
    pub kind: ArtifactKind,
    /// File name; the full path if the file is outside the session's folder.
    pub name: String,
    /// Second name of the same file in the session's folder: a trace is also
    /// `traces/rank0.pt.trace.json[.gz]`, for tools that take a folder of traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_name: Option<String>,
    /// Path of the file.
    #[serde(skip)]
    pub path: PathBuf,
    /// Size of the file.
    pub bytes: u64,
    /// CRC-32 of the file, as in gzip and zip; eight hexadecimal digits in the manifest.
    #[serde(serialize_with = "as_hex")]
    pub crc32: u32,
}

/// A requested file that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MissingArtifact {
    /// File name.
    pub name: String,
    /// Reason why the file does not exist.
    pub reason: String,
}

/// Artifacts of a session, as `manifest_rank{R}.json` lists them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Manifest {
    /// The session's id, shared by all ranks of the job.
    pub session: String,
    /// Rank of this process.
    pub rank: u32,
    /// Requested files that do not exist, with reasons.
    pub missing: Vec<MissingArtifact>,
    /// Warnings about the recording for the user, in full sentences.
    pub warnings: Vec<String>,
    /// Sentences about effects of the configuration, such as what a schedule or a selection leaves
    /// out.
    pub notes: Vec<String>,
    /// Errors that occurred while the artifacts were written.
    pub errors: Vec<String>,
    /// Number of recorded ranges that are in no artifact because buffers were full.
    pub ranges_lost: u64,
    /// Written files in order of writing; the last is the manifest itself.
    pub artifacts: Vec<Artifact>,
    /// Lines of the pipeline profiler, such as
    /// `[DiffusionTiming] pipeline.vae.decode took 0.123456s`; empty if it is off.
    pub pipeline_lines: Vec<String>,
    /// Statistics of all requests.
    pub requests: RequestTimes,
    /// Operator table, for [`key_averages`](Self::key_averages).
    pub(in crate::export) ops: Arc<OpTable>,
    pub(in crate::export) options: ExportOptions,
    /// Figures of the trace, for [`summary`](Self::summary).
    pub(in crate::export) digest: Digest,
}

impl Manifest {
    /// Returns the artifact of this kind, if it was written.
    #[must_use]
    pub fn artifact(&self, kind: ArtifactKind) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.kind == kind)
    }

    /// Records an output that failed. Returns the remark for the user.
    pub(in crate::export) fn failed(&mut self, name: String, error: &io::Error, message: String) -> Remark {
        self.missing.push(MissingArtifact::new(name, error.to_string()));
        self.errors.push(message.clone());
        Remark::Error(message)
    }
}

impl MissingArtifact {
    pub(in crate::export) fn new(name: String, reason: impl Into<String>) -> Self {
        Self { name, reason: reason.into() }
    }
}

/// Returns one sentence per reason; files that are missing for the same reason share it.
pub fn by_reason(files: &[MissingArtifact]) -> impl Iterator<Item = String> + '_ {
    files.chunk_by(|one, next| one.reason == next.reason).map(|files| {
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.name)).collect();
        format!("{}: {}", names.join(", "), files[0].reason)
    })
}

/// Returns the name under which a manifest in `folder` lists a file.
pub(in crate::export) fn name_in(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

fn as_hex<S: Serializer>(crc32: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{crc32:08x}"))
}
