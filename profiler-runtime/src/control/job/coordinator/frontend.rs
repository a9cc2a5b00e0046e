//! The coordinator's own process in a session: a member that has no rank, because it does none of
//! the work.
//!
//! It records from start to stop, whatever schedule the workers follow: the requests that it takes
//! are no iterations. It leaves the GPU to them.

use crate::config::{Profiler, ProfilerConfig};
use crate::control;
use crate::control::job::local::line_of;
use crate::control::job::report::{Frontend, WorkerState, WorkerStatus};
use crate::session::{AssignedSession, SessionId, Stopped};

/// The part of the process in a session: the handle of its artifacts, or why it does not record.
pub(super) type Part = Result<ExportHandle, String>;

/// Begins to record under this name, if the configuration is one for ranges.
pub(super) fn start(config: &ProfilerConfig, session: &SessionId) -> Option<Part> {
    let config = config_of(config)?;
    let given = AssignedSession { session: session.clone(), is_frontend: true };
    let started = config.validate().map_err(Into::into).and_then(|parsed| control::begin_as(parsed, Some(given)));
    Some(started.map_err(|error| error.to_string()))
}

/// Returns its configuration: the workers' without the parts that only they have.
fn config_of(config: &ProfilerConfig) -> Option<ProfilerConfig> {
    let default = ProfilerConfig::default();
    (config.profiler == Profiler::Torch && config.records_ranges()).then(|| ProfilerConfig {
        delay_iterations: 0,
        max_iterations: 0,
        wait_iterations: 0,
        warmup_iterations: 0,
        active_iterations: default.active_iterations,
        step_of: None,
        slow_step_ms: 0,
        max_dumps: default.max_dumps,
        gpu: false,
        gpu_timing: default.gpu_timing,
        spool: false,
        max_spool_mb: default.max_spool_mb,
        trace_file: None,
        perf_dump_path: None,
        pipeline_profiler: false,
        pipeline_targets: default.pipeline_targets,
        ..config.clone()
    })
}

/// Returns its line in a report.
pub(super) fn line(part: &Part) -> Frontend {
    let pid = std::process::id();
    match part {
        Ok(own) => {
            let WorkerStatus { state, error, artifacts, missing, .. } = line_of(own);
            Frontend { pid, state, error, artifacts, missing }
        }
        Err(why) => {
            let (state, error) = (WorkerState::Failed, Some(why.clone()));
            Frontend { pid, state, error, artifacts: Vec::new(), missing: Vec::new() }
        }
    }
}
