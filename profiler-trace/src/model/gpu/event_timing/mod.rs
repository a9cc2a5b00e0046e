//! Ranges timed by CUDA events: joins them to their measurements, converts the times to the ranges'
//! clock, and adds them to the stages.
//!
//! A tie in a thread's stream refers to the measurement of the range that started just before.
//! Measurements are in any thread's stream, or arrive after the session. The time of an event is a
//! single-precision number of milliseconds since the context's reference event. Times that
//! contradict the order of ranges by no more than that precision are corrected.

mod clock;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::collections::HashMap;

use crate::model::stages::StageTree;
use crate::model::time::Timeline;
use crate::records::events::EventLog;
use profiler_core::hooks::gpu_time::Measured;
use profiler_core::site::Site;
use profiler_core::stream::entry::Tag;
use profiler_core::stream::registry::ThreadLog;

use super::ranges::Ranges;
use super::{Annotation, Gpu, Source, rows};
use clock::{DeviceClock, resolution_ns};

/// Ties and measurements of all threads.
#[derive(Debug, Default)]
pub(in crate::model) struct TimedRanges {
    ties: HashMap<u64, Tie>,
    measured: Vec<Measured>,
}

/// The range that a measurement belongs to.
#[derive(Clone, Copy, Debug)]
struct Tie {
    external_id: u64,
    name: &'static str,
    /// Thread of the range; ranges of one thread nest.
    thread: u32,
    context: u32,
    stream: u64,
}

/// Time of a range on its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    begin: u64,
    end: u64,
    /// Maximum error of both times.
    resolution: u64,
}

impl TimedRanges {
    /// Reads a thread's ties and measurements; the id of its first range is `first_id`. Returns the
    /// ids of the tied ranges.
    pub(in crate::model) fn read(&mut self, thread: &ThreadLog, sites: &[&'static Site], first_id: u64) -> Vec<u64> {
        let (mut next_id, mut last) = (first_id, None);
        let (mut tie, mut measured, mut tied) = (None, None, Vec::new());
        // As in the decoder, carried-over ranges come first.
        for entry in thread.carried().iter().chain(thread.runs.iter().flat_map(|run| run.entries())) {
            match entry.tag() {
                // Ids count the same begins as in the decoder.
                Some(Tag::Begin) => {
                    if let Some(site) = sites.get((entry.site() as usize).wrapping_sub(1)) {
                        last = Some((entry.site(), site.name(), next_id));
                        next_id += 1;
                    }
                }
                Some(Tag::Timed) => {
                    let range = last.filter(|(site, ..)| *site == entry.site());
                    tie = range.map(|(_, name, external_id)| {
                        let (thread, context) = (thread.thread.identity().ordinal, entry.argument());
                        (entry.value(), Tie { external_id, name, thread, context, stream: 0 })
                    });
                }
                Some(Tag::OnStream) => {
                    if let Some((number, tie)) = tie.take() {
                        tied.push(tie.external_id);
                        self.ties.insert(number, Tie { stream: entry.value(), ..tie });
                    }
                }
                Some(Tag::Measured) => measured = Some((entry.value(), entry.second())),
                Some(Tag::MeasuredAt) => {
                    // CAST: the writer stored a signed number.
                    let complete = measured.take().map(|(number, length_ns)| Measured {
                        number,
                        begin_ns: entry.value() as i64,
                        length_ns,
                    });
                    self.measured.extend(complete);
                }
                _ => {}
            }
        }
        tied
    }

    /// Returns all measured ranges, grouped by thread and stream and in order of start, and the
    /// maximum error of the clocks.
    fn spans(self, log: &EventLog, timeline: &Timeline) -> (Vec<(Tie, Span)>, u64) {
        let clocks: Vec<DeviceClock> = log.contexts.iter().map(|context| DeviceClock::new(context, timeline)).collect();
        let mut spans: Vec<(Tie, Span)> = Vec::new();
        for Measured { number, begin_ns, length_ns } in self.measured.into_iter().chain(log.measured.iter().copied()) {
            // A tie from before the window is not in the recording.
            let Some(tie) = self.ties.get(&number) else { continue };
            let Some(clock) = clocks.get(tie.context as usize) else { continue };
            let begin = clock.ns(begin_ns);
            let span = Span { begin, end: begin.saturating_add(length_ns), resolution: resolution_ns(begin_ns) };
            spans.push((*tie, span));
        }
        spans.sort_by_key(|(tie, _)| (tie.thread, tie.context, tie.stream, tie.external_id));
        for row in spans.chunk_by_mut(|(one, _), (other, _)| {
            (one.thread, one.context, one.stream) == (other.thread, other.context, other.stream)
        }) {
            correct(row);
        }
        (spans, clocks.iter().map(DeviceClock::uncertainty_ns).max().unwrap_or(0))
    }
}

/// Corrects the times of one row. Ranges of one thread on one stream nest or follow each other, and
/// so do their events. Times that contradict this by no more than their resolution are adjusted.
fn correct(row: &mut [(Tie, Span)]) {
    let mut open: Vec<usize> = Vec::new();
    for at in 0..row.len() {
        let mut span = row[at].1;
        let slack = 2 * span.resolution;
        if let Some(before) = at.checked_sub(1).map(|before| row[before].1.begin)
            && span.begin < before
            && before - span.begin <= slack
        {
            span.begin = before;
        }
        while let Some(&around) = open.last() {
            let outer = row[around].1;
            if span.end <= outer.end {
                break;
            }
            if span.begin.saturating_add(slack) >= outer.end {
                // The range follows the outer one.
                row[around].1.end = outer.end.min(span.begin).max(outer.begin);
                open.pop();
                continue;
            }
            if span.end - outer.end <= slack {
                span.end = outer.end;
                break;
            }
            open.pop();
        }
        span.end = span.end.max(span.begin);
        row[at].1 = span;
        open.push(at);
    }
}

impl Gpu {
    /// Creates the GPU part from events, adding their times to the stages. Takes linear time except
    /// for sorting.
    pub(in crate::model) fn from_events(
        log: EventLog,
        timed: TimedRanges,
        timeline: &Timeline,
        ranges: &mut Ranges<'_>,
    ) -> Self {
        let (mut spans, clock_uncertainty_ns) = timed.spans(&log, timeline);
        let resolution_ns = spans.iter().map(|(_, span)| span.resolution).max().unwrap_or(0);
        let mut gpu = Self { driver_version: log.driver_version, clock_uncertainty_ns, ..Self::default() };
        spans.sort_by_key(|(tie, span)| (span.begin, std::cmp::Reverse(span.end), tie.external_id));
        let mut streams: HashMap<(u32, u64), u32> = HashMap::new();
        let mut annotations = Vec::with_capacity(spans.len());
        for (tie, Span { begin, end, .. }) in spans {
            let owner = ranges.owners.range(tie.external_id);
            let node = ranges.add(owner, begin, end);
            gpu.total.add(begin, end);
            if node == StageTree::ROOT {
                gpu.unattributed.add(begin, end);
            }
            let device = log.contexts.get(tie.context as usize).map_or(0, |context| context.device);
            // CAST: there are fewer streams than ranges. A handle means nothing to people, so
            // streams are numbered.
            let next = streams.len() as u32 + 1;
            let stream = *streams.entry((tie.context, tie.stream)).or_insert(next);
            let (external_id, name) = (tie.external_id, tie.name);
            annotations.push(Annotation { node, name, external_id, around_id: 0, device, stream, begin, end, lane: 0 });
        }
        gpu.annotations = rows::place_annotations(annotations, &[]);
        gpu.devices = log.devices;
        gpu.source = Source::Events { reason: log.reason, losses: log.losses, resolution_ns };
        gpu
    }
}

#[cfg(test)]
mod correction_tests {
    use super::*;

    fn corrected(spans: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut row: Vec<_> = (1..)
            .zip(spans)
            .map(|(external_id, &(begin, end))| {
                let tie = Tie { external_id, name: "stage", thread: 1, context: 0, stream: 7 };
                (tie, Span { begin, end, resolution: 500 })
            })
            .collect();
        correct(&mut row);
        row.iter().map(|(_, span)| (span.begin, span.end)).collect()
    }

    #[test]
    fn what_nests_and_follows_stays() {
        let right = [(0, 90_000), (10_000, 40_000), (40_000, 80_000), (90_000, 95_000)];
        assert_eq!(corrected(&right), right);
    }

    #[test]
    fn times_that_contradict_by_their_resolution_give_in() {
        assert_eq!(corrected(&[(10_000, 90_000), (9_600, 90_300)]), [(10_000, 90_000), (10_000, 90_000)], "inside");
        assert_eq!(corrected(&[(0, 50_400), (50_000, 90_000)]), [(0, 50_000), (50_000, 90_000)], "one after the other");
    }

    #[test]
    fn times_that_contradict_by_more_are_left_for_rows_of_their_own() {
        let crossing = [(0, 50_000), (20_000, 90_000)];
        assert_eq!(corrected(&crossing), crossing);
    }
}
