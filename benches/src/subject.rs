//! What a tool must offer to be compared: work that is annotated as its users would, and proof that
//! it recorded.

use crate::Result;
use crate::scenario::Scenario;
use std::path::Path;
use std::process::Command;

/// One tool, or one bound to compare with.
pub trait Subject: Sync {
    /// The short name that selects it, such as `fastrace`.
    fn name(&self) -> &'static str;

    /// The name in the tables, with the version that was measured.
    fn title(&self) -> &'static str;

    /// The annotated work for `scenario`, as a function of the number of spans; `None` where the
    /// tool has no such thing.
    fn work(&self, scenario: Scenario) -> Option<fn(u64)>;

    /// Switches recording on for `scenario`, which will make about `spans` spans.
    ///
    /// # Errors
    /// When the tool cannot record here.
    fn start(&self, scenario: Scenario, spans: u64) -> Result<Box<dyn Recording>>;

    /// Sets up what a child finds on its machine; `folder` is empty, and stays until the child
    /// ends.
    ///
    /// # Errors
    /// When the machine cannot be set up.
    fn prepare(&self, _child: &mut Command, _folder: &Path) -> Result<()> {
        Ok(())
    }
}

/// A tool that records.
pub trait Recording {
    /// Ends the recording, waits until nothing of it is in flight, and counts what was kept.
    ///
    /// # Errors
    /// When the tool failed to deliver.
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>>;
}

/// What a tool kept; asked after the clocks have stopped, because counting can mean reading a file
/// again.
pub trait Kept {
    /// Counts it.
    ///
    /// # Errors
    /// When the tool's output cannot be read.
    fn evidence(&self) -> Result<Evidence>;
}

/// The proof that a tool recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Spans found in what the tool delivered; `None` where a tool delivers to nobody but its own
    /// viewer.
    pub spans: Option<u64>,
    /// Size of the trace file in bytes; 0 without one.
    pub file_bytes: u64,
    /// Size of what is in it, before any compression.
    pub text_bytes: u64,
}

impl Evidence {
    /// A tool that wrote no file.
    pub fn spans(spans: u64) -> Self {
        Self { spans: Some(spans), file_bytes: 0, text_bytes: 0 }
    }
}

impl Kept for Evidence {
    fn evidence(&self) -> Result<Evidence> {
        Ok(*self)
    }
}

/// Finds a subject by its short name.
///
/// # Errors
/// When there is none.
pub fn find<'a>(subjects: &[&'a dyn Subject], name: &str) -> Result<&'a dyn Subject> {
    let found = subjects.iter().copied().find(|subject| subject.name() == name);
    found.ok_or_else(|| format!("unknown subject `{name}`").into())
}
