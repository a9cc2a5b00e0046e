//! Records the coordinator's own process in a session, as a member without a rank, because it does
//! none of the work.
//!
//! It records from start to stop and ignores the workers' schedule, because the requests that it
//! handles are no iterations. It leaves the GPU to the workers.

use crate::config::{Profiler, ProfilerConfig};
use crate::control;
use crate::control::job::local::session_status;
use crate::control::job::report::{Frontend, WorkerState, WorkerStatus};
use crate::session::{AssignedSession, ExportHandle, SessionId};

/// The front-end's recording: its handle, or the reason why there is none.
pub(super) type Recording = Result<ExportHandle, String>;

/// Starts recording under this name, if the configuration records ranges.
pub(super) fn start(config: &ProfilerConfig, session: &SessionId) -> Option<Recording> {
    let config = frontend_config(config)?;
    let assigned = AssignedSession { session: session.clone(), is_frontend: true };
    let started = config.validate().map_err(Into::into).and_then(|parsed| control::begin_as(parsed, Some(assigned)));
    Some(started.map_err(|error| error.to_string()))
}

/// Returns the workers' configuration without the fields that only apply to workers.
fn frontend_config(config: &ProfilerConfig) -> Option<ProfilerConfig> {
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

/// Returns the front-end's entry in a report.
pub(super) fn report(recording: &Recording) -> Frontend {
    let pid = std::process::id();
    match recording {
        Ok(own) => {
            let WorkerStatus { state, error, artifacts, missing, .. } = session_status(own);
            Frontend { pid, state, error, artifacts, missing }
        }
        Err(why) => {
            let (state, error) = (WorkerState::Failed, Some(why.clone()));
            Frontend { pid, state, error, artifacts: Vec::new(), missing: Vec::new() }
        }
    }
}
