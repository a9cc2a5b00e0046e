//! `memory_snapshot_rank*.pickle`: a snapshot for MemoryViz, as `torch.cuda.memory._dump_snapshot`
//! writes it.
//!
//! PyTorch's allocator cuts blocks out of segments that it got from the driver. Here a segment is a
//! run of addresses that blocks of the recording occupied, because MemoryViz cannot draw blocks
//! outside of segments. Blocks from before the recording that outlive it become one block at the
//! end of the addresses. No event allocates that block, so readers count it from the beginning, and
//! their peak equals that of the other reports. The frames of a block are the ranges that were open
//! when it was allocated, with their source positions. A device without reports of the program is
//! shown as CUPTI recorded it.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::model::{Allocation, Memory, MemoryEvent, NodeId, Paths, Trace};
use profiler_core::memory::{Action, Device};

use super::blocks::{Block, Blocks};
use super::pickle::Value::{EmptyDict, EmptyList, MinusOne, No, Number, Pair, Word, Zero};
use super::pickle::{Memo, Pickle};

/// PyTorch's threshold between small and large segments.
const LARGE: u64 = 2 << 20;
/// Maximum number of ranges shown around an allocation, innermost first.
const MAX_FRAMES: usize = 32;
/// Path of allocations from before the recording; no range has it.
const BEFORE: NodeId = NodeId(u32::MAX);

/// Writes the snapshot.
pub(super) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let mut snapshot = Snapshot { trace, pickle: Pickle::new(out), frames: HashMap::new() };
    snapshot.write();
    snapshot.pickle.finish()
}

struct Snapshot<'a, 'out> {
    trace: &'a Trace,
    pickle: Pickle<'out>,
    /// Memoised frames of each path that was written.
    frames: HashMap<NodeId, Memo>,
}

impl Snapshot<'_, '_> {
    fn write(&mut self) {
        let devices = devices(self.trace);
        self.pickle.begin_dict();
        self.pickle.word("device_traces");
        self.pickle.begin_list();
        let blocks: Vec<Blocks> = devices.iter().map(|device| self.device_trace(*device)).collect();
        self.pickle.end_list();
        self.pickle.word("segments");
        self.pickle.begin_list();
        for (number, blocks) in blocks.iter().enumerate() {
            self.segments(number, blocks);
        }
        self.pickle.end_list();
        self.pickle.word("allocator_settings");
        settings(&mut self.pickle);
        self.pickle.word("external_annotations");
        self.annotations();
        self.pickle.end_dict();
    }

    /// Writes one device's events in order of time. Returns the blocks that remain allocated.
    fn device_trace(&mut self, device: Device) -> Blocks {
        let trace = self.trace;
        let shown = trace.memory.iter().flat_map(Memory::all).find(|each| each.device == device);
        let mut blocks = Blocks::default();
        self.pickle.begin_list();
        trace.walk_memory(|paths, event| {
            let MemoryEvent::Allocation { allocation, .. } = event else { return };
            if shown.is_some_and(|shown| shown.includes(allocation)) {
                self.event(paths, allocation, &mut blocks);
            }
        });
        self.pickle.end_list();
        blocks.keep_from_before(shown.map_or(0, |shown| shown.at_begin), BEFORE);
        blocks
    }

    fn event(&mut self, paths: &Paths, allocation: &Allocation, blocks: &mut Blocks) {
        let Allocation { at, address, bytes, node, .. } = *allocation;
        match allocation.action {
            Action::Alloc | Action::MovedTo => {
                // Their releases did not fit into the buffers.
                for (address, block) in blocks.displace(address, bytes) {
                    self.free(paths, at, (address, block.bytes), node);
                }
                blocks.alloc(address, Block { bytes, path: node });
                self.entry(paths, "alloc", at, (address, bytes), node);
            }
            Action::Free | Action::MovedFrom => {
                let bytes = blocks.free(address, bytes);
                self.free(paths, at, (address, bytes), node);
            }
            Action::OutOfMemory => self.entry(paths, "oom", at, (0, bytes), node),
        }
    }

    fn free(&mut self, paths: &Paths, at: u64, block: (u64, u64), path: NodeId) {
        self.entry(paths, "free_requested", at, block, path);
        self.entry(paths, "free_completed", at, block, path);
    }

    fn entry(&mut self, paths: &Paths, action: &'static str, at: u64, (address, bytes): (u64, u64), path: NodeId) {
        // The free memory at a failed allocation is unknown.
        let key = if action == "oom" { "device_free" } else { "addr" };
        self.pickle.begin_dict();
        self.pickle.entries([
            ("action", Word(action)),
            (key, Number(address)),
            ("size", Number(bytes)),
            ("stream", Number(0)),
            ("time_us", Number(at / 1000)),
        ]);
        self.pickle.word("frames");
        self.push_frames(paths, path);
        self.pickle.entries([("compile_context", Word("N/A")), ("user_metadata", Word(""))]);
        self.pickle.end_dict();
    }

    fn push_frames(&mut self, paths: &Paths, path: NodeId) {
        let p = &mut self.pickle;
        if let Some(&memo) = self.frames.get(&path) {
            return p.reference(memo);
        }
        p.begin_list();
        for site in paths.sites(path).take(MAX_FRAMES) {
            push_frame(p, site.file(), site.line(), site.name());
        }
        p.end_list();
        self.frames.insert(path, p.memoize());
    }

    fn segments(&mut self, number: usize, blocks: &Blocks) {
        for (begin, end) in blocks.segments() {
            let live = blocks.within(begin, end);
            let active: u64 = live.clone().map(|(_, block)| block.bytes).sum();
            let frames = &self.frames;
            self.pickle.dict(|p| {
                p.entries([
                    ("device", Number(number as u64)),
                    ("address", Number(begin)),
                    ("total_size", Number(end - begin)),
                    ("allocated_size", Number(active)),
                    ("active_size", Number(active)),
                    ("requested_size", Number(active)),
                    ("stream", Number(0)),
                    ("segment_type", Word(if end - begin < LARGE { "small" } else { "large" })),
                    ("segment_pool_id", Pair(0, 0)),
                    ("is_expandable", No),
                    ("frames", EmptyList),
                ]);
                p.word("blocks");
                p.list(|p| push_blocks(p, (begin, end), live, frames));
            });
        }
    }

    /// Writes the starts and ends of stages as marks in the timeline.
    fn annotations(&mut self) {
        let trace = self.trace;
        let host = devices(trace).len().saturating_sub(1);
        let mut names = HashMap::new();
        self.pickle.begin_list();
        trace.walk_memory(|_, event| {
            let (word, name, at) = match *event {
                MemoryEvent::Begin { call, site, at, .. } => {
                    names.insert(call, site.name());
                    ("START", site.name(), at)
                }
                MemoryEvent::End { call, at } => match names.remove(&call) {
                    Some(name) => ("END", name, at),
                    None => return,
                },
                MemoryEvent::Allocation { .. } => return,
            };
            self.pickle.dict(|p| {
                p.entries([
                    ("stage", Word(word)),
                    ("name", Word(name)),
                    ("device", Number(host as u64)),
                    ("time_us", Number(at / 1000)),
                ]);
            });
        });
        self.pickle.end_list();
    }
}

/// Writes the blocks of a segment and the gaps between them, so that the sizes add up to the
/// segment's size.
fn push_blocks<'a>(
    p: &mut Pickle<'_>,
    (begin, end): (u64, u64),
    live: impl Iterator<Item = (u64, &'a Block)>,
    frames: &HashMap<NodeId, Memo>,
) {
    let mut at = begin;
    for (address, block) in live {
        push_gap(p, at, address);
        push_block(p, "active_allocated", (address, block.bytes), frames.get(&block.path).copied());
        at = address + block.bytes;
    }
    push_gap(p, at, end);
}

fn push_gap(p: &mut Pickle<'_>, from: u64, to: u64) {
    if from < to {
        push_block(p, "inactive", (from, to - from), None);
    }
}

fn push_block(p: &mut Pickle<'_>, state: &'static str, (address, bytes): (u64, u64), frames: Option<Memo>) {
    p.dict(|p| {
        p.entries([
            ("address", Number(address)),
            ("size", Number(bytes)),
            ("requested_size", Number(if state == "inactive" { 0 } else { bytes })),
            ("state", Word(state)),
        ]);
        p.word("frames");
        match frames {
            Some(memo) => p.reference(memo),
            None if state == "inactive" => p.list(|_| {}),
            None => p.list(|p| push_frame(p, "", 0, "(allocated before the recording)")),
        }
    });
}

fn push_frame(p: &mut Pickle<'_>, file: &'static str, line: u32, name: &'static str) {
    p.dict(|p| p.entries([("filename", Word(file)), ("line", Number(line.into())), ("name", Word(name))]));
}

/// Returns the devices in PyTorch's numbering: CUDA devices by index, then the host.
fn devices(trace: &Trace) -> Vec<Device> {
    let recorded = trace.memory.iter().flat_map(Memory::all).map(|each| each.device);
    let last = recorded.filter_map(|device| if let Device::Cuda(index) = device { Some(index) } else { None }).max();
    let cuda = last.map(|last| 0..=last).into_iter().flatten().map(Device::Cuda);
    cuda.chain([Device::Cpu]).collect()
}

/// Writes settings of PyTorch's allocator. They have no meaning here, but readers expect the keys.
fn settings(p: &mut Pickle<'_>) {
    p.dict(|p| {
        p.entries([
            ("PYTORCH_CUDA_ALLOC_CONF", Word("")),
            ("max_split_size", MinusOne),
            ("garbage_collection_threshold", Zero),
            ("expandable_segments", No),
            ("pinned_num_register_threads", Number(1)),
            ("release_lock_on_cudamalloc", No),
            ("pinned_use_cuda_host_register", No),
            ("roundup_power2_divisions", EmptyDict),
        ]);
    });
}
