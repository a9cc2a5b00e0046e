//! Losses: everything that should be in an artifact and is not.
//!
//! Whoever loses something keeps a plain number; a row of a table here says what the number is
//! called, what people are told, and whether it makes the recording incomplete. Every report, the
//! manifest and the log read that table.

use std::borrow::Cow;

use profiler_core::site::MAX_DYNAMIC;
use profiler_core::stream::losses::Loss;

use super::Trace;
use super::gpu::{Gpu, Source};
use crate::records::events::{EventLosses, Failure};
use crate::records::unavailable::Unavailable;

/// The effect of a loss on the artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ranges ran and are in no artifact.
    Missing,
    /// Something else is missing or wrong; users can do something about it.
    Harmed,
    /// Something that every recording loses at its begin and end.
    Natural,
}

/// A cause of losses.
pub(crate) struct LossCause {
    /// Name for programs.
    pub(crate) code: &'static str,
    /// Effect on the artifacts.
    pub(crate) effect: Effect,
    /// Returns how many were lost.
    pub(crate) count: fn(&Trace) -> u64,
    /// Words for the lost things.
    of: &'static str,
    /// Reason, and the remedy.
    why: fn(&Trace) -> Cow<'static, str>,
}

/// Makes a table: name for programs, effect, count of a trace, and the two halves of the sentence,
/// which for some causes depends on the trace.
macro_rules! causes {
    ($(#[$doc:meta])* $table:ident of $trace:ident: $($code:literal $effect:ident, $count:expr, $of:literal, $why:expr;)*) => {
        $(#[$doc])*
        pub(crate) const $table: &[LossCause] = &[$(LossCause {
            code: $code, effect: Effect::$effect, count: |$trace| $count, of: $of, why: |$trace| { let _ = $trace; $why.into() },
        }),*];
    };
}

causes! {
    /// Causes on the host, in the order of the reports.
    ON_HOST of trace:
    "buffer_full" Missing, sum(&trace.losses.buffer_full), "ranges", no_room(trace);
    "ending_threads" Missing, trace.losses.recorder.by(Loss::EndingThread), "ranges",
        "recorded by threads that were ending; end those threads after the session";
    "reentered" Missing, trace.losses.reentered + trace.losses.recorder.by(Loss::Reentry), "ranges",
        "recorded in a signal handler or an allocator that ran inside the profiler; annotate neither";
    "unreadable" Missing, trace.losses.unreadable, "ranges", "not readable here: damaged, or of another version";
    "memory_events" Harmed, trace.memory.as_ref().map_or(0, |memory| memory.lost), "allocations",
        "no room in the buffers, totals are wrong by them; raise `max_buffer_mb`";
    "names_merged" Harmed, trace.losses.merged_ranges, "ranges", too_many_names(trace);
    "descriptions_failed" Harmed, trace.losses.recorder.by(Loss::Undescribed), "calls",
        "FLOPs or shapes failed: what computes them panicked or overflowed; they are shown without";
    "began_before" Natural, trace.losses.began_before, "ranges", "began before the recording; not shown";
    "overwritten" Natural, trace.losses.overwritten, "ranges", "older than what is kept (`ring`); not shown";
    "clipped" Natural, trace.losses.clipped, "ranges", "began before what is kept; shown from there";
    "unfinished" Natural, trace.losses.unfinished, "ranges", "still open at the end; shown up to there";
}

causes! {
    /// Causes of a source that knows every op of the GPU's.
    OF_OPS of trace:
    "dropped" Harmed, gpu(trace, |gpu| gpu.losses.dropped), "GPU records", dropped(trace);
    "buffers" Harmed, gpu(trace, |gpu| gpu.losses.buffers), "GPU buffers",
        "thrown away; raise `max_buffer_mb` or record fewer steps";
    "untimed" Harmed, gpu(trace, |gpu| gpu.losses.untimed), "GPU records", "without a time; not shown";
    "unreadable" Harmed, gpu(trace, |gpu| gpu.losses.unreadable), "GPU buffers", "unreadable from some record on";
    "before_launch" Harmed, gpu(trace, |gpu| gpu.before_launch), "GPU ops",
        "begin before their launch because the clocks differ; without an arrow";
}

causes! {
    /// Causes of the part of a GPU that CUDA events time.
    BY_EVENTS of trace:
    "exhausted" Harmed, events(trace, |lost| lost.exhausted), "ranges without a GPU time",
        "every pair of events was in use: the program is far ahead of the GPU";
    "unresolved" Harmed, events(trace, |lost| lost.unresolved), "ranges without a GPU time", not_done(trace);
    "unfinished" Harmed, events(trace, |lost| lost.unfinished), "ranges without a GPU time", "open at the end";
    "captured" Harmed, events(trace, |lost| lost.captured), "ranges without a GPU time",
        "their stream was being captured into a graph";
    "foreign" Harmed, events(trace, |lost| lost.foreign), "ranges without a GPU time",
        "their context is not a device's primary one";
    "buffer_full" Harmed, events(trace, |lost| lost.buffer_full), "ranges without a GPU time",
        "no room in the buffers; raise `max_buffer_mb`";
    "failed" Harmed, events(trace, |lost| lost.failed), "ranges without a GPU time", refused(trace);
}

impl LossCause {
    /// Returns the sentence for people; `None` if nothing was lost.
    pub(crate) fn sentence(&self, trace: &Trace) -> Option<String> {
        let count = (self.count)(trace);
        (count > 0).then(|| format!("{}: {count}, {}", self.of, (self.why)(trace)))
    }

    /// Returns the causes that the GPU's source may have.
    pub(crate) fn of_gpu(trace: &Trace) -> &'static [Self] {
        match &trace.gpu {
            Ok(Gpu { source: Source::Ops(_), .. }) => OF_OPS,
            Ok(Gpu { source: Source::Events { .. }, .. }) => BY_EVENTS,
            Err(_) => &[],
        }
    }
}

impl Trace {
    /// Returns how many ranges ran and are in no artifact.
    pub(crate) fn ranges_lost(&self) -> u64 {
        ON_HOST.iter().filter(|cause| cause.effect == Effect::Missing).map(|cause| (cause.count)(self)).sum()
    }

    /// Returns whether ranges of the recording are missing.
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

/// Returns why there is no more than events, and the losses of the events.
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

fn no_room(trace: &Trace) -> String {
    let threads = trace.losses.buffer_full.len();
    let plural = if threads == 1 { "" } else { "s" };
    format!("no room in the buffers of {threads} thread{plural}; raise `max_buffer_mb` or record fewer steps")
}

fn too_many_names(trace: &Trace) -> String {
    let count = trace.context.merged_names;
    let names = if count == 0 { "more".to_owned() } else { format!("{count} more") };
    format!(
        "shown as `(too many dynamic names)`: {names} than the {MAX_DYNAMIC} that are kept apart, or than memory allowed; \
         put what differs into `index`"
    )
}

fn not_done(trace: &Trace) -> &'static str {
    match timed(trace) {
        Some((Some(reason), _)) if *reason == Unavailable::PROCESS_GONE => {
            "the process ended before their events were read"
        }
        _ => "the GPU was not done with them some seconds after the end",
    }
}

fn refused(trace: &Trace) -> String {
    match timed(trace).and_then(|(_, losses)| losses.failure) {
        Some(Failure(call, code)) => format!("`{call}` failed with CUDA error {code}"),
        None => "the driver refused".to_owned(),
    }
}
