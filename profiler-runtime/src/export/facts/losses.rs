//! Losses as reports show them: by cause, zero included, so that "nothing is missing" is a statement.

use serde::Serialize;

use crate::model::Losses;

/// Counts of ranges.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LossReport<'a> {
    /// In no artifact although they ran.
    missing: u64,
    /// Of these: no room in the buffers, by thread.
    buffer_full: Vec<ThreadLoss<'a>>,
    /// Of these: recorded by threads that were ending.
    ending_threads: u64,
    /// Of these: entries that this version cannot read.
    unreadable: u64,
    /// Allocations and releases for which there was no room in the buffers.
    memory_events: u64,
    /// Began before the recording: shown nowhere.
    began_before: u64,
    /// Overwritten by later ones (`ring`), or older than `ring_secs` or `ring_steps`: shown nowhere.
    overwritten: u64,
    /// Began before what is kept: shown from there on.
    clipped: u64,
    /// Still open when the recording ended: shown up to that moment.
    unfinished: u64,
}

#[derive(Clone, Debug, Serialize)]
struct ThreadLoss<'a> {
    thread: &'a str,
    ranges: u64,
}

impl<'a> LossReport<'a> {
    pub(in crate::export) fn new(losses: &'a Losses) -> Self {
        let by_thread = losses.buffer_full.iter().map(|(thread, ranges)| ThreadLoss { thread, ranges: *ranges });
        Self {
            missing: losses.missing(),
            buffer_full: by_thread.collect(),
            ending_threads: losses.ending_threads,
            unreadable: losses.unreadable,
            memory_events: losses.memory_events,
            began_before: losses.began_before,
            overwritten: losses.overwritten,
            clipped: losses.clipped,
            unfinished: losses.unfinished,
        }
    }
}

/// One sentence per cause that there was; none if nothing is missing.
pub(in crate::export) fn sentences(losses: &Losses) -> Vec<String> {
    let buffer_full: u64 = losses.buffer_full.iter().map(|(_, ranges)| ranges).sum();
    let threads = losses.buffer_full.len();
    [
        (
            buffer_full,
            format!("no room in the buffers of {threads} thread(s); raise `max_buffer_mb` or record fewer steps"),
        ),
        (losses.ending_threads, "recorded by threads that were ending".into()),
        (losses.unreadable, "written by a version that this one cannot read".into()),
        (losses.began_before, "began before the recording; not shown".into()),
        (losses.overwritten, "older than what is kept (`ring`); not shown".into()),
        (losses.clipped, "began before what is kept; shown from there".into()),
        (losses.unfinished, "still open at the end; shown up to there".into()),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("ranges: {count}, {what}"))
    .chain((losses.memory_events > 0).then(|| {
        let count = losses.memory_events;
        format!("allocations: {count}, no room in the buffers, totals are wrong by them; raise `max_buffer_mb`")
    }))
    .collect()
}
