//! Event times of a process that is gone: ties and measurements are in its streams, and its
//! contexts in its journal.
//!
//! Events that had not been asked for when it ended are lost and counted: the latest ranges. A
//! context that came so shortly before the end that it is in no journal has lengths, and its ranges
//! have unknown places in the recording.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use profiler_core::stream::entry::Tag;
use profiler_core::stream::registry::Log;
use profiler_trace::records::events::{EventContext, EventLog, EventLosses};
use profiler_trace::records::gpu::Device;
use profiler_trace::records::unavailable::Unavailable;

use super::pool::{MOST_CONTEXTS, Pool};

/// The line of a journal.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Note {
    driver_version: u32,
    devices: Vec<Device>,
    contexts: Vec<EventContext>,
}

/// Returns all contexts, if there are any.
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
    serde_json::to_value(Note { driver_version: driver.version(), devices, contexts }).ok()
}

/// Returns the measurements of events, if any range was timed; the journal may say anything.
pub(super) fn recovered(log: &Log, journal: Option<&Value>) -> Option<EventLog> {
    let (mut tied, mut measured, mut places) = (HashSet::new(), HashSet::new(), 0);
    for entry in log.threads.iter().flat_map(|thread| thread.entries()) {
        match entry.tag() {
            Some(Tag::Timed) => {
                tied.insert(entry.value());
                places = places.max(entry.argument() as usize + 1);
            }
            Some(Tag::Measured) => drop(measured.insert(entry.value())),
            _ => {}
        }
    }
    if tied.is_empty() {
        return None;
    }
    let note: Note = journal.and_then(|note| Note::deserialize(note).ok()).unwrap_or_default();
    let began = |context: EventContext| EventContext { ended: None, ..context };
    let mut contexts: Vec<EventContext> = note.contexts.into_iter().map(began).collect();
    contexts.resize(places.min(MOST_CONTEXTS), EventContext::default());
    let unresolved = tied.difference(&measured).count() as u64;
    Some(EventLog {
        reason: Some(Unavailable::PROCESS_GONE),
        driver_version: note.driver_version,
        devices: note.devices,
        contexts,
        measured: Vec::new(),
        losses: EventLosses { unresolved, ..EventLosses::default() },
    })
}
