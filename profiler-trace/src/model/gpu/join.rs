//! Join of a source's records: calls to the ranges that made them, ops to their calls, and both to
//! the stages.

use std::collections::HashMap;

use crate::model::stages::StageTree;
use crate::records::gpu::{ApiCall, GpuLog, GpuOp, MemoryOp, Overhead, Wait};

use super::clock::GpuClock;
use super::memory;
use super::ranges::Ranges;
use super::rows;
use super::spans::Spans;
use super::waits::EventRecords;
use super::{Gpu, PlacedCall, PlacedOp, Source};

impl Gpu {
    /// Joins a source's records to the ranges, leaving out records from outside the window. Takes
    /// linear time except for sorting.
    pub(in crate::model) fn build(log: GpuLog, clock: &GpuClock, ranges: &mut Ranges<'_>) -> Self {
        let mut gpu = Self {
            source: Source::Ops(log.source),
            version: log.version,
            driver_version: log.driver_version,
            devices: log.devices,
            names: log.names,
            losses: log.losses,
            clock_uncertainty_ns: clock.uncertainty_ns(),
            ..Self::default()
        };
        gpu.place_calls(log.calls, clock, ranges);
        let mut launches: HashMap<u32, usize> = HashMap::with_capacity(gpu.calls.len());
        for (at, placed) in gpu.calls.iter_mut().enumerate() {
            // A runtime call and the driver call inside it share an id; the outer one comes first.
            placed.is_inner = *launches.entry(placed.call.correlation).or_insert(at) != at;
        }
        gpu.place_ops(log.ops, clock, ranges, &launches);
        gpu.attribute(ranges);
        gpu.draw_arrows(&launches);
        gpu.events = EventRecords::new(log.events.into_iter().filter(|each| launches.contains_key(&each.correlation)));
        gpu.syncs = rows::assign_lanes(
            log.syncs.into_iter().map(|wait| Wait { begin: clock.ns(wait.begin), end: clock.ns(wait.end), ..wait }),
            ranges.window,
            |wait| (wait.begin, wait.end, (wait.context, wait.stream.unwrap_or(u32::MAX))),
        );
        gpu.overheads = rows::assign_lanes(
            log.overheads.into_iter().map(|each| Overhead {
                begin: clock.ns(each.begin),
                end: clock.ns(each.end),
                ..each
            }),
            ranges.window,
            |each| (each.begin, each.end, (0, 0)),
        );
        let records = log.memory.into_iter().map(|each| MemoryOp { at: clock.ns(each.at), ..each });
        gpu.memory = memory::allocations(records.filter(|each| ranges.contains(each.at)).collect(), &gpu.calls);
        gpu
    }

    /// Places the calls. A call belongs to the recording if one of its ranges made it, or if it
    /// started in the window.
    fn place_calls(&mut self, calls: Vec<ApiCall>, clock: &GpuClock, ranges: &Ranges<'_>) {
        let converted = calls.into_iter().map(|call| ApiCall {
            begin: clock.ns(call.begin),
            end: clock.ns(call.end).max(clock.ns(call.begin)),
            ..call
        });
        let inside = converted
            .filter(|call| ranges.owners.thread_owner(call.correlation).is_some() || ranges.contains(call.begin));
        self.calls = inside
            .map(|call| {
                let external_id = ranges.owners.thread_owner(call.correlation).map_or(0, |owner| owner.external_id);
                PlacedCall { call, external_id, is_inner: false, launched: None }
            })
            .collect();
        self.calls.sort_by_key(|placed| {
            let ApiCall { thread, begin, end, correlation, .. } = placed.call;
            (thread, begin, std::cmp::Reverse(end), correlation)
        });
        for thread_calls in self.calls.chunk_by_mut(|one, other| one.call.thread == other.call.thread) {
            let boundaries = (ranges.boundaries)(thread_calls.first().map_or(0, |placed| placed.call.thread));
            rows::fit_calls(thread_calls, boundaries);
        }
    }

    /// Places the ops. An op belongs to the recording if its call does; an op without a call, if it
    /// started in the window.
    fn place_ops(&mut self, ops: Vec<GpuOp>, clock: &GpuClock, ranges: &Ranges<'_>, launches: &HashMap<u32, usize>) {
        let converted = ops.into_iter().map(|op| GpuOp { begin: clock.ns(op.begin), end: clock.ns(op.end), ..op });
        let inside = converted.filter(|op| launches.contains_key(&op.correlation) || ranges.contains(op.begin));
        self.ops = inside
            .map(|op| {
                let external_id = ranges.owners.thread_owner(op.correlation).map_or(0, |owner| owner.external_id);
                PlacedOp { op, lane: 0, external_id }
            })
            .collect();
        self.ops.sort_by_key(|placed| (placed.op.begin, placed.op.end, placed.op.correlation));
        rows::split_lanes(&mut self.ops);
    }

    /// Adds every op to its stage, the stages around it, and its request, and computes the spans of
    /// all ranges.
    fn attribute(&mut self, ranges: &mut Ranges<'_>) {
        let mut spans = Spans::default();
        for PlacedOp { op, .. } in &self.ops {
            let GpuOp { begin, end, device, stream, .. } = *op;
            self.total.add(begin, end);
            let owner = ranges.owners.thread_owner(op.correlation);
            let node = ranges.add(owner, begin, end);
            if node == StageTree::ROOT {
                self.unattributed.add(begin, end);
            }
            if let Some(owner) = owner {
                spans.add(owner.external_id, (device, stream), (begin, end));
            }
        }
        self.annotations = rows::place_annotations(spans.annotations(ranges), &self.ops);
    }

    /// Adds at most one arrow per call, to its first op, and only forwards in time.
    fn draw_arrows(&mut self, launches: &HashMap<u32, usize>) {
        for (at, placed) in self.ops.iter().enumerate() {
            let call = launches.get(&placed.op.correlation).and_then(|call| self.calls.get_mut(*call));
            let Some(call) = call.filter(|call| call.launched.is_none()) else { continue };
            if call.call.begin <= placed.op.begin {
                call.launched = Some(at);
            } else {
                self.before_launch += 1;
            }
        }
    }
}
