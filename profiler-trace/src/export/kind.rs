//! Kinds of artifacts. One table holds the word, the file's name and the content type of each; an
//! exporter names the kinds that it writes.

use std::fmt;

use serde::{Deserialize, Serialize};

const BYTES: &str = "application/octet-stream";
const JSON: &str = "application/json";
const MARKDOWN: &str = "text/markdown; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

macro_rules! kinds {
    ($($(#[$about:meta])+ $kind:ident = $word:literal, $file:literal, $content_type:ident;)+) => {
        /// The kind of an artifact: [`Artifact::kind`](crate::artifacts::Artifact::kind).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ArtifactKind {
            $(
                $(#[$about])+
                #[serde(rename = $word)]
                $kind,
            )+
            /// A kind that this version does not know, as a worker of another version may report.
            #[serde(rename = "other", other)]
            Other,
        }

        impl ArtifactKind {
            /// Returns the word for it in the manifest and in reports: `trace`, `ops`, `summary`, …
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                    Self::Other => "other",
                }
            }

            /// Returns the name of its file, in which `{R}` stands for the rank.
            #[doc(hidden)]
            #[must_use]
            pub const fn file(self) -> &'static str {
                match self {
                    $(Self::$kind => $file,)+
                    Self::Other => "",
                }
            }

            /// Returns the content type of a download that is not compressed.
            pub(super) const fn content_type(self) -> &'static str {
                match self {
                    $(Self::$kind => $content_type,)+
                    Self::Other => BYTES,
                }
            }
        }
    };
}

kinds! {
    /// The trace; where there are two, the one in JSON.
    Trace = "trace", "trace_rank{R}.json[.gz]", JSON;
    /// The second of two traces, in Perfetto's format.
    TracePerfetto = "trace_perfetto", "trace_rank{R}.pftrace[.gz]", BYTES;
    /// Workbook of the operator tables.
    Ops = "ops", "ops_rank{R}.xlsx", XLSX;
    /// Operator table as text.
    Table = "table", "profiler_out_{R}.txt", TEXT;
    /// Folded call stacks of the host's time.
    StacksCpu = "stacks_cpu", "stacks_cpu_rank{R}.txt", TEXT;
    /// Flame graph of the host's time.
    FlameCpu = "flame_cpu", "flame_cpu_rank{R}.svg", SVG;
    /// Folded call stacks of the GPU's time.
    StacksCuda = "stacks_cuda", "stacks_cuda_rank{R}.txt", TEXT;
    /// Flame graph of the GPU's time.
    FlameCuda = "flame_cuda", "flame_cuda_rank{R}.svg", SVG;
    /// Every allocation, for MemoryViz.
    MemorySnapshot = "memory_snapshot", "memory_snapshot_rank{R}.pickle", BYTES;
    /// Chart of what was allocated over time.
    MemoryChart = "memory_chart", "memory_rank{R}.svg", SVG;
    /// Report of stages, steps and requests for programs.
    Timing = "timing", "timing_rank{R}.json", JSON;
    /// Light report with a path of its own.
    PerfDump = "perf_dump", "perf_dump_path", JSON;
    /// Summary for people.
    Summary = "summary", "summary_rank{R}.md", MARKDOWN;
    /// List of the others, written last.
    Manifest = "manifest", "manifest_rank{R}.json", JSON;
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::export::artifact_kinds;

    #[test]
    fn a_kind_is_its_word_in_json_too() {
        for kind in artifact_kinds() {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<ArtifactKind>(&json).unwrap(), kind);
        }
        assert_eq!(serde_json::from_str::<ArtifactKind>("\"hologram\"").unwrap(), ArtifactKind::Other);
    }
}
