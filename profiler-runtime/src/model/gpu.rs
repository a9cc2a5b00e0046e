//! What the GPU did, joined to the ranges that launched it.
//!
//! Every op on a device names the API call that launched it (correlation), the call names the range whose id was pushed
//! last ([`gpu_links`](super::gpu_links)), and the range stands in the stage tree. Times are put on the recording's clock
//! ([`gpu_clock`](super::gpu_clock)) and everything gets a row on which slices nest ([`gpu_rows`](super::gpu_rows)).

use std::collections::HashMap;

use crate::collect::gpu::{ApiCall, Device, GpuLog, GpuLosses, GpuOp, MemoryOp, Overhead, Wait};

use super::gpu_clock::GpuClock;
use super::gpu_links::Owners;
use super::gpu_rows;
use super::gpu_waits::EventRecords;
use super::requests::Request;
use super::stages::{NodeId, StageTree};
use super::timed::Source;

/// The GPU's part of a trace. Times are nanoseconds since the Unix epoch, on the ranges' clock.
#[derive(Debug, Default)]
pub(crate) struct Gpu {
    /// Who tells.
    pub(crate) source: Source,
    /// Version of the library that recorded; 0 if that is not CUPTI.
    pub(crate) cupti_version: u32,
    /// Version of CUDA that the driver supports.
    pub(crate) driver_version: u32,
    /// The machine's devices.
    pub(crate) devices: Vec<Device>,
    /// Work on devices, in order of begin.
    pub(crate) ops: Vec<PlacedOp>,
    /// API calls, by thread, in order of begin; those of one thread nest, in each other and in its ranges.
    pub(crate) calls: Vec<PlacedCall>,
    /// For how long each range kept each stream.
    pub(crate) annotations: Vec<Annotation>,
    /// Waits.
    pub(crate) syncs: Vec<Placed<Wait>>,
    /// What those for an event waited for.
    pub(crate) events: EventRecords,
    /// Time that CUDA or the profiler spent on itself.
    pub(crate) overheads: Vec<Placed<Overhead>>,
    /// Device memory, in order of time.
    pub(crate) memory: Vec<MemoryOp>,
    /// Names, by the index that records carry.
    pub(crate) names: Vec<String>,
    /// All ops.
    pub(crate) total: GpuTimes,
    /// Ops that no stage launched.
    pub(crate) unattributed: GpuTimes,
    /// What is missing.
    pub(crate) losses: GpuLosses,
    /// Ops that seem to begin before they were launched: the clocks differ by more than a launch takes.
    pub(crate) before_launch: u64,
    /// How far GPU times may be off the ranges'.
    pub(crate) clock_uncertainty_ns: u64,
}

/// A record on a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<T> {
    /// The record.
    pub(crate) record: T,
    /// 0, or an extra row: what is on one row does not overlap.
    pub(crate) lane: u32,
}

/// An op on a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedOp {
    /// The op.
    pub(crate) op: GpuOp,
    /// 0: its stream's own row. Else an extra row, for what overlaps on the stream.
    pub(crate) lane: u32,
    /// `External id` of the range that launched it, 0 without one.
    pub(crate) external_id: u64,
}

/// An API call on its thread's row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedCall {
    /// The call.
    pub(crate) call: ApiCall,
    /// `External id` of the range that made it, 0 without one.
    pub(crate) external_id: u64,
    /// A driver call inside a runtime call that has the same correlation id.
    pub(crate) is_inner: bool,
    /// The op that an arrow leads to: its place in [`Gpu::ops`].
    pub(crate) launched: Option<usize>,
}

/// The time between the first and the last op of a range on one stream, or between its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    /// The stage or step, or for an op the one around it.
    pub(crate) node: NodeId,
    /// The range's own name. A step is named after its function: `ProfilerStep#N` on a device would double TensorBoard's.
    pub(crate) name: &'static str,
    /// `External id` of the range.
    pub(crate) external_id: u64,
    /// Which device.
    pub(crate) device: u32,
    /// Which stream.
    pub(crate) stream: u32,
    /// Begin of the first op.
    pub(crate) begin: u64,
    /// End of the last.
    pub(crate) end: u64,
    /// 0: the stream's own row. Else a row of annotations.
    pub(crate) lane: u32,
}

/// GPU time of a stage, or of everything. Ops are added in order of begin; of a source that knows none, ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GpuTimes {
    /// Kernels, copies and fills.
    pub(crate) ops: u64,
    /// Time in which at least one ran: overlapping ones count once.
    pub(crate) busy_ns: u64,
    pub(super) first: u64,
    pub(super) until: u64,
}

impl GpuTimes {
    /// From the begin of the first op to the end of the last.
    pub(crate) const fn span_ns(&self) -> u64 {
        self.until - self.first
    }

    /// An op that begins no earlier than those before it.
    pub(super) fn add(&mut self, begin: u64, end: u64) {
        if self.ops == 0 {
            (self.first, self.until) = (begin, begin);
        }
        self.ops += 1;
        self.busy_ns += end.saturating_sub(begin.max(self.until));
        self.until = self.until.max(end);
    }
}

/// What the GPU's part is joined to.
pub(super) struct Ranges<'a> {
    /// Who launched what.
    pub(super) owners: Owners,
    /// The stages: their GPU times are added.
    pub(super) stages: &'a mut StageTree,
    /// The requests, likewise, by key.
    pub(super) requests: HashMap<u64, &'a mut Request>,
    /// Between which moments ranges were recorded. Just before and after it, when the gate opens and shuts, work would
    /// seem to be nobody's.
    pub(super) window: (u64, u64),
    /// Begins and ends of the ranges of a thread, in order, by the operating system's id.
    pub(super) boundaries: Boundaries<'a>,
}

/// See [`Ranges::boundaries`].
pub(super) type Boundaries<'a> = &'a dyn Fn(u32) -> Box<dyn Iterator<Item = u64> + 'a>;

impl Gpu {
    /// Joins what a source delivered to the ranges. Linear but for sorting; what is outside the window is left out.
    pub(super) fn build(log: GpuLog, clock: &GpuClock, ranges: &mut Ranges<'_>) -> Self {
        let mut gpu = Self {
            cupti_version: log.cupti_version,
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
            // Of a runtime call and the driver call inside it, the outer one: it comes first.
            placed.is_inner = *launches.entry(placed.call.correlation).or_insert(at) != at;
        }
        gpu.place_ops(log.ops, clock, ranges, &launches);
        gpu.attribute(ranges);
        gpu.draw_arrows(&launches);
        gpu.events = EventRecords::new(log.events.into_iter().filter(|each| launches.contains_key(&each.correlation)));
        gpu.syncs = gpu_rows::place(
            log.syncs.into_iter().map(|wait| Wait { begin: clock.ns(wait.begin), end: clock.ns(wait.end), ..wait }),
            ranges.window,
            |wait| (wait.begin, wait.end, (wait.context, wait.stream)),
        );
        gpu.overheads = gpu_rows::place(
            log.overheads.into_iter().map(|each| Overhead {
                begin: clock.ns(each.begin),
                end: clock.ns(each.end),
                ..each
            }),
            ranges.window,
            |each| (each.begin, each.end, (0, 0)),
        );
        let memory = log.memory.into_iter().map(|each| MemoryOp { at: clock.ns(each.at), ..each });
        gpu.memory = memory.filter(|each| ranges.contains(each.at)).collect();
        gpu.memory.sort_by_key(|each| each.at);
        gpu
    }

    /// The end of the last op, if that is after the window: work goes on when a session stops.
    pub(crate) fn end(&self) -> u64 {
        self.total.until
    }

    /// Which device each context is on.
    pub(crate) fn devices_of_contexts(&self) -> HashMap<u32, u32> {
        self.ops.iter().map(|placed| (placed.op.context, placed.op.device)).collect()
    }

    /// The `External id` of the range around each call that has one, by correlation.
    pub(crate) fn callers(&self) -> HashMap<u32, u64> {
        let inside = self.calls.iter().filter(|placed| placed.external_id > 0);
        inside.map(|placed| (placed.call.correlation, placed.external_id)).collect()
    }

    /// A call belongs to the recording if a range of it made the call, or if it began in the window.
    fn place_calls(&mut self, calls: Vec<ApiCall>, clock: &GpuClock, ranges: &Ranges<'_>) {
        let on_our_clock = calls.into_iter().map(|call| ApiCall {
            begin: clock.ns(call.begin),
            end: clock.ns(call.end).max(clock.ns(call.begin)),
            ..call
        });
        let inside =
            on_our_clock.filter(|call| ranges.owners.of(call.correlation).is_some() || ranges.contains(call.begin));
        self.calls = inside
            .map(|call| {
                let external_id = ranges.owners.of(call.correlation).map_or(0, |owner| owner.external_id);
                PlacedCall { call, external_id, is_inner: false, launched: None }
            })
            .collect();
        self.calls.sort_by_key(|placed| {
            let ApiCall { thread, begin, end, correlation, .. } = placed.call;
            (thread, begin, std::cmp::Reverse(end), correlation)
        });
        for of_thread in self.calls.chunk_by_mut(|one, other| one.call.thread == other.call.thread) {
            let boundaries = (ranges.boundaries)(of_thread.first().map_or(0, |placed| placed.call.thread));
            gpu_rows::fit_calls(of_thread, boundaries);
        }
    }

    /// An op belongs to the window if its call does; one without a call, if it began in it.
    fn place_ops(&mut self, ops: Vec<GpuOp>, clock: &GpuClock, ranges: &Ranges<'_>, launches: &HashMap<u32, usize>) {
        let on_our_clock = ops.into_iter().map(|op| GpuOp { begin: clock.ns(op.begin), end: clock.ns(op.end), ..op });
        let inside = on_our_clock.filter(|op| launches.contains_key(&op.correlation) || ranges.contains(op.begin));
        self.ops = inside
            .map(|op| {
                let external_id = ranges.owners.of(op.correlation).map_or(0, |owner| owner.external_id);
                PlacedOp { op, lane: 0, external_id }
            })
            .collect();
        self.ops.sort_by_key(|placed| (placed.op.begin, placed.op.end, placed.op.correlation));
        gpu_rows::split_lanes(&mut self.ops);
    }

    /// Adds every op to its stage and those around it, and to its request.
    fn attribute(&mut self, ranges: &mut Ranges<'_>) {
        let mut spans: HashMap<(u32, u32, u64), Annotation> = HashMap::new();
        for PlacedOp { op, .. } in &self.ops {
            let GpuOp { begin, end, device, stream, .. } = *op;
            self.total.add(begin, end);
            let owner = ranges.owners.of(op.correlation);
            let node = owner.map_or(StageTree::ROOT, |owner| owner.node);
            ranges.stages.add_gpu(node, begin, end);
            if let Some(request) = owner.and_then(|owner| owner.request).and_then(|id| ranges.requests.get_mut(&id)) {
                request.add_gpu(node, begin, end);
            }
            if node == StageTree::ROOT {
                self.unattributed.add(begin, end);
            }
            if let Some(external_id) = owner.map(|owner| owner.stage_id).filter(|id| *id != 0) {
                let span = spans.entry((device, stream, external_id)).or_insert(Annotation {
                    node,
                    name: ranges.stages.node(node).name(),
                    external_id,
                    device,
                    stream,
                    begin,
                    end,
                    lane: 0,
                });
                span.end = span.end.max(end);
            }
        }
        self.annotations = gpu_rows::place_annotations(spans.into_values().collect(), &self.ops);
    }

    /// One arrow per call, to its first op, and only forwards in time.
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

impl Ranges<'_> {
    const fn contains(&self, at: u64) -> bool {
        self.window.0 <= at && at <= self.window.1
    }
}
