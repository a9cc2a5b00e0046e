//! Losses as reports show them: by cause, zero included, so that "nothing is missing" is a
//! statement.

use std::borrow::Cow;
use std::cmp::Reverse;

use serde::{Serialize, Serializer};

use crate::model::{Effect, LossCause, ON_HOST, Trace};

/// Threads whose losses are shown one by one.
const MOST_THREADS: usize = 16;

/// Counts by cause, in the timing report, the manifest and the trace's head.
#[derive(Clone, Copy)]
pub(crate) struct LossReport<'a>(&'a Trace, &'static [LossCause]);

/// The value that is shown for a cause.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Count(u64),
    /// Losses by thread; of many threads those that lost most, and the sum of the others.
    Threads(Vec<ThreadLoss<'a>>),
    /// Ranges that are shown under `(too many dynamic names)`, and how many different names the
    /// process has used beyond the limit, counted up to 65,536; `null` if that is not known.
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
    /// Creates the report of what was lost on the host.
    pub(in crate::export) const fn on_host(trace: &'a Trace) -> Self {
        Self(trace, ON_HOST)
    }

    /// Creates the report of what the GPU's source has lost.
    pub(in crate::export) fn of_gpu(trace: &'a Trace) -> Self {
        Self(trace, LossCause::of_gpu(trace))
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
        let is_of_ranges = causes.iter().any(|cause| cause.effect == Effect::Missing);
        let missing = is_of_ranges.then(|| ("missing", Shown::Count(trace.ranges_lost())));
        serializer.collect_map(missing.into_iter().chain(causes.iter().map(|cause| (cause.code, shown(cause)))))
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

fn sentences(trace: &Trace, wanted: impl Fn(Effect) -> bool) -> Vec<String> {
    let causes = ON_HOST.iter().chain(LossCause::of_gpu(trace));
    causes.filter(|cause| wanted(cause.effect)).filter_map(|cause| cause.sentence(trace)).collect()
}

/// Returns a sentence for each cause of loss that there was, on the host and on the GPU.
pub(in crate::export) fn all(trace: &Trace) -> Vec<String> {
    sentences(trace, |_| true)
}

/// Returns a sentence for each loss that a user can do something about; without those that the
/// begin and the end of a recording bring with them.
pub fn avoidable(trace: &Trace) -> Vec<String> {
    sentences(trace, |effect| effect != Effect::Natural)
}

/// Returns a sentence for each loss that a recording's begin and end bring with them.
pub fn natural(trace: &Trace) -> Vec<String> {
    sentences(trace, |effect| effect == Effect::Natural)
}
