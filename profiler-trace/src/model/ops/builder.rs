//! Builder of operator tables: adds every slice to its group, with at most one hash and no
//! allocation per slice.
//!
//! The group of a call without arguments is found by the number of its site. A call with shapes or
//! a stack first tries the group of the site's last such call, then a hash table. What is known
//! only after all threads were read is added afterwards, in `complete`: which steps are
//! `ProfilerStep`s, what the GPU did, and how long async ranges lived.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use crate::model::slice::{CallArgs, Poll, Slice};
use crate::model::values::slot;
use crate::records::frames::Symbols;
use profiler_core::site::{Kind, Site};

use super::{Group, OpTable, Sums};

/// Maximum number of groups with shapes or a stack. If a program's shapes never repeat, further
/// calls count under their names only.
const MAX_GROUPS: usize = 1 << 16;
/// Name of the row that counts all iterations of the driving loop.
pub(super) const STEPS: &str = "ProfilerStep*";

/// Builder that finds the group of each slice.
#[derive(Default)]
pub(in crate::model) struct OpsBuilder {
    pub(super) entries: Vec<Entry>,
    /// Groups of each site, by site number.
    sites: Vec<SiteGroups>,
    /// Group of each async range plus 1, by rank of its task; 0 if unknown. It is the group of the
    /// first poll, whose call stack shows where the future started to run.
    task_groups: Vec<u32>,
    /// Sums over the polls of async ranges without a final group: steps, and ranges whose first
    /// poll was not read first.
    pub(super) lives: HashMap<u32, Sums>,
    /// Steps, individually.
    pub(super) steps: Vec<StepCall>,
    /// Ranges that launched GPU work, in order of their ends.
    pub(super) launchers: Vec<Launcher>,
    by_arguments: HashMap<u64, usize, BuildHasherDefault<IdentityHasher>>,
    state: RandomState,
    merged_calls: u64,
    busy_ns: u64,
    /// See [`OpTable::nested`].
    nested: bool,
    /// See [`OpTable::nested_ops`].
    nested_ops: bool,
}

/// Groups of a site's calls, as index plus 1; 0 for none.
#[derive(Clone, Default)]
struct SiteGroups {
    /// Groups of calls without arguments: of plain ranges, and of async ranges.
    plain: [usize; 2],
    /// Group of the last call with shapes or a stack.
    latest: usize,
    /// `External id` of the last slice.
    last: u64,
}

/// A group with its call stack as recorded.
#[derive(Clone)]
pub(super) struct Entry {
    site: Option<&'static Site>,
    addresses: Box<[u64]>,
    pub(super) group: Group,
    /// Next entry whose key has the same hash.
    same_hash: Option<usize>,
    /// Entry for those of its calls that are `ProfilerStep`s.
    steps: Option<usize>,
}

/// Reference to the sums that a slice was added to.
#[derive(Clone, Copy)]
pub(super) enum SumsRef {
    /// Index of an entry.
    Group(usize),
    /// Index of a step.
    Step(usize),
    /// Rank of a task.
    Life(u32),
}

/// One step.
pub(super) struct StepCall {
    pub(super) external_id: u64,
    /// Entry that it counts in, unless it is a `ProfilerStep`.
    pub(super) entry: usize,
    pub(super) sums: Sums,
}

/// A range that launched GPU work.
pub(super) struct Launcher {
    pub(super) external_id: u64,
    /// `External id` of the range around it; 0 if there is none.
    pub(super) around_id: u64,
    pub(super) sums: SumsRef,
    /// True if it is a call with a FLOP count.
    pub(super) has_flops: bool,
}

impl Launcher {
    fn new(slice: &Slice, sums: SumsRef) -> Self {
        let &Slice { external_id, around_id, task, .. } = slice;
        Self { external_id, around_id, sums, has_flops: task.is_none() && slice.args().flops().is_some() }
    }
}

impl OpsBuilder {
    /// Creates a builder for the given number of tasks.
    pub(in crate::model) fn new(tasks: usize) -> Self {
        Self { task_groups: vec![0; tasks], ..Self::default() }
    }

    /// Adds a slice. `launches` is true if it or a range inside it launched GPU work; `task` is the
    /// rank of a poll's task.
    #[inline]
    pub(in crate::model) fn slice(&mut self, slice: &Slice, launches: bool, task: Option<u32>) {
        let sums = match (slice.task, task) {
            (Some(poll), Some(task)) => self.poll(poll, task, slice),
            _ if slice.site.kind() == Kind::Step => self.step(slice),
            _ => {
                let at = self.find(slice, false);
                self.entries[at].group.sums.add_call(slice);
                SumsRef::Group(at)
            }
        };
        if launches {
            self.launchers.push(Launcher::new(slice, sums));
        }
        self.check_nesting(slice);
    }

    /// Detects a slice that contains another of its site: the inner one ended earlier but has the
    /// larger id, because ids are given at the start.
    #[inline]
    fn check_nesting(&mut self, slice: &Slice) {
        let last = &mut slot(&mut self.sites, slice.site.number() as usize).last;
        if std::mem::replace(last, slice.external_id) > slice.external_id {
            let is_op = slice.site.kind() == Kind::Op;
            self.nested_ops |= is_op;
            self.nested |= !is_op;
        }
    }

    /// Adds the time in which a thread ran at least one range. Called after the thread's last
    /// slice.
    pub(in crate::model) const fn add_busy(&mut self, ns: u64) {
        self.busy_ns += ns;
    }

    /// Adds a step; its final group is known only after all threads were read.
    fn step(&mut self, slice: &Slice) -> SumsRef {
        let entry = self.find(slice, false);
        let mut sums = Sums::default();
        sums.add_call(slice);
        self.steps.push(StepCall { external_id: slice.external_id, entry, sums });
        SumsRef::Step(self.steps.len() - 1)
    }

    /// Adds a poll to the sums of its async range, which any thread may poll.
    fn poll(&mut self, poll: Poll, task: u32, slice: &Slice) -> SumsRef {
        let decides_group = poll.first || !slice.args().inputs.is_empty();
        let previous = self.task_group(task);
        let at = match previous {
            Some(at) if !decides_group => at,
            _ => {
                let at = self.find(slice, true);
                // CAST: there are few groups.
                self.task_groups[task as usize] = at as u32 + 1;
                at
            }
        };
        let is_step = slice.site.kind() == Kind::Step;
        let is_open = is_step || !decides_group && (previous.is_none() || self.lives.contains_key(&task));
        let before = if decides_group && !is_open { self.lives.remove(&task) } else { None };
        let group_sums = &mut self.entries[at].group.sums;
        if let Some(before) = before {
            group_sums.add(&before);
        }
        let (sums, sums_ref) = if is_open {
            (self.lives.entry(task).or_default(), SumsRef::Life(task))
        } else {
            (group_sums, SumsRef::Group(at))
        };
        sums.polls += 1;
        sums.add_slice(slice);
        if let Some(flops) = slice.args().flops() {
            sums.add_flops(flops);
            // The time is unknown: the async range may have waited, or continued on another thread.
            sums.untimed_flops += 1;
        }
        sums_ref
    }

    /// Returns the entry that the task with this rank counts in.
    pub(super) fn task_group(&self, task: u32) -> Option<usize> {
        Some(self.task_groups.get(task as usize)?.checked_sub(1)? as usize)
    }

    /// Returns the entry of a slice, adding it if it does not exist.
    #[inline]
    fn find(&mut self, slice: &Slice, is_async: bool) -> usize {
        let args = slice.args();
        if args.inputs.is_empty() && args.stack.is_empty() {
            self.find_plain(slice.site, is_async)
        } else {
            self.find_by_arguments(slice.site, is_async, args)
        }
    }

    /// Returns the entry of a site's calls without arguments.
    #[inline]
    fn find_plain(&mut self, site: &'static Site, is_async: bool) -> usize {
        let number = site.number() as usize;
        match slot(&mut self.sites, number).plain[usize::from(is_async)] {
            0 => self.add_plain(number, site, is_async),
            at => at - 1,
        }
    }

    #[cold]
    fn add_plain(&mut self, number: usize, site: &'static Site, is_async: bool) -> usize {
        let at = self.add(Some(site), is_async, &CallArgs::default());
        self.sites[number].plain[usize::from(is_async)] = at + 1;
        at
    }

    fn find_by_arguments(&mut self, site: &'static Site, is_async: bool, args: &CallArgs) -> usize {
        let number = site.number() as usize;
        match slot(&mut self.sites, number).latest.checked_sub(1) {
            Some(at) if self.entries[at].matches(site, is_async, args) => at,
            _ => self.find_by_hash(number, site, is_async, args),
        }
    }

    #[inline(never)]
    fn find_by_hash(&mut self, number: usize, site: &'static Site, is_async: bool, args: &CallArgs) -> usize {
        let hash = self.hash(site, is_async, args);
        let first = self.by_arguments.get(&hash).copied();
        let next = |at: &usize| self.entries[*at].same_hash;
        let found = std::iter::successors(first, next).find(|at| self.entries[*at].matches(site, is_async, args));
        let at = match found {
            Some(at) => at,
            None if self.by_arguments.len() >= MAX_GROUPS => {
                self.merged_calls += 1;
                return self.find_plain(site, is_async);
            }
            None => {
                let at = self.add(Some(site), is_async, args);
                self.entries[at].same_hash = first;
                self.by_arguments.insert(hash, at);
                at
            }
        };
        self.sites[number].latest = at + 1;
        at
    }

    fn hash(&self, site: &'static Site, is_async: bool, args: &CallArgs) -> u64 {
        let mut hasher = self.state.build_hasher();
        (address(site), is_async, args.inputs.len()).hash(&mut hasher);
        for input in &args.inputs {
            input.dims().hash(&mut hasher);
        }
        args.stack.hash(&mut hasher);
        hasher.finish()
    }

    /// Returns the entry for those calls of an entry that are iterations of the driving loop.
    pub(super) fn steps_of(&mut self, at: usize) -> usize {
        if let Some(steps) = self.entries[at].steps {
            return steps;
        }
        let mut entry = Entry { same_hash: None, ..self.entries[at].clone() };
        (entry.group.name, entry.group.sums) = (STEPS.into(), Sums::default());
        self.entries.push(entry);
        let steps = self.entries.len() - 1;
        self.entries[at].steps = Some(steps);
        steps
    }

    pub(super) fn add(&mut self, site: Option<&'static Site>, is_async: bool, args: &CallArgs) -> usize {
        let group = Group {
            name: site.map_or("", Site::name).into(),
            kind: Some(site.map_or(Kind::Step, Site::kind)),
            is_async,
            inputs: args.inputs.iter().map(|input| input.dims().into()).collect(),
            ..Group::default()
        };
        let addresses = args.stack.as_slice().into();
        self.entries.push(Entry { site, addresses, group, same_hash: None, steps: None });
        self.entries.len() - 1
    }

    /// Returns the table, symbolising each distinct stack once.
    pub(super) fn finish(self, symbols: &Symbols) -> OpTable {
        let mut table = OpTable {
            merged_calls: self.merged_calls,
            nested: self.nested,
            nested_ops: self.nested_ops,
            busy_ns: self.busy_ns,
            ..OpTable::default()
        };
        let mut frame_indices: HashMap<String, u32> = HashMap::new();
        // A group may have had only steps, which count elsewhere.
        for Entry { addresses, mut group, .. } in self.entries.into_iter().filter(|each| each.group.sums.count > 0) {
            let frames = symbols.frames(&addresses).map(|frame| {
                let text = frame.to_string();
                *frame_indices.entry(text).or_insert_with_key(|text| {
                    table.frames.push(text.clone());
                    // CAST: a program has fewer than 2^32 functions.
                    (table.frames.len() - 1) as u32
                })
            });
            group.stack = frames.collect();
            table.groups.push(group);
        }
        table
    }
}

impl Entry {
    fn matches(&self, site: &'static Site, is_async: bool, args: &CallArgs) -> bool {
        self.site.is_some_and(|own| std::ptr::eq(own, site))
            && self.group.is_async == is_async
            && self.group.inputs.len() == args.inputs.len()
            && self.group.inputs.iter().zip(&args.inputs).all(|(dims, input)| **dims == *input.dims())
            && *self.addresses == *args.stack
    }
}

impl Sums {
    /// Adds a call's slice.
    #[inline]
    fn add_call(&mut self, slice: &Slice) {
        self.count += 1;
        self.add_slice(slice);
        if let Some(flops) = slice.args().flops() {
            self.add_flops(flops);
            self.flops_ns += slice.busy_ns();
        }
    }

    #[inline]
    fn add_slice(&mut self, slice: &Slice) {
        self.self_ns += slice.self_ns();
        self.total_ns += slice.busy_ns();
        self.add_thread_cpu(slice.cpu_ns);
        self.cpu_memory.add(slice.cpu_memory);
        self.device_memory.add(slice.device_memory);
    }

    fn add_flops(&mut self, flops: u64) {
        self.flops = self.flops.saturating_add(flops);
        self.calls_with_flops += 1;
    }
}

fn address(site: &'static Site) -> usize {
    std::ptr::from_ref(site).addr()
}

/// A hasher for keys that are hashes already.
#[derive(Clone, Copy, Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
