//! `merge_profiles`: one trace of all ranks, made when the last of them is written, however the
//! session ends.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::face::{Controller, Report, WorkerState, logging, threads};
use profiler_trace::export::{self, MergeOptions};

/// Pause between two checks whether a session is written.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// Name of the merged trace in the session's folder.
const NAME: &str = "trace_merged.json.gz";

/// Merges the traces of a session that has been started, on a thread of its own.
pub(super) fn when_written(controller: &Arc<dyn Controller>, session: &str) {
    // Not weak: a session may be stopped by the end of the server.
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

/// Waits until no worker of the session has anything left to do; `None` if the session is not known
/// any more.
fn written(controller: &dyn Controller, session: &str) -> Option<Report> {
    loop {
        let report = controller.session(session)?;
        let is_busy = |state| matches!(state, WorkerState::Recording | WorkerState::Writing | WorkerState::Idle);
        if !report.workers.iter().any(|worker| is_busy(worker.state)) {
            return Some(report);
        }
        thread::sleep(BETWEEN_LOOKS);
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
