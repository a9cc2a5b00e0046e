//! Rows for GPU work, on each of which slices nest or are disjoint.
//!
//! Concurrent kernels overlap on their stream, spans of ranges cross kernels of other ranges, and
//! API calls, timed by another clock than the ranges around them, may extend beyond these by some
//! nanoseconds. Perfetto would delete such slices (perfetto#4280).

use std::collections::{HashMap, VecDeque};

use super::{Annotation, Placed, PlacedCall, PlacedOp};

use crate::model::lanes::Lanes;

/// Assigns lanes to ops that overlap on one stream. `ops` are in order of start.
pub(super) fn split_lanes(ops: &mut [PlacedOp]) {
    let mut streams: HashMap<(u32, u32), Lanes> = HashMap::new();
    for placed in ops {
        let lanes = streams.entry((placed.op.device, placed.op.stream)).or_default();
        placed.lane = lanes.take(placed.op.begin, placed.op.end) - 1;
    }
}

/// Assigns lanes to the records that started in the window. `times` returns the start, end and row
/// of a record.
pub(super) fn assign_lanes<T: Copy>(
    records: impl Iterator<Item = T>,
    window: (u64, u64),
    times: impl Fn(&T) -> (u64, u64, (u32, u32)),
) -> Vec<Placed<T>> {
    let inside = |record: &T| (window.0..=window.1).contains(&times(record).0);
    let mut placed: Vec<_> = records.filter(inside).map(|record| Placed { record, lane: 0 }).collect();
    placed.sort_by_key(|each| times(&each.record));
    let mut rows: HashMap<(u32, u32), Lanes> = HashMap::new();
    for each in &mut placed {
        let (begin, end, row) = times(&each.record);
        each.lane = rows.entry(row).or_default().take(begin, end) - 1;
    }
    placed
}

/// Assigns rows to the spans of ranges. A span that crosses nothing is on its stream's row; others
/// get extra rows, which a span shares with the span around it.
pub(super) fn place_annotations(mut spans: Vec<Annotation>, ops: &[PlacedOp]) -> Vec<Annotation> {
    let mut streams: HashMap<(u32, u32), Vec<(u64, u64)>> = HashMap::new();
    for PlacedOp { op, .. } in ops.iter().filter(|placed| placed.lane == 0) {
        streams.entry((op.device, op.stream)).or_default().push((op.begin, op.end));
    }
    // Stages are added to the tree after their parents, so of two spans with the same times the
    // outer one comes first.
    spans.sort_by_key(|span| {
        let Annotation { device, stream, begin, end, node, external_id, .. } = *span;
        (device, stream, begin, std::cmp::Reverse(end), node, external_id)
    });
    let mut row = (0, 0);
    let mut lanes: HashMap<u64, usize> = HashMap::new();
    // Ends of the open spans of each lane, innermost last.
    let mut open: Vec<Vec<u64>> = Vec::new();
    for span in &mut spans {
        if row != (span.device, span.stream) {
            row = (span.device, span.stream);
            open.clear();
            lanes.clear();
        }
        let crosses = streams.get(&row).is_some_and(|ops| crosses(ops, span.begin) || crosses(ops, span.end));
        let around = lanes.get(&span.around_id).copied().unwrap_or(0);
        let mut lane = around.max(usize::from(crosses));
        loop {
            if open.len() <= lane {
                open.resize_with(lane + 1, Vec::new);
            }
            let ends = &mut open[lane];
            while ends.pop_if(|end| *end <= span.begin).is_some() {}
            if ends.last().is_none_or(|end| span.end <= *end) {
                ends.push(span.end);
                break;
            }
            lane += 1;
        }
        lanes.insert(span.external_id, lane);
        // CAST: at most one lane per span.
        span.lane = lane as u32;
    }
    spans
}

/// Returns whether `at` is strictly inside one of these sorted, disjoint intervals.
fn crosses(intervals: &[(u64, u64)], at: u64) -> bool {
    let next = intervals.partition_point(|(begin, _)| *begin < at);
    next > 0 && intervals[next - 1].1 > at
}

/// Makes one thread's calls nest in its ranges and in each other. `calls` are in order of start,
/// longer ones first; `boundaries` are the starts and ends of the thread's ranges, in order.
///
/// While a thread is inside a CUDA call, none of its ranges starts or ends. A boundary inside a
/// call is therefore an error of the clocks, and the call loses the smaller part.
pub(super) fn fit_calls(calls: &mut [PlacedCall], mut boundaries: impl Iterator<Item = u64>) {
    let mut inside: VecDeque<u64> = VecDeque::new();
    let mut next = boundaries.next();
    for placed in calls.iter_mut() {
        let (begin, end) = (placed.call.begin, placed.call.end);
        while inside.front().is_some_and(|at| *at <= begin) {
            inside.pop_front();
        }
        while let Some(at) = next.filter(|at| *at < end) {
            if at > begin {
                inside.push_back(at);
            }
            next = boundaries.next();
        }
        let cuts = inside.iter().copied().take_while(|at| *at < end).chain([end]);
        let mut from = begin;
        let pieces = cuts.map(|to| (std::mem::replace(&mut from, to), to));
        let largest = pieces.max_by_key(|(from, to)| (to - from, std::cmp::Reverse(*from)));
        (placed.call.begin, placed.call.end) = largest.unwrap_or((begin, end));
    }
    nest(calls);
}

fn nest(calls: &mut [PlacedCall]) {
    calls.sort_by_key(|placed| (placed.call.begin, std::cmp::Reverse(placed.call.end)));
    let mut open: Vec<u64> = Vec::new();
    for placed in calls {
        let call = &mut placed.call;
        while open.pop_if(|end| *end <= call.begin).is_some() {}
        if let Some(&around) = open.last() {
            call.end = call.end.min(around);
        }
        open.push(call.end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::NodeId;
    use crate::records::gpu::{Api, ApiCall, GpuOp, MemoryKind, Work};

    fn call(begin: u64, end: u64) -> PlacedCall {
        let call = ApiCall { api: Api::Driver, function: 307, name: 0, begin, end, thread: 1, correlation: 1 };
        PlacedCall { call, external_id: 0, is_inner: false, launched: None }
    }

    fn fitted(calls: &[(u64, u64)], boundaries: &[u64]) -> Vec<(u64, u64)> {
        let mut calls: Vec<_> = calls.iter().map(|&(begin, end)| call(begin, end)).collect();
        fit_calls(&mut calls, boundaries.iter().copied());
        calls.iter().map(|placed| (placed.call.begin, placed.call.end)).collect()
    }

    #[test]
    fn a_call_that_leaves_its_range_gives_up_the_smaller_part() {
        assert_eq!(fitted(&[(95, 200)], &[100, 300]), [(100, 200)]);
        assert_eq!(fitted(&[(110, 305)], &[100, 300]), [(110, 300)]);
        assert_eq!(fitted(&[(95, 305)], &[100, 300]), [(100, 300)]);
        assert_eq!(fitted(&[(100, 300), (300, 310)], &[100, 300]), [(100, 300), (300, 310)]);
    }

    #[test]
    fn a_driver_call_inside_a_runtime_call_stays_inside() {
        assert_eq!(fitted(&[(10, 50), (20, 52), (60, 70)], &[]), [(10, 50), (20, 50), (60, 70)]);
    }

    fn op(begin: u64, end: u64) -> PlacedOp {
        let work = Work::Fill { memory: MemoryKind::Unknown, bytes: 1 };
        let op = GpuOp { begin, end, device: 0, context: 1, stream: 7, correlation: 1, graph: (0, 0), work };
        PlacedOp { op, lane: 0, external_id: 0 }
    }

    fn span(begin: u64, end: u64) -> Annotation {
        let (node, external_id, around_id) = (NodeId(1), begin, 0);
        Annotation { node, name: "stage", external_id, around_id, device: 0, stream: 7, begin, end, lane: 0 }
    }

    #[test]
    fn overlapping_kernels_of_a_stream_get_lanes_touching_do_not() {
        let mut ops = [op(0, 10), op(10, 20), op(15, 30), op(20, 25)];
        split_lanes(&mut ops);
        assert_eq!(ops.map(|placed| placed.lane), [0, 0, 1, 0]);
    }

    #[test]
    fn a_span_that_crosses_another_leaves_the_stream() {
        let ops = [op(0, 10), op(10, 20), op(20, 30), op(30, 40)];
        let lanes = |spans: &[(u64, u64)]| {
            let spans = spans.iter().map(|&(begin, end)| span(begin, end)).collect();
            place_annotations(spans, &ops).iter().map(|span| span.lane).collect::<Vec<_>>()
        };
        assert_eq!(lanes(&[(0, 20), (20, 40)]), [0, 0]);
        assert_eq!(lanes(&[(0, 30), (10, 40)]), [0, 1], "work of two ranges takes turns");
        assert_eq!(lanes(&[(0, 15)]), [1], "it ends inside somebody else's kernel");
    }

    proptest! {
        /// A14: to the nanosecond, also where spans touch or are equal.
        #[test]
        fn spans_nest_on_every_row(
            spans in prop::collection::vec((0..60u64, 0..40u64, 0..6u64), 0..24),
            kernels in prop::collection::vec((0..6u64, 0..8u64), 0..12),
        ) {
            let mut at = 0;
            let ops: Vec<_> = kernels
                .into_iter()
                .map(|(gap, length)| {
                    let begin = at + gap;
                    at = begin + length;
                    op(begin, at)
                })
                .collect();
            let spans = (1..).zip(&spans).map(|(external_id, &(begin, length, around))| {
                let around_id = if around < external_id { around } else { 0 };
                Annotation { external_id, around_id, ..span(begin, begin + length) }
            });
            let placed = place_annotations(spans.collect(), &ops);
            let crosses = |one: (u64, u64), other: (u64, u64)| one.0 < other.0 && other.0 < one.1 && one.1 < other.1;
            for (at, one) in placed.iter().enumerate() {
                let times = (one.begin, one.end);
                let on_stream = ops.iter().filter(|_| one.lane == 0).map(|placed| (placed.op.begin, placed.op.end));
                let on_row = placed[at + 1..].iter().filter(|other| other.lane == one.lane);
                for other in on_row.map(|other| (other.begin, other.end)).chain(on_stream) {
                    prop_assert!(!crosses(times, other) && !crosses(other, times), "{times:?} crosses {other:?}");
                }
            }
        }

        #[test]
        fn calls_nest_whatever_the_clocks_say(
            calls in prop::collection::vec((0..200u64, 0..60u64), 0..20),
            boundaries in prop::collection::vec(0..260u64, 0..20),
        ) {
            let mut calls: Vec<_> = calls.into_iter().map(|(begin, length)| (begin, begin + length)).collect();
            calls.sort_by_key(|&(begin, end)| (begin, std::cmp::Reverse(end)));
            let mut boundaries = boundaries;
            boundaries.sort_unstable();
            let fitted = fitted(&calls, &boundaries);
            for (at, one) in fitted.iter().enumerate() {
                prop_assert!(one.0 <= one.1);
                prop_assert!(!boundaries.iter().any(|boundary| one.0 < *boundary && *boundary < one.1));
                for other in &fitted[at + 1..] {
                    prop_assert!(other.0 >= one.1 || other.1 <= one.1, "{one:?} crosses {other:?}");
                }
            }
        }
    }
}
