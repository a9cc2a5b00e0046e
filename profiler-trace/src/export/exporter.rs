//! What an exporter is: rows of artifacts, and what a session gives it to do.
//!
//! An exporter has a row for each artifact that it may write, and adds to a [`Plan`] what the
//! options of a session ask for: files in the session's folder, files elsewhere, what is missing
//! and why, or something that is no file at all. The plan is carried out by the root of `export`:
//! progress, panics, compression, checksums and the manifest are its affair. Most artifacts are one
//! file, written from the trace alone: an exporter of these is a value of [`OneFile`].

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::model::{Content, ExportOptions, Trace};

use super::manifest::{Manifest, MissingArtifact};
use super::remark::Remark;

/// A kind of artifact, as manifest, downloads and documentation know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactKind {
    /// Word for it in the manifest.
    pub name: &'static str,
    /// File name, in which `{R}` stands for the rank.
    pub file: &'static str,
    /// Content type of a download.
    pub content_type: &'static str,
}

impl ArtifactKind {
    /// Creates a row.
    pub(super) const fn new(name: &'static str, file: &'static str, content_type: &'static str) -> Self {
        Self { name, file, content_type }
    }
}

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const MARKDOWN: &str = "text/markdown; charset=utf-8";
pub(super) const SVG: &str = "image/svg+xml";
pub(super) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub(super) const BYTES: &str = "application/octet-stream";

/// Something that a session is exported to.
pub(super) trait Exporter: Sync {
    /// Returns the artifacts that it may write, in their order; none if it writes to no file.
    fn artifacts(&self) -> &[ArtifactKind] {
        &[]
    }

    /// Adds what the options of a session ask for.
    fn plan(&self, plan: &mut Plan<'_>);

    /// Returns the path that the options spell out for it, if they do, and the field that does.
    fn spelled_out(&self, _options: &ExportOptions, _rank: u32) -> Option<(&'static str, PathBuf)> {
        None
    }
}

/// Writes a file's contents. The manifest knows all that was planned and is missing, and what was
/// written before.
pub(super) type WriteFile = fn(&Trace, &Manifest, &mut dyn Write) -> io::Result<()>;

/// An exporter of one file in the session's folder.
pub(super) struct OneFile {
    pub(super) kind: ArtifactKind,
    /// Least content of the folder that it belongs to.
    pub(super) content: Content,
    /// Returns whether the options ask for it.
    pub(super) is_asked: fn(&ExportOptions) -> bool,
    /// Returns why a trace has nothing to write, if so.
    pub(super) absent: fn(&Trace) -> Option<String>,
    /// Writes it, or tells which feature of the crate would.
    pub(super) write: Result<WriteFile, &'static str>,
}

impl OneFile {
    /// Creates an exporter of a file that every session with such a folder has.
    pub(super) const fn always(kind: ArtifactKind, content: Content, write: Result<WriteFile, &'static str>) -> Self {
        Self { kind, content, is_asked: |_| true, absent: |_| None, write }
    }
}

impl Exporter for OneFile {
    fn artifacts(&self) -> &[ArtifactKind] {
        std::slice::from_ref(&self.kind)
    }

    fn plan(&self, plan: &mut Plan<'_>) {
        if !plan.has_folder(self.content) || !(self.is_asked)(&plan.trace.context.options) {
            return;
        }
        match ((self.absent)(plan.trace), self.write) {
            (Some(reason), _) => plan.lacks(self.kind, reason),
            (None, Err(reason)) => plan.lacks(self.kind, reason),
            (None, Ok(write)) => plan.file(self.kind, write),
        }
    }
}

/// Outputs of a session, in the order in which they are made.
pub(super) struct Plan<'a> {
    pub(super) trace: &'a Trace,
    /// The session's folder; empty if it has none.
    pub(super) folder: &'a Path,
    pub(super) outputs: Vec<Output>,
    /// What is asked for and cannot be made.
    pub(super) missing: Vec<MissingArtifact>,
}

/// Something that an exporter makes.
pub(super) enum Output {
    File(PlannedFile),
    /// Its name in progress and errors, and what makes it; that may add to the manifest, and
    /// returns what to say.
    Elsewhere(&'static str, Box<MakeElsewhere>),
}

/// Makes what is no file.
type MakeElsewhere = dyn FnOnce(&Trace, &mut Manifest) -> io::Result<Vec<Remark>>;

/// Writes a file that was planned, with what the plan knew.
type WritePlanned = dyn FnOnce(&Trace, &Manifest, &mut dyn Write) -> io::Result<()>;

/// A file to write.
pub(super) struct PlannedFile {
    pub(super) kind: &'static str,
    pub(super) path: PathBuf,
    /// Second name that the file gets.
    pub(super) second: Option<PathBuf>,
    pub(super) write: Box<WritePlanned>,
}

impl Plan<'_> {
    /// Returns whether the session has a folder, for artifacts of this `content`.
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
        self.file_at(kind.name, path, None, write);
    }

    /// Adds a file under a path of its own.
    pub(super) fn file_at(
        &mut self,
        kind: &'static str,
        path: PathBuf,
        second: Option<PathBuf>,
        write: impl FnOnce(&Trace, &Manifest, &mut dyn Write) -> io::Result<()> + 'static,
    ) {
        self.outputs.push(Output::File(PlannedFile { kind, path, second, write: Box::new(write) }));
    }

    /// Adds something that is no file: `name` stands for it in progress and errors.
    pub(super) fn elsewhere(
        &mut self,
        name: &'static str,
        make: impl FnOnce(&Trace, &mut Manifest) -> io::Result<Vec<Remark>> + 'static,
    ) {
        self.outputs.push(Output::Elsewhere(name, Box::new(make)));
    }

    /// Notes that an artifact is asked for and cannot be made.
    pub(super) fn lacks(&mut self, kind: ArtifactKind, reason: impl Into<String>) {
        self.missing.push(MissingArtifact::new(self.name(kind), reason));
    }

    fn name(&self, kind: ArtifactKind) -> String {
        let part = self.trace.context.file_part();
        kind.file.replace("rank{R}", &part).replace("{R}", part.trim_start_matches("rank"))
    }
}
