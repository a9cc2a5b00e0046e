//! Recovers event times from the spool of a dead process: ties and measurements from its streams,
//! contexts from its journal.
//!
//! Events that were pending when the process died, those of its latest ranges, are lost and
//! counted. A context that was added just before the end may be missing in the journal; its ranges
//! then have GPU durations but no GPU start times.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use profiler_core::stream::entry::Tag;
use profiler_core::stream::registry::Log;
use profiler_trace::records::events::{EventContext, EventLog, EventLosses};
use profiler_trace::records::gpu::Device;
use profiler_trace::records::unavailable::Unavailable;

use super::pool::{MAX_CONTEXTS, Pool};

/// State of the source, as stored in the journal.
#[derive(Debug, Default, Deserialize, Serialize)]
struct EventState {
    driver_version: u32,
    devices: Vec<Device>,
    contexts: Vec<EventContext>,
}

/// Returns the state for the journal; `None` while there is no context.
pub(super) fn journal(pool: &Pool) -> Option<Value> {
    if pool.contexts.is_empty() {
        return None;
    }
    let contexts = pool.contexts.iter().map(|timed| EventContext {
        device: u32::try_from(timed.device).unwrap_or(0),
        began: timed.began,
        ended: None,
    });
    let driver = pool.cuda;
    let (devices, contexts) = (driver.devices().to_vec(), contexts.collect());
    serde_json::to_value(EventState { driver_version: driver.version(), devices, contexts }).ok()
}

/// Returns the measurements of a dead process; `None` if no range was timed. `journal` is
/// untrusted.
pub(super) fn recovered(log: &Log, journal: Option<&Value>) -> Option<EventLog> {
    let (mut tied, mut measured, mut contexts_used) = (HashSet::new(), HashSet::new(), 0);
    for entry in log.threads.iter().flat_map(|thread| thread.entries()) {
        match entry.tag() {
            Some(Tag::Timed) => {
                tied.insert(entry.value());
                contexts_used = contexts_used.max(entry.argument() as usize + 1);
            }
            Some(Tag::Measured) => drop(measured.insert(entry.value())),
            _ => {}
        }
    }
    if tied.is_empty() {
        return None;
    }
    let state: EventState = journal.and_then(|state| EventState::deserialize(state).ok()).unwrap_or_default();
    let began = |context: EventContext| EventContext { ended: None, ..context };
    let mut contexts: Vec<EventContext> = state.contexts.into_iter().map(began).collect();
    contexts.resize(contexts_used.min(MAX_CONTEXTS), EventContext::default());
    let unresolved = tied.difference(&measured).count() as u64;
    Some(EventLog {
        reason: Some(Unavailable::PROCESS_GONE),
        driver_version: state.driver_version,
        devices: state.devices,
        contexts,
        measured: Vec::new(),
        losses: EventLosses { unresolved, ..EventLosses::default() },
    })
}
