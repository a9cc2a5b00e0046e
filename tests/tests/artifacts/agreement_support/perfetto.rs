//! Trace in Perfetto's own format: it shows the same slices as the JSON trace.

use std::path::Path;

use super::trace::Shown;
use super::{Verdict, same};

#[path = "../../../../profiler-trace/src/export/trace/perfetto/reader.rs"]
#[allow(dead_code, reason = "the runtime's own tests read more")]
mod reading;

pub(super) fn compare(shown: &[Shown], folder: &Path) -> Verdict {
    let path = folder.join("trace_rank0.pftrace");
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let ns = |slice: &serde_json::Value, key: &str| slice[key].as_u64().unwrap_or_default();
    let text = |slice: &serde_json::Value, key: &str| slice[key].as_str().unwrap_or_default().to_owned();
    let slices = reading::read(&bytes).slices;
    let ranges = slices.iter().filter(|slice| slice["cat"] == "cpu_op" || slice["cat"] == "user_annotation");
    let mut seen: Vec<_> =
        ranges.map(|slice| (ns(slice, "begin"), ns(slice, "end"), text(slice, "name"), text(slice, "row"))).collect();
    let mut right: Vec<_> =
        shown.iter().map(|slice| (slice.begin, slice.end, slice.name.clone(), slice.row.clone())).collect();
    seen.sort();
    right.sort();
    match seen.iter().zip(&right).find(|(seen, right)| seen != right) {
        Some((seen, right)) => same("trace_rank0.pftrace", seen, right),
        None => same("slices in trace_rank0.pftrace", &seen.len(), &right.len()),
    }
}
