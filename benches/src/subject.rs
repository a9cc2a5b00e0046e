//! The interface of compared tools: annotated work in the style of their users, and evidence that
//! it was recorded.

use crate::Result;
use crate::scenario::Scenario;
use std::path::Path;
use std::process::Command;

/// A tool, or a bound for comparison.
pub trait Subject: Sync {
    /// Returns the short name that selects it, such as `fastrace`.
    fn name(&self) -> &'static str;

    /// Returns the name for tables, with the measured version.
    fn title(&self) -> &'static str;

    /// Returns the annotated work for `scenario` as a function of the number of spans; `None` if
    /// the tool does not support the scenario.
    fn work(&self, scenario: Scenario) -> Option<fn(u64)>;

    /// Starts recording for `scenario`, which will create about `spans` spans.
    ///
    /// # Errors
    /// Returns an error if the tool cannot record here.
    fn start(&self, scenario: Scenario, spans: u64) -> Result<Box<dyn Recording>>;

    /// Prepares the environment of a child. `folder` is empty and exists until the child exits.
    ///
    /// # Errors
    /// Returns an error if the environment cannot be prepared.
    fn prepare(&self, _child: &mut Command, _folder: &Path) -> Result<()> {
        Ok(())
    }
}

/// A recording in progress.
pub trait Recording {
    /// Ends the recording, and waits until all of it has been delivered.
    ///
    /// # Errors
    /// Returns an error if the tool fails to deliver.
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>>;
}

/// Output of a finished recording. Evidence is counted after the clocks have stopped, because it
/// may require reading a file.
pub trait Kept {
    /// Counts the kept spans.
    ///
    /// # Errors
    /// Returns an error if the tool's output cannot be read.
    fn evidence(&self) -> Result<Evidence>;
}

/// Evidence that a tool recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Number of spans found in the tool's output; `None` if only its own viewer can read that.
    pub spans: Option<u64>,
    /// Size of the trace file in bytes; 0 if there is none.
    pub file_bytes: u64,
    /// Size of its contents before compression.
    pub text_bytes: u64,
}

impl Evidence {
    /// Creates the evidence of a tool without a file.
    pub fn spans(spans: u64) -> Self {
        Self { spans: Some(spans), file_bytes: 0, text_bytes: 0 }
    }
}

impl Kept for Evidence {
    fn evidence(&self) -> Result<Evidence> {
        Ok(*self)
    }
}

/// Returns the subject with this short name.
///
/// # Errors
/// Returns an error if there is none.
pub fn find<'a>(subjects: &[&'a dyn Subject], name: &str) -> Result<&'a dyn Subject> {
    let found = subjects.iter().copied().find(|subject| subject.name() == name);
    found.ok_or_else(|| format!("unknown subject `{name}`").into())
}
