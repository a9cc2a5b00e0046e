//! In which format a session writes its trace.

/// The format of a session's trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TraceFormat {
    /// `trace_rank{R}.json`, Kineto's dialect of the Chrome trace format: for Perfetto, Holistic Trace Analysis and
    /// TensorBoard.
    #[default]
    Chrome,
    /// `trace_rank{R}.pftrace`, Perfetto's own format: a quarter of the size (half where both are compressed), every name intact,
    /// and counters; for Perfetto alone.
    Perfetto,
    /// Both files.
    Both,
}

impl TraceFormat {
    /// The names of all formats, in the order in which messages list them.
    pub(crate) const NAMES: &[&str] = &["chrome", "perfetto", "both"];

    /// The name in a configuration: `chrome`, `perfetto` or `both`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::Perfetto => "perfetto",
            Self::Both => "both",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Chrome, Self::Perfetto, Self::Both].into_iter().find(|format| format.as_str() == name)
    }
}

impl std::fmt::Display for TraceFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
