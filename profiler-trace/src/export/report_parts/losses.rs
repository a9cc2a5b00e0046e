//! Losses as reports show them: by cause, zero included, so that "nothing is missing" is a statement.

use std::borrow::Cow;
use std::cmp::Reverse;

use serde::Serialize;

use crate::export::report_parts::gpu;
use crate::model::{Losses, Trace};
use profiler_core::site::MAX_DYNAMIC;

/// Threads whose losses are shown one by one.
const MOST_THREADS: usize = 16;

/// Counts of ranges.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LossReport<'a> {
    /// In no artifact although they ran.
    missing: u64,
    /// Of these: no room in the buffers, by thread; of many threads those that lost most, and the sum of the others.
    buffer_full: Vec<ThreadLoss<'a>>,
    /// Of these: recorded by threads that were ending.
    ending_threads: u64,
    /// Of these: recorded where the recorder itself ran, as in a signal handler that interrupted it.
    reentered: u64,
    /// Of these: entries that this version cannot read.
    unreadable: u64,
    /// Allocations and releases for which there was no room in the buffers.
    memory_events: u64,
    /// Ranges that are in the artifacts, but not under their own names.
    names_merged: MergedNames,
    /// Calls that are shown without shapes or FLOPs, because computing these panicked or overflowed.
    descriptions_failed: u64,
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
    thread: Cow<'a, str>,
    ranges: u64,
}

/// Names made at run time beyond those that are kept apart.
#[derive(Clone, Debug, Serialize)]
struct MergedNames {
    /// Ranges that are shown under `(too many dynamic names)`.
    ranges: u64,
    /// Different names that the process has used beyond the limit, counted up to 65,536; `null` if that is not known.
    names: Option<u64>,
}

impl<'a> LossReport<'a> {
    pub(in crate::export) fn new(losses: &'a Losses) -> Self {
        Self {
            missing: losses.missing(),
            buffer_full: by_thread(&losses.buffer_full),
            ending_threads: losses.ending_threads,
            reentered: losses.reentered,
            unreadable: losses.unreadable,
            memory_events: losses.memory_events,
            names_merged: MergedNames {
                ranges: losses.merged_ranges,
                names: (losses.merged_ranges == 0 || losses.merged_names > 0).then_some(losses.merged_names),
            },
            descriptions_failed: losses.descriptions_failed,
            began_before: losses.began_before,
            overwritten: losses.overwritten,
            clipped: losses.clipped,
            unfinished: losses.unfinished,
        }
    }
}

/// Returns the losses of the threads that lost most, and a line for all others.
fn by_thread(losses: &[(String, u64)]) -> Vec<ThreadLoss<'_>> {
    let mut all: Vec<_> = losses.iter().collect();
    all.sort_by_key(|(_, ranges)| Reverse(*ranges));
    let others = all.split_off(all.len().min(MOST_THREADS));
    let mut lines: Vec<_> =
        all.into_iter().map(|(thread, ranges)| ThreadLoss { thread: thread.into(), ranges: *ranges }).collect();
    if !others.is_empty() {
        let ranges = others.iter().map(|(_, ranges)| ranges).sum();
        lines.push(ThreadLoss { thread: format!("{} other threads", others.len()).into(), ranges });
    }
    lines
}

/// Returns one sentence for each cause that there was; none if nothing is missing.
fn sentences(losses: &Losses) -> Vec<String> {
    failures(losses).into_iter().chain(shown_in_part(losses)).collect()
}

/// Returns a sentence for each loss that a recording's begin and end bring with them.
pub fn natural(trace: &Trace) -> Vec<String> {
    shown_in_part(&trace.losses).collect()
}

fn shown_in_part(losses: &Losses) -> impl Iterator<Item = String> + use<> {
    let shown_in_part = [
        (losses.began_before, "began before the recording; not shown"),
        (losses.overwritten, "older than what is kept (`ring`); not shown"),
        (losses.clipped, "began before what is kept; shown from there"),
        (losses.unfinished, "still open at the end; shown up to there"),
    ];
    let shown_in_part = shown_in_part.into_iter().filter(|(count, _)| *count > 0);
    shown_in_part.map(|(count, what)| format!("ranges: {count}, {what}"))
}

/// Returns a sentence for each cause of loss that there was, on the host and on the GPU.
pub(in crate::export) fn all(trace: &Trace) -> Vec<String> {
    sentences(&trace.losses).into_iter().chain(gpu::loss_sentences(trace)).collect()
}

/// Returns a sentence for each loss that a user can do something about; those that a recording's begin and end bring with
/// them are not among them.
pub fn avoidable(trace: &Trace) -> Vec<String> {
    failures(&trace.losses).into_iter().chain(gpu::loss_sentences(trace)).collect()
}

fn failures(losses: &Losses) -> Vec<String> {
    let buffer_full: u64 = losses.buffer_full.iter().map(|(_, ranges)| ranges).sum();
    let threads = losses.buffer_full.len();
    let names = if losses.merged_names == 0 { "more".to_owned() } else { format!("{} more", losses.merged_names) };
    [
        (
            "ranges",
            buffer_full,
            format!(
                "no room in the buffers of {threads} thread{}; raise `max_buffer_mb` or record fewer steps",
                if threads == 1 { "" } else { "s" }
            ),
        ),
        (
            "ranges",
            losses.ending_threads,
            "recorded by threads that were ending; end those threads after the session".into(),
        ),
        (
            "ranges",
            losses.reentered,
            "recorded in a signal handler or an allocator that ran inside the profiler; annotate neither".into(),
        ),
        ("ranges", losses.unreadable, "not readable here: damaged, or of another version".into()),
        (
            "ranges",
            losses.merged_ranges,
            format!(
                "shown as `(too many dynamic names)`: {names} than the {MAX_DYNAMIC} that are kept apart, or than memory allowed; \
                 put what differs into `index`"
            ),
        ),
        (
            "calls",
            losses.descriptions_failed,
            "FLOPs or shapes failed: what computes them panicked or overflowed; they are shown without".into(),
        ),
        (
            "allocations",
            losses.memory_events,
            "no room in the buffers, totals are wrong by them; raise `max_buffer_mb`".into(),
        ),
    ]
    .into_iter()
    .filter(|(_, count, _)| *count > 0)
    .map(|(of, count, what)| format!("{of}: {count}, {what}"))
    .collect()
}
