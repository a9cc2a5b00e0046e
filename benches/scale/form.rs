//! The forms of a trace file: two formats, each plain and compressed.

use profiler_benches::Result;
use profiler_runtime::config::TraceFormat;
use serde::{Deserialize, Serialize};

/// A format of the trace, plain or compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    Chrome,
    ChromeGzip,
    Perfetto,
    PerfettoGzip,
}

impl Form {
    pub(crate) const ALL: [Self; 4] = [Self::Chrome, Self::ChromeGzip, Self::Perfetto, Self::PerfettoGzip];

    /// Returns the name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::ChromeGzip => "chrome-gzip",
            Self::Perfetto => "perfetto",
            Self::PerfettoGzip => "perfetto-gzip",
        }
    }

    /// Returns the name for people.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome's JSON",
            Self::ChromeGzip => "Chrome's JSON, gzip",
            Self::Perfetto => "Perfetto's own",
            Self::PerfettoGzip => "Perfetto's own, gzip",
        }
    }

    /// Returns the form with this name.
    ///
    /// # Errors
    /// Returns an error if there is none.
    pub(crate) fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|form| form.name() == name);
        found.ok_or_else(|| format!("unknown format `{name}`").into())
    }

    pub(crate) const fn is_compressed(self) -> bool {
        matches!(self, Self::ChromeGzip | Self::PerfettoGzip)
    }

    pub(crate) const fn format(self) -> TraceFormat {
        match self {
            Self::Chrome | Self::ChromeGzip => TraceFormat::Chrome,
            Self::Perfetto | Self::PerfettoGzip => TraceFormat::Perfetto,
        }
    }
}
