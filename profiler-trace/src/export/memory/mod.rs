//! Memory: the allocations of a recording, each and added up.
//!
//! ```text
//! snapshot  memory_snapshot_rank*.pickle  every event, for MemoryViz ─ blocks (who lies where), pickle (the format)
//! chart     memory_rank*.svg              the same over time, a picture
//! report    a section of summary and timing
//! ```
//!
//! `plan` calls the two writers, `reports` the report.

mod blocks;
#[cfg(feature = "charts")]
pub(super) mod chart;
#[cfg(not(feature = "charts"))]
#[path = "no_chart.rs"]
pub(super) mod chart;
#[cfg(feature = "charts")]
mod legend;
mod pickle;
pub(super) mod report;
pub(super) mod snapshot;
