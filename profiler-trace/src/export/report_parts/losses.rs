//! Losses in reports: counts by cause, zeros included, so that the absence of losses is stated.

use std::borrow::Cow;
use std::cmp::Reverse;

use serde::{Serialize, Serializer};

use crate::model::{Effect, HOST_CAUSES, LossCause, Trace};

/// Maximum number of threads whose losses are shown individually.
const MAX_THREADS: usize = 16;

/// Counts by cause, in the timing report, the manifest and the trace's metadata.
#[derive(Clone, Copy)]
pub(crate) struct LossReport<'a>(&'a Trace, &'static [LossCause]);

/// Value shown for a cause.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Count(u64),
    /// Losses by thread: the threads with the most, and the sum of the others.
    Threads(Vec<ThreadLoss<'a>>),
    /// Number of ranges shown as `(too many dynamic names)`, and of different names beyond the
    /// limit, counted up to 65,536; `null` if unknown.
    Names {
        ranges: u64,
        names: Option<u64>,
    },
}

#[derive(Serialize)]
struct ThreadLoss<'a> {
    thread: Cow<'a, str>,
    ranges: u64,
}

impl<'a> LossReport<'a> {
    /// Creates the report of losses on the host.
    pub(in crate::export) const fn host(trace: &'a Trace) -> Self {
        Self(trace, HOST_CAUSES)
    }

    /// Creates the report of losses of the GPU source.
    pub(in crate::export) fn gpu(trace: &'a Trace) -> Self {
        Self(trace, LossCause::gpu_causes(trace))
    }
}

impl Serialize for LossReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(trace, causes) = *self;
        let shown = |cause: &LossCause| match ((cause.count)(trace), cause.effect, cause.code) {
            (_, Effect::Missing, "buffer_full") => Shown::Threads(by_thread(&trace.losses.buffer_full)),
            (ranges, _, "names_merged") => {
                let names = trace.context.merged_names;
                Shown::Names { ranges, names: (ranges == 0 || names > 0).then_some(names) }
            }
            (count, ..) => Shown::Count(count),
        };
        let has_ranges = causes.iter().any(|cause| cause.effect == Effect::Missing);
        let missing = has_ranges.then(|| ("missing", Shown::Count(trace.ranges_lost())));
        serializer.collect_map(missing.into_iter().chain(causes.iter().map(|cause| (cause.code, shown(cause)))))
    }
}

/// Returns the losses of the threads with the most, and one entry for all others.
fn by_thread(losses: &[(String, u64)]) -> Vec<ThreadLoss<'_>> {
    let mut all: Vec<_> = losses.iter().collect();
    all.sort_by_key(|(_, ranges)| Reverse(*ranges));
    let others = all.split_off(all.len().min(MAX_THREADS));
    let mut lines: Vec<_> =
        all.into_iter().map(|(thread, ranges)| ThreadLoss { thread: thread.into(), ranges: *ranges }).collect();
    if !others.is_empty() {
        let ranges = others.iter().map(|(_, ranges)| ranges).sum();
        lines.push(ThreadLoss { thread: format!("{} other threads", others.len()).into(), ranges });
    }
    lines
}

/// Returns the sentences of the causes with a selected effect.
fn sentences(trace: &Trace, selects: impl Fn(Effect) -> bool) -> Vec<String> {
    let causes = HOST_CAUSES.iter().chain(LossCause::gpu_causes(trace));
    causes.filter(|cause| selects(cause.effect)).filter_map(|cause| cause.sentence(trace)).collect()
}

/// Returns a sentence for each cause with losses, on the host and on the GPU.
pub(in crate::export) fn all(trace: &Trace) -> Vec<String> {
    sentences(trace, |_| true)
}

/// Returns a sentence for each cause that the user can avoid, without the losses that are natural
/// at the start and end of a recording.
pub fn avoidable(trace: &Trace) -> Vec<String> {
    sentences(trace, |effect| effect != Effect::Natural)
}

/// Returns a sentence for each cause that is natural at the start and end of a recording.
pub fn natural(trace: &Trace) -> Vec<String> {
    sentences(trace, |effect| effect == Effect::Natural)
}
