//! Losses: everything that should be in an artifact and is not.
//!
//! The code that loses something keeps a plain count. A row of a table in this file gives the count
//! a name for programs, a sentence for people, and its effect on the recording. All reports, the
//! manifest and the log read these tables.

use std::borrow::Cow;

use profiler_core::site::MAX_DYNAMIC;
use profiler_core::stream::losses::Loss;

use super::Trace;
use super::gpu::{Gpu, Source};
use crate::records::events::{EventLosses, Failure};
use crate::records::unavailable::Unavailable;

/// Effect of a loss on the artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ranges ran but are in no artifact.
    Missing,
    /// Something else is missing or wrong, and the user can prevent it.
    Harmed,
    /// Something that every recording loses at its start or end.
    Natural,
}

/// One cause of losses.
pub(crate) struct LossCause {
    /// Name for programs.
    pub(crate) code: &'static str,
    /// Effect on the artifacts.
    pub(crate) effect: Effect,
    /// Count of what was lost.
    pub(crate) count: fn(&Trace) -> u64,
    /// Plural noun for what was lost.
    subject: &'static str,
    /// Reason and remedy.
    reason: fn(&Trace) -> Cow<'static, str>,
}

/// Defines a table. A row has a code, an effect, a count, and the two parts of the sentence:
/// subject and reason, which may depend on the trace.
macro_rules! causes {
    (
        $(#[$doc:meta])* $table:ident of $trace:ident:
        $($code:literal $effect:ident, $count:expr, $subject:literal, $reason:expr;)*
    ) => {
        $(#[$doc])*
        pub(crate) const $table: &[LossCause] = &[$(LossCause {
            code: $code,
            effect: Effect::$effect,
            count: |$trace| $count,
            subject: $subject,
            reason: |$trace| { let _ = $trace; $reason.into() },
        }),*];
    };
}

causes! {
    /// Causes on the host, in the order in which reports list them.
    HOST_CAUSES of trace:
    "buffer_full" Missing, sum(&trace.losses.buffer_full), "ranges", buffers_full(trace);
    "ending_threads" Missing, trace.losses.recorder.by(Loss::EndingThread), "ranges",
        "recorded by threads that were exiting; join those threads after the session";
    "reentered" Missing, trace.losses.reentered + trace.losses.recorder.by(Loss::Reentry), "ranges",
        "recorded in a signal handler or an allocator that interrupted the profiler; annotate neither";
    "unreadable" Missing, trace.losses.unreadable, "ranges", "unreadable: damaged, or written by another version";
    "memory_events" Harmed, trace.memory.as_ref().map_or(0, |memory| memory.lost), "allocations",
        "did not fit into the buffers, and totals exclude them; raise `max_buffer_mb`";
    "names_merged" Harmed, trace.losses.merged_ranges, "ranges", names_merged(trace);
    "descriptions_failed" Harmed, trace.losses.recorder.by(Loss::Undescribed), "calls",
        "computing FLOPs or shapes panicked or overflowed; they are shown without them";
    "began_before" Natural, trace.losses.began_before, "ranges", "began before the recording; not shown";
    "overwritten" Natural, trace.losses.overwritten, "ranges", "older than what is kept (`ring`); not shown";
    "clipped" Natural, trace.losses.clipped, "ranges", "began before what is kept; shown from there";
    "unfinished" Natural, trace.losses.unfinished, "ranges", "still open at the end; shown up to there";
}

causes! {
    /// Causes of a source that records every GPU operation.
    OP_CAUSES of trace:
    "dropped" Harmed, gpu(trace, |gpu| gpu.losses.dropped), "GPU records", dropped(trace);
    "buffers" Harmed, gpu(trace, |gpu| gpu.losses.buffers), "GPU buffers",
        "discarded; raise `max_buffer_mb` or record fewer steps";
    "untimed" Harmed, gpu(trace, |gpu| gpu.losses.untimed), "GPU records", "without a time; not shown";
    "unreadable" Harmed, gpu(trace, |gpu| gpu.losses.unreadable), "GPU buffers", "unreadable after some record";
    "before_launch" Harmed, gpu(trace, |gpu| gpu.before_launch), "GPU ops",
        "begin before their launch because the clocks differ; shown without an arrow";
}

causes! {
    /// Causes of a source that times ranges by CUDA events.
    EVENT_CAUSES of trace:
    "exhausted" Harmed, events(trace, |lost| lost.exhausted), "ranges without a GPU time",
        "every pair of events was in use, because the program runs far ahead of the GPU";
    "unresolved" Harmed, events(trace, |lost| lost.unresolved), "ranges without a GPU time", unresolved(trace);
    "unfinished" Harmed, events(trace, |lost| lost.unfinished), "ranges without a GPU time", "still open at the end";
    "captured" Harmed, events(trace, |lost| lost.captured), "ranges without a GPU time",
        "their stream was being captured into a graph";
    "foreign" Harmed, events(trace, |lost| lost.foreign), "ranges without a GPU time",
        "their context is not a device's primary one";
    "buffer_full" Harmed, events(trace, |lost| lost.buffer_full), "ranges without a GPU time",
        "the buffers were full; raise `max_buffer_mb`";
    "failed" Harmed, events(trace, |lost| lost.failed), "ranges without a GPU time", refused(trace);
}

impl LossCause {
    /// Returns the sentence for people; `None` if nothing was lost.
    pub(crate) fn sentence(&self, trace: &Trace) -> Option<String> {
        let count = (self.count)(trace);
        (count > 0).then(|| format!("{}: {count}, {}", self.subject, (self.reason)(trace)))
    }

    /// Returns the causes that apply to the trace's GPU source.
    pub(crate) fn gpu_causes(trace: &Trace) -> &'static [Self] {
        match &trace.gpu {
            Ok(Gpu { source: Source::Ops(_), .. }) => OP_CAUSES,
            Ok(Gpu { source: Source::Events { .. }, .. }) => EVENT_CAUSES,
            Err(_) => &[],
        }
    }
}

impl Trace {
    /// Returns the number of ranges that ran but are in no artifact.
    pub(crate) fn ranges_lost(&self) -> u64 {
        HOST_CAUSES.iter().filter(|cause| cause.effect == Effect::Missing).map(|cause| (cause.count)(self)).sum()
    }

    /// Returns whether ranges are missing from the recording.
    pub fn lacks_ranges(&self) -> bool {
        self.ranges_lost() > 0
    }
}

fn sum(threads: &[(String, u64)]) -> u64 {
    threads.iter().map(|(_, ranges)| ranges).sum()
}

fn gpu(trace: &Trace, count: fn(&Gpu) -> u64) -> u64 {
    trace.gpu.as_ref().map_or(0, count)
}

/// Returns the losses of the CUDA events, and the reason why no more detailed source was used.
fn timed(trace: &Trace) -> Option<(&Option<Unavailable>, &EventLosses)> {
    match &trace.gpu {
        Ok(Gpu { source: Source::Events { reason, losses, .. }, .. }) => Some((reason, losses)),
        _ => None,
    }
}

fn events(trace: &Trace, count: fn(&EventLosses) -> u64) -> u64 {
    timed(trace).map_or(0, |(_, losses)| count(losses))
}

fn dropped(trace: &Trace) -> String {
    let by = trace.gpu.as_ref().map_or("its source", |gpu| gpu.source.name().title);
    format!("dropped by {by} for want of room")
}

fn buffers_full(trace: &Trace) -> String {
    let threads = trace.losses.buffer_full.len();
    let plural = if threads == 1 { "" } else { "s" };
    format!("did not fit into the buffers of {threads} thread{plural}; raise `max_buffer_mb` or record fewer steps")
}

fn names_merged(trace: &Trace) -> String {
    let count = trace.context.merged_names;
    let names = if count == 0 { "more".to_owned() } else { format!("{count} more") };
    format!(
        "shown as `(too many dynamic names)`: {names} than the {MAX_DYNAMIC} that are kept apart, or than memory allowed; \
             move the varying part of the name into `index`"
    )
}

fn unresolved(trace: &Trace) -> &'static str {
    match timed(trace) {
        Some((Some(reason), _)) if *reason == Unavailable::PROCESS_GONE => {
            "the process ended before their events were read"
        }
        _ => "the GPU had not finished them some seconds after the end",
    }
}

fn refused(trace: &Trace) -> String {
    match timed(trace).and_then(|(_, losses)| losses.failure) {
        Some(Failure(call, code)) => format!("`{call}` failed with CUDA error {code}"),
        None => "the driver refused".to_owned(),
    }
}
