//! The interface of exporters: their kinds of artifacts, and the plan of a session's outputs.
//!
//! An exporter lists the artifacts that it may write. For a session it adds what the options
//! request to a [`Plan`]: files in the session's folder, files elsewhere, outputs that are not
//! files, and files that are missing, with reasons. The root of `export` executes the plan and
//! handles progress, panics, compression, checksums and the manifest. Most artifacts are one file
//! that depends on the trace alone; their exporter is a value of [`OneFile`].

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::model::{Content, ExportOptions, Trace};

use super::kind::ArtifactKind;
use super::manifest::{Manifest, MissingArtifact};
use super::remark::Remark;

/// A destination of a session's data.
pub(super) trait Exporter: Sync {
    /// Returns the kinds of artifacts that it may write, in order; empty if it writes no files.
    fn artifacts(&self) -> &[ArtifactKind] {
        &[]
    }

    /// Adds the outputs that the session's options request.
    fn plan(&self, plan: &mut Plan<'_>);

    /// Returns the configuration field and the path, if the user chose the output's path.
    fn user_path(&self, _options: &ExportOptions, _rank: u32) -> Option<(&'static str, PathBuf)> {
        None
    }
}

/// Writes the contents of a file. The manifest lists the missing files and those written before.
pub(super) type WriteFile = fn(&Trace, &Manifest, &mut dyn Write) -> io::Result<()>;

/// Exporter of one file in the session's folder.
pub(super) struct OneFile {
    pub(super) kind: ArtifactKind,
    /// Smallest extent of artifacts that includes the file.
    pub(super) content: Content,
    /// Condition under which the options request the file.
    pub(super) is_requested: fn(&ExportOptions) -> bool,
    /// Reason why a trace has nothing to write; `None` if it has.
    pub(super) absent: fn(&Trace) -> Option<String>,
    /// Function that writes the file, or a message that names the missing crate feature.
    pub(super) write: Result<WriteFile, &'static str>,
}

impl OneFile {
    /// Creates an exporter of a file that all sessions with this extent have.
    pub(super) const fn always(kind: ArtifactKind, content: Content, write: Result<WriteFile, &'static str>) -> Self {
        Self { kind, content, is_requested: |_| true, absent: |_| None, write }
    }
}

impl Exporter for OneFile {
    fn artifacts(&self) -> &[ArtifactKind] {
        std::slice::from_ref(&self.kind)
    }

    fn plan(&self, plan: &mut Plan<'_>) {
        if !plan.has_folder(self.content) || !(self.is_requested)(&plan.trace.context.options) {
            return;
        }
        match ((self.absent)(plan.trace), self.write) {
            (Some(reason), _) => plan.add_missing(self.kind, reason),
            (None, Err(reason)) => plan.add_missing(self.kind, reason),
            (None, Ok(write)) => plan.file(self.kind, write),
        }
    }
}

/// Outputs of a session, in the order in which they are written.
pub(super) struct Plan<'a> {
    pub(super) trace: &'a Trace,
    /// The session's folder; empty if it has none.
    pub(super) folder: &'a Path,
    pub(super) outputs: Vec<Output>,
    /// Requested files that cannot be written.
    pub(super) missing: Vec<MissingArtifact>,
}

/// An output of an exporter.
pub(super) enum Output {
    File(PlannedFile),
    /// Name of the output in progress and errors, and the function that produces it. The function
    /// may change the manifest and returns remarks.
    Other(&'static str, Box<MakeOther>),
}

/// Produces an output that is not a file.
type MakeOther = dyn FnOnce(&Trace, &mut Manifest) -> io::Result<Vec<Remark>>;

/// Writes a planned file.
type WritePlanned = dyn FnOnce(&Trace, &Manifest, &mut dyn Write) -> io::Result<()>;

/// A file that will be written.
pub(super) struct PlannedFile {
    pub(super) kind: ArtifactKind,
    pub(super) path: PathBuf,
    /// Second name that the file will get.
    pub(super) second: Option<PathBuf>,
    pub(super) write: Box<WritePlanned>,
}

impl Plan<'_> {
    /// Returns whether the session has a folder and requests artifacts of this extent.
    pub(super) fn has_folder(&self, content: Content) -> bool {
        self.trace.context.options.content >= content && self.folder != Path::new("")
    }

    /// Adds a file in the session's folder.
    pub(super) fn file(
        &mut self,
        kind: ArtifactKind,
        write: impl FnOnce(&Trace, &Manifest, &mut dyn Write) -> io::Result<()> + 'static,
    ) {
        let path = self.folder.join(self.name(kind));
        self.file_at(kind, path, None, write);
    }

    /// Adds a file at another path.
    pub(super) fn file_at(
        &mut self,
        kind: ArtifactKind,
        path: PathBuf,
        second: Option<PathBuf>,
        write: impl FnOnce(&Trace, &Manifest, &mut dyn Write) -> io::Result<()> + 'static,
    ) {
        self.outputs.push(Output::File(PlannedFile { kind, path, second, write: Box::new(write) }));
    }

    /// Adds an output that is not a file; `name` appears in progress and errors.
    pub(super) fn other(
        &mut self,
        name: &'static str,
        make: impl FnOnce(&Trace, &mut Manifest) -> io::Result<Vec<Remark>> + 'static,
    ) {
        self.outputs.push(Output::Other(name, Box::new(make)));
    }

    /// Adds a requested artifact that cannot be written.
    pub(super) fn add_missing(&mut self, kind: ArtifactKind, reason: impl Into<String>) {
        self.missing.push(MissingArtifact::new(self.name(kind), reason));
    }

    fn name(&self, kind: ArtifactKind) -> String {
        let part = self.trace.context.file_part();
        kind.file().replace("rank{R}", &part).replace("{R}", part.trim_start_matches("rank"))
    }
}
