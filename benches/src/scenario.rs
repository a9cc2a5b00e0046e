//! Scenarios in which the cost of a span is measured.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A scenario. A subject that does not support one is left out of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The tool is linked in but not recording.
    Off,
    /// One span after the other on one thread.
    On,
    /// Eight nested spans on one thread.
    Nested,
    /// A span that records the shape of a tensor.
    Shapes,
    /// Like `On`, with a guard in the function instead of an attribute.
    Block,
    /// Like `On`, on two threads at the same time.
    TwoThreads,
    /// Like `On`, plus everything until a trace viewer can open the file.
    Export,
    /// Like `Export`, for spans with shapes.
    ExportShapes,
    /// Like `Export`, compressed.
    ExportGzip,
    /// Like `Export`, in Perfetto's native format.
    ExportPerfetto,
    /// Like `ExportShapes`, in Perfetto's native format.
    ExportPerfettoShapes,
    /// Like `ExportPerfetto`, compressed.
    ExportPerfettoGzip,
}

impl Scenario {
    /// Columns of the table of costs per span.
    pub const PER_SPAN: [Self; 5] = [Self::Off, Self::On, Self::Nested, Self::Shapes, Self::TwoThreads];

    /// Possible rows of a subject in the table of exports.
    pub const EXPORTS: [Self; 6] = [
        Self::Export,
        Self::ExportShapes,
        Self::ExportGzip,
        Self::ExportPerfetto,
        Self::ExportPerfettoShapes,
        Self::ExportPerfettoGzip,
    ];

    const ALL: [(Self, &str); 12] = [
        (Self::Off, "off"),
        (Self::On, "on"),
        (Self::Nested, "nested"),
        (Self::Shapes, "shapes"),
        (Self::Block, "block"),
        (Self::TwoThreads, "two-threads"),
        (Self::Export, "export"),
        (Self::ExportShapes, "export-shapes"),
        (Self::ExportGzip, "export-gzip"),
        (Self::ExportPerfetto, "export-perfetto"),
        (Self::ExportPerfettoShapes, "export-perfetto-shapes"),
        (Self::ExportPerfettoGzip, "export-perfetto-gzip"),
    ];

    /// Returns whether the tool records in this scenario.
    pub fn records(self) -> bool {
        self != Self::Off
    }

    /// Returns whether the file is in Perfetto's native format.
    pub fn is_perfetto(self) -> bool {
        matches!(self, Self::ExportPerfetto | Self::ExportPerfettoShapes | Self::ExportPerfettoGzip)
    }

    /// Returns whether the export is measured instead of the recording.
    pub fn is_export(self) -> bool {
        Self::EXPORTS.contains(&self)
    }

    /// Returns the number of passes into which the work is divided; the fastest counts.
    ///
    /// There are several only where no state grows between passes: a span that is not recorded
    /// takes two instructions, so the momentary clock speed dominates.
    pub fn passes(self) -> u64 {
        if self == Self::Off { 10 } else { 1 }
    }

    /// Returns the number of threads that record at the same time.
    pub fn threads(self) -> u64 {
        if self == Self::TwoThreads { 2 } else { 1 }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(scenario, _)| scenario == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scenario = Self::ALL.iter().find(|(_, name)| *name == text);
        scenario.map(|(scenario, _)| *scenario).ok_or_else(|| format!("unknown scenario `{text}`"))
    }
}
