//! Memory artifacts: the individual allocations of a recording, and their totals.
//!
//! ```text
//! snapshot  memory_snapshot_rank*.pickle  every event, for MemoryViz ─ blocks (addresses), pickle (format)
//! chart     memory_rank*.svg              memory over time, as a picture
//! report    a section of summary and timing
//! ```
//!
//! `reports` calls the report.

mod blocks;
#[cfg(feature = "charts")]
mod chart;
#[cfg(feature = "charts")]
mod legend;
mod pickle;
pub(super) mod report;
mod snapshot;

use crate::model::{Content, Memory, Trace};

use super::exporter::{Exporter, OneFile, WriteFile};
use super::kind::ArtifactKind;

#[cfg(feature = "charts")]
const DRAW_CHART: Result<WriteFile, &str> = Ok(|trace, _, out| chart::write(trace, out));
#[cfg(not(feature = "charts"))]
const DRAW_CHART: Result<WriteFile, &str> =
    Err("the crate feature `charts` is off: switch it on, or open the memory snapshot in MemoryViz");

const fn memory_file(kind: ArtifactKind, write: Result<WriteFile, &'static str>) -> OneFile {
    OneFile {
        kind,
        content: Content::Everything,
        is_requested: |options| options.torch_profiler_with_memory,
        absent: absence_reason,
        write,
    }
}

const SNAPSHOT: OneFile = memory_file(ArtifactKind::MemorySnapshot, Ok(|trace, _, out| snapshot::write(trace, out)));

const CHART: OneFile = memory_file(ArtifactKind::MemoryChart, DRAW_CHART);

/// Exporters of this module, in the order in which they write.
pub(super) const EXPORTERS: &[&dyn Exporter] = &[&SNAPSHOT, &CHART];

/// Advice if nothing reports allocations.
const NO_ALLOCATOR: &str = "no allocation was reported: put `#[global_allocator] static ALLOCATOR: \
                            profiler_runtime::memory::ProfilingAllocator = profiler_runtime::memory::ProfilingAllocator::new();` into \
                            the program, or report a framework's memory with `profiler_runtime::memory::record_alloc`";

/// Returns the reason why there is nothing to show; `None` if there is something.
fn absence_reason(trace: &Trace) -> Option<String> {
    match &trace.memory {
        None => Some("nothing was recorded".to_owned()),
        Some(memory) if memory.all().next().is_some() => None,
        Some(Memory { has_allocator: false, .. }) => Some(NO_ALLOCATOR.to_owned()),
        Some(Memory { least_bytes, .. }) => Some(format!(
            "no block of {least_bytes} bytes or more was allocated or freed: lower `ProfilingAllocator::at_least` to see others"
        )),
    }
}
