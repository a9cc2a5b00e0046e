//! From allocations in the order of time to totals, peaks, and each stage's share.

use crate::model::Trace;
use crate::model::stages::StageTree;
use crate::model::values::{NodeId, slot};
use profiler_core::memory::Device;

use super::walk::{Call, Moment};
use super::{Allocation, DeviceMemory, Memory, MemoryLog, Paths, Reporter, StageMemory, Usage};

/// Reads the recording's allocations once. Linear in their number; memory grows with stages and
/// with calls that are open at the same time.
pub(in crate::model) fn measure(trace: &Trace, log: &MemoryLog) -> Memory {
    let mut book = Book { stages: &trace.stages, places: Vec::new(), accounts: Vec::new(), open: Vec::new() };
    for &(device, level) in &log.begin.devices {
        book.open_account((Reporter::Program, device), level, trace.begin);
    }
    trace.walk_memory(|paths, moment| book.note(paths, moment, trace.begin));
    while !book.open.is_empty() {
        book.end(book.open.len() - 1);
    }
    let mut devices: Vec<DeviceMemory> =
        book.accounts.into_iter().map(|account| account.close(&trace.stages, log)).collect();
    devices.sort_by_key(|each| (each.reporter, each.device));
    let taken = devices.split_off(devices.partition_point(|each| each.reporter == Reporter::Program));
    Memory {
        has_allocator: log.end.has_allocator,
        least_bytes: log.end.least_bytes,
        lost: log.end.lost.saturating_sub(log.begin.lost),
        devices,
        taken,
    }
}

struct Book<'a> {
    stages: &'a StageTree,
    /// Stage of each path.
    places: Vec<Option<NodeId>>,
    accounts: Vec<Account>,
    open: Vec<OpenCall>,
}

/// The account of one device. Levels may be negative until the end: blocks of unknown origin may be
/// freed.
struct Account {
    of: (Reporter, Device),
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
    /// Peak and growth, of the calls that have ended.
    most: Option<(i64, i64)>,
}

/// A call of a stage that runs.
struct OpenCall {
    call: Call,
    stage: NodeId,
    /// Levels by account: when it began, and the highest since, but only until the next call in the
    /// list began: an allocation is noted in the last call alone.
    levels: Vec<(i64, i64)>,
}

impl Book<'_> {
    fn note(&mut self, paths: &Paths, moment: &Moment, window_begin: u64) {
        match moment {
            Moment::Allocation { allocation, .. } => self.allocation(paths, allocation, window_begin),
            Moment::Begin { call, path, .. } => {
                let stage = self.place(paths, *path);
                let levels = self.accounts.iter().map(|account| (account.level, account.level)).collect();
                self.open.push(OpenCall { call: *call, stage, levels });
            }
            Moment::End { call, .. } => {
                if let Some(at) = self.open.iter().rposition(|open| open.call == *call) {
                    self.end(at);
                }
            }
        }
    }

    fn allocation(&mut self, paths: &Paths, allocation: &Allocation, window_begin: u64) {
        let of = (allocation.reporter, allocation.device);
        let known = self.accounts.iter().position(|account| account.of == of);
        let index = known.unwrap_or_else(|| self.open_account(of, 0, window_begin));
        let stage = self.place(paths, allocation.node);
        let account = &mut self.accounts[index];
        account.note(allocation, stage);
        let level = account.level;
        if let Some(open) = self.open.last_mut() {
            let highest = &mut open.levels[index].1;
            *highest = (*highest).max(level);
        }
    }

    fn open_account(&mut self, of: (Reporter, Device), level: i64, window_begin: u64) -> usize {
        for open in &mut self.open {
            open.levels.push((level, level));
        }
        self.accounts.push(Account {
            of,
            begin: level,
            level,
            lowest: level,
            peak: level,
            peak_at: window_begin,
            usage: Usage::default(),
            stages: Vec::new(),
        });
        self.accounts.len() - 1
    }

    /// Ends an open call. Its highest level is the highest of its own and of the calls that began
    /// after it.
    fn end(&mut self, at: usize) {
        for (index, account) in self.accounts.iter_mut().enumerate() {
            let highest = self.open[at..].iter().map(|open| open.levels[index].1).max().unwrap_or(i64::MIN);
            let share = account.share(self.open[at].stage);
            let (peak, growth) = share.most.unwrap_or((i64::MIN, 0));
            share.most = Some((peak.max(highest), growth.max(highest - self.open[at].levels[index].0)));
        }
        let ended = self.open.remove(at);
        if let Some(before) = at.checked_sub(1).and_then(|before| self.open.get_mut(before)) {
            for (kept, (_, highest)) in before.levels.iter_mut().zip(ended.levels) {
                kept.1 = kept.1.max(highest);
            }
        }
    }

    /// Returns the stage of the session's tree that a path leads to.
    fn place(&mut self, paths: &Paths, path: NodeId) -> NodeId {
        let index = path.0 as usize;
        if let Some(Some(place)) = self.places.get(index) {
            return *place;
        }
        let place = match paths.site(path) {
            None => StageTree::ROOT,
            Some(site) => {
                let around = self.place(paths, paths.parent(path));
                if site.is_stage() { self.stages.find(around, site).unwrap_or(around) } else { around }
            }
        };
        *slot(&mut self.places, index) = Some(place);
        place
    }
}

impl Account {
    fn note(&mut self, allocation: &Allocation, stage: NodeId) {
        self.level = self.level.saturating_add(allocation.change());
        self.lowest = self.lowest.min(self.level);
        if self.level > self.peak {
            (self.peak, self.peak_at) = (self.level, allocation.at);
        }
        self.usage.note(allocation);
        self.share(stage).usage.note(allocation);
    }

    fn share(&mut self, stage: NodeId) -> &mut StageShare {
        slot(&mut self.stages, stage.0 as usize)
    }

    /// Returns the summary. Where more was freed than was known, the difference must have been
    /// allocated before.
    fn close(mut self, tree: &StageTree, log: &MemoryLog) -> DeviceMemory {
        let raised = 0.max(-self.lowest);
        // A stage is made after the one around it.
        for index in (1..self.stages.len()).rev() {
            // CAST: an index of the tree's.
            let around = tree.node(NodeId(index as u32)).parent;
            let inside = self.stages[index].usage;
            self.share(around).usage.add(inside);
        }
        let level = |level: i64| u64::try_from(level + raised).unwrap_or_default();
        let stages = self.stages.iter().map(|share| {
            let (peak, growth) = share.most.map_or((0, 0), |(peak, growth)| (level(peak), growth.unsigned_abs()));
            StageMemory { usage: share.usage, peak, growth }
        });
        let (reporter, device) = self.of;
        let known_end = log.end.devices.iter().filter(|_| reporter == Reporter::Program);
        let known_end = known_end.clone().find(|(known, _)| *known == device);
        DeviceMemory {
            reporter,
            device,
            at_begin: level(self.begin),
            at_end: level(self.level),
            peak: level(self.peak),
            peak_at: self.peak_at,
            unexplained: known_end.map_or(0, |(_, end)| end - self.level),
            usage: self.usage,
            stages: stages.collect(),
        }
    }
}
