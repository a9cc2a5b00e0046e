//! The pass that fills an operator table: every slice to its group, with at most one hash and no
//! allocation.
//!
//! A call without arguments finds its group by the number of its site; so does one with shapes or a
//! stack that are those of the site's last call, others by a hash of them. Facts that are known
//! only when all threads are read (which steps are `ProfilerStep`s, what the GPU did, how long
//! async ranges lived) is added then: see `settle`.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use crate::model::slice::{CallArgs, Poll, Slice};
use crate::model::values::slot;
use crate::records::frames::Symbols;
use profiler_core::site::{Kind, Site};

use super::{Group, OpTable, Sums};

/// Most groups with shapes or a stack of their own. A program whose shapes never repeat has more;
/// their calls count under their names alone.
const MAX_GROUPS: usize = 1 << 16;
/// Name under which all iterations of the driving loop are counted.
pub(super) const STEPS: &str = "ProfilerStep*";

/// Finds the group of each slice.
#[derive(Default)]
pub(in crate::model) struct Gatherer {
    pub(super) gathered: Vec<Gathered>,
    /// Groups of each site, by its number.
    sites: Vec<OfSite>,
    /// Groups that async ranges count in, from 1, by their tasks' ranks: that of the first poll,
    /// whose call stack is where it began to run.
    places: Vec<u32>,
    /// Sums over the polls of async ranges whose group is not known yet: of steps, and of ranges
    /// whose first poll was not read first.
    pub(super) lives: HashMap<u32, Sums>,
    /// Steps, each by itself.
    pub(super) steps: Vec<StepCall>,
    /// Ranges in which the GPU was given work, in the order in which they ended.
    pub(super) launchers: Vec<Launcher>,
    described: HashMap<u64, usize, BuildHasherDefault<AsItIs>>,
    state: RandomState,
    merged_calls: u64,
    busy_ns: u64,
    /// True if calls of one name are nested: see [`OpTable`].
    nested: bool,
    nested_ops: bool,
}

/// The groups of a site's calls, from 1.
#[derive(Clone, Default)]
struct OfSite {
    /// Groups of the calls without arguments: of plain ranges, and of async ranges.
    plain: [usize; 2],
    /// Group of the last call with shapes or a stack.
    latest: usize,
    /// `External id` of the last slice.
    last: u64,
}

/// A group with its stack as it was recorded.
#[derive(Clone)]
pub(super) struct Gathered {
    site: Option<&'static Site>,
    addresses: Box<[u64]>,
    pub(super) group: Group,
    /// Next group whose key has the same hash.
    same_hash: Option<usize>,
    /// Group of those calls that are `ProfilerStep`s.
    steps: Option<usize>,
}

/// The place where the sums of a slice are.
#[derive(Clone, Copy)]
pub(super) enum Account {
    /// Index of a group.
    Group(usize),
    /// Index of a step.
    Step(usize),
    /// Rank of a task.
    Life(u32),
}

/// A step.
pub(super) struct StepCall {
    pub(super) external_id: u64,
    /// Group that it counts in, unless it is a `ProfilerStep`.
    pub(super) place: usize,
    pub(super) sums: Sums,
}

/// A range in which work was given to the GPU.
pub(super) struct Launcher {
    pub(super) external_id: u64,
    /// `External id` of the range around it, 0 without one.
    pub(super) around_id: u64,
    pub(super) account: Account,
    /// True if it is a call that said how many FLOPs it takes.
    pub(super) has_flops: bool,
}

impl Launcher {
    fn new(slice: &Slice, account: Account) -> Self {
        let &Slice { external_id, around_id, task, .. } = slice;
        Self { external_id, around_id, account, has_flops: task.is_none() && slice.args().flops().is_some() }
    }
}

impl Gatherer {
    /// Creates a gatherer for so many tasks.
    pub(in crate::model) fn new(tasks: usize) -> Self {
        Self { places: vec![0; tasks], ..Self::default() }
    }

    /// Adds a slice of a thread; `launches` says whether it or a range inside it gave the GPU work.
    /// For a poll, `task` is its task's rank.
    #[inline]
    pub(in crate::model) fn slice(&mut self, slice: &Slice, launches: bool, task: Option<u32>) {
        let account = match (slice.task, task) {
            (Some(poll), Some(task)) => self.poll(poll, task, slice),
            _ if slice.site.kind() == Kind::Step => self.step(slice),
            _ => {
                let place = self.place(slice, false);
                self.gathered[place].group.sums.add_call(slice);
                Account::Group(place)
            }
        };
        if launches {
            self.launchers.push(Launcher::new(slice, account));
        }
        self.note_nesting(slice);
    }

    /// Notes a slice that contains another of its site: the inner one ended before, and its id,
    /// given at its begin, is larger.
    #[inline]
    fn note_nesting(&mut self, slice: &Slice) {
        let last = &mut slot(&mut self.sites, slice.site.number() as usize).last;
        if std::mem::replace(last, slice.external_id) > slice.external_id {
            let is_op = slice.site.kind() == Kind::Op;
            self.nested_ops |= is_op;
            self.nested |= !is_op;
        }
    }

    /// Adds the time in which a thread, of which every slice was shown, ran at least one range.
    pub(in crate::model) const fn busy(&mut self, ns: u64) {
        self.busy_ns += ns;
    }

    /// Adds a step, whose group is known when all steps are.
    fn step(&mut self, slice: &Slice) -> Account {
        let place = self.place(slice, false);
        let mut sums = Sums::default();
        sums.add_call(slice);
        self.steps.push(StepCall { external_id: slice.external_id, place, sums });
        Account::Step(self.steps.len() - 1)
    }

    /// Adds a poll: its times are its async range's, which may be polled on any thread.
    fn poll(&mut self, poll: Poll, task: u32, slice: &Slice) -> Account {
        let settles = poll.first || !slice.args().inputs.is_empty();
        let known = self.place_of(task);
        let place = match known {
            Some(place) if !settles => place,
            _ => {
                let place = self.place(slice, true);
                // CAST: groups are few.
                self.places[task as usize] = place as u32 + 1;
                place
            }
        };
        let is_step = slice.site.kind() == Kind::Step;
        let waits = is_step || !settles && (known.is_none() || self.lives.contains_key(&task));
        let before = if settles && !waits { self.lives.remove(&task) } else { None };
        let settled = &mut self.gathered[place].group.sums;
        if let Some(before) = before {
            settled.add(&before);
        }
        let (sums, account) = if waits {
            (self.lives.entry(task).or_default(), Account::Life(task))
        } else {
            (settled, Account::Group(place))
        };
        sums.polls += 1;
        sums.add_slice(slice);
        if let Some(flops) = slice.args().flops() {
            sums.add_flops(flops);
            // How long they took is not known: the async range waited, or went on elsewhere.
            sums.untimed_flops += 1;
        }
        account
    }

    /// Returns the group that the task of this rank counts in.
    pub(super) fn place_of(&self, task: u32) -> Option<usize> {
        Some(self.places.get(task as usize)?.checked_sub(1)? as usize)
    }

    #[inline]
    fn place(&mut self, slice: &Slice, is_async: bool) -> usize {
        let args = slice.args();
        if args.inputs.is_empty() && args.stack.is_empty() {
            self.plain(slice.site, is_async)
        } else {
            self.described(slice.site, is_async, args)
        }
    }

    /// Returns the group of a site's calls that have no arguments.
    #[inline]
    fn plain(&mut self, site: &'static Site, is_async: bool) -> usize {
        let number = site.number() as usize;
        match slot(&mut self.sites, number).plain[usize::from(is_async)] {
            0 => self.add_plain(number, site, is_async),
            place => place - 1,
        }
    }

    #[cold]
    fn add_plain(&mut self, number: usize, site: &'static Site, is_async: bool) -> usize {
        let place = self.add(Some(site), is_async, &CallArgs::default());
        self.sites[number].plain[usize::from(is_async)] = place + 1;
        place
    }

    fn described(&mut self, site: &'static Site, is_async: bool, args: &CallArgs) -> usize {
        let number = site.number() as usize;
        match slot(&mut self.sites, number).latest.checked_sub(1) {
            Some(place) if self.gathered[place].is(site, is_async, args) => place,
            _ => self.find(number, site, is_async, args),
        }
    }

    #[inline(never)]
    fn find(&mut self, number: usize, site: &'static Site, is_async: bool, args: &CallArgs) -> usize {
        let hash = self.hash(site, is_async, args);
        let first = self.described.get(&hash).copied();
        let next = |place: &usize| self.gathered[*place].same_hash;
        let known = std::iter::successors(first, next).find(|place| self.gathered[*place].is(site, is_async, args));
        let place = match known {
            Some(place) => place,
            None if self.described.len() >= MAX_GROUPS => {
                self.merged_calls += 1;
                return self.plain(site, is_async);
            }
            None => {
                let place = self.add(Some(site), is_async, args);
                self.gathered[place].same_hash = first;
                self.described.insert(hash, place);
                place
            }
        };
        self.sites[number].latest = place + 1;
        place
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

    /// Returns the group of those calls of a group that are iterations of the driving loop.
    pub(super) fn steps_of(&mut self, place: usize) -> usize {
        if let Some(steps) = self.gathered[place].steps {
            return steps;
        }
        let mut of_steps = Gathered { same_hash: None, ..self.gathered[place].clone() };
        (of_steps.group.name, of_steps.group.sums) = (STEPS.into(), Sums::default());
        self.gathered.push(of_steps);
        let steps = self.gathered.len() - 1;
        self.gathered[place].steps = Some(steps);
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
        self.gathered.push(Gathered { site, addresses, group, same_hash: None, steps: None });
        self.gathered.len() - 1
    }

    /// Returns the table, and looks up each stack once.
    pub(super) fn finish(self, symbols: &Symbols) -> OpTable {
        let mut table = OpTable {
            merged_calls: self.merged_calls,
            nested: self.nested,
            nested_ops: self.nested_ops,
            busy_ns: self.busy_ns,
            ..OpTable::default()
        };
        let mut known: HashMap<String, u32> = HashMap::new();
        // Some groups have only steps, which are counted as such.
        for Gathered { addresses, mut group, .. } in self.gathered.into_iter().filter(|each| each.group.sums.count > 0)
        {
            let frames = symbols.frames(&addresses).map(|frame| {
                let text = frame.to_string();
                *known.entry(text).or_insert_with_key(|text| {
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

impl Gathered {
    fn is(&self, site: &'static Site, is_async: bool, args: &CallArgs) -> bool {
        self.site.is_some_and(|own| std::ptr::eq(own, site))
            && self.group.is_async == is_async
            && self.group.inputs.len() == args.inputs.len()
            && self.group.inputs.iter().zip(&args.inputs).all(|(dims, input)| **dims == *input.dims())
            && *self.addresses == *args.stack
    }
}

impl Sums {
    /// Adds a call, which is a slice.
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

/// A hasher that does nothing: the keys are hashes already.
#[derive(Clone, Copy, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
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
