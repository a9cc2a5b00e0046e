//! Merges the traces of all ranks for `merge_profiles`, after the last rank has written its own,
//! however the session ends.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::runtime::{Controller, Report, WorkerState, logging, threads};
use profiler_trace::export::{self, MergeOptions};

/// Interval at which the session is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Name of the merged trace in the session's folder.
const NAME: &str = "trace_merged.json.gz";

/// Starts a thread that merges the traces of a started session.
pub(super) fn when_written(controller: &Arc<dyn Controller>, session: &str) {
    // A strong reference, because the end of the server may stop the session.
    let (controller, session) = (Arc::clone(controller), session.to_owned());
    let work = move || {
        if let Some(report) = written(&*controller, &session) {
            merge(&report);
        }
    };
    if let Err(error) = threads::spawn("profiler-merge", work) {
        logging::error!("the traces will not be merged: there is no thread for it: {error}");
    }
}

/// Waits until every worker of the session has finished; returns `None` if the session is no longer
/// known.
fn written(controller: &dyn Controller, session: &str) -> Option<Report> {
    loop {
        let report = controller.session(session)?;
        let is_busy = |state| matches!(state, WorkerState::Recording | WorkerState::Writing | WorkerState::Idle);
        if !report.workers.iter().any(|worker| is_busy(worker.state)) {
            return Some(report);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn merge(report: &Report) {
    let Some(folder) = &report.folder else {
        logging::error!("the traces of session `{}` are not merged: they have no folder", report.session);
        return;
    };
    match export::merge(&[folder], folder.join(NAME), &MergeOptions::default()) {
        Ok(merged) => {
            logging::info!("the traces of session `{}` are merged: {}", report.session, merged.path.display())
        }
        Err(error) => logging::error!("the traces of session `{}` are not merged: {error}", report.session),
    }
}
