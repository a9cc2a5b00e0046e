//! The artifacts of a session: written by `export`, and told to people here.

mod closing;

use std::path::Path;

use crate::config::ProfilerConfig;
use crate::logging;
use profiler_trace::export::{self, Gauge, Manifest, Weight};
use profiler_trace::model::Trace;

/// Writes the artifacts and the manifest, and says in the log what became of them. `folder` is the session's, empty if it
/// has none.
pub(super) fn write(trace: &mut Trace, config: &ProfilerConfig, folder: &Path, gauge: &Gauge) -> Manifest {
    closing::warn(trace, config);
    let (manifest, remarks) = export::write_session(trace, folder, gauge);
    for remark in &remarks {
        match remark.weight {
            Weight::Error => logging::error!("{}", remark.text),
            Weight::Warning => logging::warn!("{}", remark.text),
            Weight::Info => logging::info!("{}", remark.text),
        }
    }
    closing::announce(&manifest, trace, config, folder);
    manifest
}
