//! Computation of totals, peaks and each stage's share from the allocations in order of time.

use crate::model::Trace;
use crate::model::stages::StageTree;
use crate::model::values::{NodeId, slot};
use profiler_core::memory::Device;

use super::walk::{Call, MemoryEvent};
use super::{Allocation, DeviceMemory, Memory, MemoryLog, Paths, Reporter, StageMemory, Usage};

/// Reads the recording's allocations once. Takes linear time; memory grows with stages and with the
/// number of concurrently open calls.
pub(in crate::model) fn measure(trace: &Trace, log: &MemoryLog) -> Memory {
    let mut builder = Builder { stages: &trace.stages, nodes: Vec::new(), devices: Vec::new(), open: Vec::new() };
    for &(device, level) in &log.begin.devices {
        builder.add_device((Reporter::Program, device), level, trace.begin);
    }
    trace.walk_memory(|paths, event| builder.event(paths, event, trace.begin));
    while !builder.open.is_empty() {
        builder.end(builder.open.len() - 1);
    }
    let mut devices: Vec<DeviceMemory> =
        builder.devices.into_iter().map(|device| device.close(&trace.stages, log)).collect();
    devices.sort_by_key(|each| (each.reporter, each.device));
    let cuda_devices = devices.split_off(devices.partition_point(|each| each.reporter == Reporter::Program));
    Memory {
        has_allocator: log.end.has_allocator,
        least_bytes: log.end.least_bytes,
        lost: log.end.lost.saturating_sub(log.begin.lost),
        devices,
        cuda_devices,
    }
}

/// State of the computation.
struct Builder<'a> {
    stages: &'a StageTree,
    /// Node in the stage tree of each path.
    nodes: Vec<Option<NodeId>>,
    devices: Vec<DeviceLevels>,
    open: Vec<OpenCall>,
}

/// Levels of one device. They may be negative until `close`, because blocks from before the
/// recording may be freed.
struct DeviceLevels {
    key: (Reporter, Device),
    begin: i64,
    level: i64,
    lowest: i64,
    peak: i64,
    peak_at: u64,
    usage: Usage,
    stages: Vec<StageShare>,
}

#[derive(Clone, Copy, Default)]
struct StageShare {
    usage: Usage,
    /// Maximum level during, and maximum growth in, the calls that have ended.
    max: Option<(i64, i64)>,
}

/// A running call of a stage.
struct OpenCall {
    call: Call,
    stage: NodeId,
    /// Per device, the level at the call's start and the highest level since, but only until the
    /// next call in `open` started: an allocation updates only the last call.
    levels: Vec<(i64, i64)>,
}

impl Builder<'_> {
    fn event(&mut self, paths: &Paths, event: &MemoryEvent, window_begin: u64) {
        match event {
            MemoryEvent::Allocation { allocation, .. } => self.allocation(paths, allocation, window_begin),
            MemoryEvent::Begin { call, path, .. } => {
                let stage = self.node(paths, *path);
                let levels = self.devices.iter().map(|device| (device.level, device.level)).collect();
                self.open.push(OpenCall { call: *call, stage, levels });
            }
            MemoryEvent::End { call, .. } => {
                if let Some(at) = self.open.iter().rposition(|open| open.call == *call) {
                    self.end(at);
                }
            }
        }
    }

    fn allocation(&mut self, paths: &Paths, allocation: &Allocation, window_begin: u64) {
        let key = (allocation.reporter, allocation.device);
        let existing = self.devices.iter().position(|device| device.key == key);
        let index = existing.unwrap_or_else(|| self.add_device(key, 0, window_begin));
        let stage = self.node(paths, allocation.node);
        let device = &mut self.devices[index];
        device.add(allocation, stage);
        let level = device.level;
        if let Some(open) = self.open.last_mut() {
            let highest = &mut open.levels[index].1;
            *highest = (*highest).max(level);
        }
    }

    fn add_device(&mut self, key: (Reporter, Device), level: i64, window_begin: u64) -> usize {
        for open in &mut self.open {
            open.levels.push((level, level));
        }
        self.devices.push(DeviceLevels {
            key,
            begin: level,
            level,
            lowest: level,
            peak: level,
            peak_at: window_begin,
            usage: Usage::default(),
            stages: Vec::new(),
        });
        self.devices.len() - 1
    }

    /// Ends an open call. Its highest level is the maximum of its own and those of the calls
    /// started after it.
    fn end(&mut self, at: usize) {
        for (index, device) in self.devices.iter_mut().enumerate() {
            let highest = self.open[at..].iter().map(|open| open.levels[index].1).max().unwrap_or(i64::MIN);
            let share = device.share(self.open[at].stage);
            let (peak, growth) = share.max.unwrap_or((i64::MIN, 0));
            share.max = Some((peak.max(highest), growth.max(highest - self.open[at].levels[index].0)));
        }
        let ended = self.open.remove(at);
        if let Some(before) = at.checked_sub(1).and_then(|before| self.open.get_mut(before)) {
            for (kept, (_, highest)) in before.levels.iter_mut().zip(ended.levels) {
                kept.1 = kept.1.max(highest);
            }
        }
    }

    /// Returns the session's stage tree node of a path.
    fn node(&mut self, paths: &Paths, path: NodeId) -> NodeId {
        let index = path.0 as usize;
        if let Some(Some(node)) = self.nodes.get(index) {
            return *node;
        }
        let node = match paths.site(path) {
            None => StageTree::ROOT,
            Some(site) => {
                let around = self.node(paths, paths.parent(path));
                if site.is_stage() { self.stages.find(around, site).unwrap_or(around) } else { around }
            }
        };
        *slot(&mut self.nodes, index) = Some(node);
        node
    }
}

impl DeviceLevels {
    fn add(&mut self, allocation: &Allocation, stage: NodeId) {
        self.level = self.level.saturating_add(allocation.change());
        self.lowest = self.lowest.min(self.level);
        if self.level > self.peak {
            (self.peak, self.peak_at) = (self.level, allocation.at);
        }
        self.usage.count(allocation);
        self.share(stage).usage.count(allocation);
    }

    fn share(&mut self, stage: NodeId) -> &mut StageShare {
        slot(&mut self.stages, stage.0 as usize)
    }

    /// Returns the summary. If more was freed than was allocated, the difference must have been
    /// allocated before the recording.
    fn close(mut self, tree: &StageTree, log: &MemoryLog) -> DeviceMemory {
        let raised = 0.max(-self.lowest);
        // A stage's node follows its parent's.
        for index in (1..self.stages.len()).rev() {
            // CAST: an index of the stage tree.
            let around = tree.node(NodeId(index as u32)).parent;
            let inside = self.stages[index].usage;
            self.share(around).usage.add(inside);
        }
        let level = |level: i64| u64::try_from(level + raised).unwrap_or_default();
        let stages = self.stages.iter().map(|share| {
            let (peak, growth) = share.max.map_or((0, 0), |(peak, growth)| (level(peak), growth.unsigned_abs()));
            StageMemory { usage: share.usage, peak, growth }
        });
        let (reporter, device) = self.key;
        let recorded_ends = log.end.devices.iter().filter(|_| reporter == Reporter::Program);
        let recorded_end = recorded_ends.clone().find(|(other, _)| *other == device);
        DeviceMemory {
            reporter,
            device,
            at_begin: level(self.begin),
            at_end: level(self.level),
            peak: level(self.peak),
            peak_at: self.peak_at,
            unexplained: recorded_end.map_or(0, |(_, end)| end - self.level),
            usage: self.usage,
            stages: stages.collect(),
        }
    }
}
