//! The situations in which a span's cost is measured.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One situation; a subject that has no such thing is left out of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The tool is linked in and not recording.
    Off,
    /// One span after the other on one thread.
    On,
    /// Eight spans inside each other, on one thread.
    Nested,
    /// A span that records the shape of a tensor.
    Shapes,
    /// As `On`, with a guard in the function instead of an attribute on it.
    Block,
    /// As `On`, on two threads at the same time.
    TwoThreads,
    /// As `On`, and what follows until a trace viewer can open the file.
    Export,
    /// As `Export`, of spans with shapes.
    ExportShapes,
    /// As `Export`, compressed.
    ExportGzip,
    /// As `Export`, in Perfetto's own format.
    ExportPerfetto,
    /// As `ExportShapes`, in Perfetto's own format.
    ExportPerfettoShapes,
    /// As `ExportPerfetto`, compressed.
    ExportPerfettoGzip,
}

impl Scenario {
    /// The five columns of the table of costs per span.
    pub const PER_SPAN: [Self; 5] = [Self::Off, Self::On, Self::Nested, Self::Shapes, Self::TwoThreads];

    /// The rows that a subject may have in the table of exports.
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

    /// Whether the tool records in this situation.
    pub fn records(self) -> bool {
        self != Self::Off
    }

    /// Whether the file is in Perfetto's own format.
    pub fn is_perfetto(self) -> bool {
        matches!(self, Self::ExportPerfetto | Self::ExportPerfettoShapes | Self::ExportPerfettoGzip)
    }

    /// Returns whether the export is measured, and not the recording.
    pub fn is_export(self) -> bool {
        Self::EXPORTS.contains(&self)
    }

    /// Parts that the work is cut into, of which the quickest counts.
    ///
    /// Only where nothing grows from one to the next: a span that is not recorded takes as long as
    /// two instructions, so that the clock speed of the moment matters most.
    pub fn passes(self) -> u64 {
        if self == Self::Off { 10 } else { 1 }
    }

    /// Threads that record at the same time.
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
