//! The pass that fills an operator table: every slice to its group, with at most one hash and no allocation.
//!
//! A call that said nothing about itself finds its group by the number of its site; so does one with shapes or a stack
//! that are those of the site's last call, others by a hash of them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use crate::collect::stacks::symbols::Symbols;
use crate::model::Trace;
use crate::model::by_task::ByTask;
use crate::model::slice::{CallArgs, NetBytes, Poll, Slice};
use crate::model::tasks::Task;
use crate::record::{Kind, Site};

use super::launched::{Launched, Share};
use super::{Group, OpTable, Sums, by_cuda};

/// Groups with shapes or a stack of their own. A program whose shapes never repeat has more; their calls count under
/// their names alone.
const MAX_GROUPS: usize = 1 << 16;
/// The name under which all iterations of the driving loop are counted.
pub(super) const STEPS: &str = "ProfilerStep*";

/// Finds the group of each slice.
#[derive(Default)]
pub(in crate::model) struct Gatherer {
    gathered: Vec<Gathered>,
    /// Group of the calls that said nothing, from 1, by number of site and [`Flavour`].
    plain: Vec<[usize; 4]>,
    /// Groups that async ranges count in, by their tasks' numbers: that of the first poll, whose call stack is where it began
    /// to run.
    places: ByTask,
    /// Sums over the polls of those whose first poll was not read yet.
    unsettled: HashMap<u64, Sums>,
    /// Tasks that are `ProfilerStep`s.
    step_tasks: HashSet<u64>,
    described: HashMap<u64, usize, BuildHasherDefault<AsItIs>>,
    /// By number of site: the group of the last call with shapes or a stack, from 1.
    latest: Vec<usize>,
    state: RandomState,
    merged_calls: u64,
    launched: Launched,
    bare_steps: BareSteps,
    busy_ns: u64,
}

/// The iterations between bare `step()` calls, which follow each other.
#[derive(Default)]
struct BareSteps {
    begin: u64,
    end: u64,
    /// Time of the threads' outermost slices meanwhile.
    busy_ns: u64,
}

/// A group with its stack as it was recorded.
struct Gathered {
    site: Option<&'static Site>,
    flavour: Flavour,
    addresses: Box<[u64]>,
    group: Group,
    /// The next group whose key has the same hash.
    same_hash: Option<usize>,
}

/// Difference between calls of one site, whatever they said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Flavour {
    /// It is a `ProfilerStep`.
    is_step: bool,
    is_async: bool,
}

impl Gatherer {
    /// Of this trace, and empty: linear in what it is shown, it allocates per group.
    pub(in crate::model) fn of(trace: &Trace) -> Self {
        let launched = trace.gpu.as_ref().map(|gpu| Launched::new(gpu, by_cuda(trace))).unwrap_or_default();
        let step_tasks = trace.tasks.iter().filter(|task| task.profiler_step().is_some()).map(|task| task.number);
        let bare = trace.loops.iter().find(|each| each.site.is_none()).map_or(&[][..], |each| &each.steps);
        let (begin, end) = (bare.first().map_or(0, |step| step.begin), bare.last().map_or(0, |step| step.end));
        let bare_steps = BareSteps { begin, end, busy_ns: 0 };
        Self { launched, step_tasks: step_tasks.collect(), bare_steps, ..Self::default() }
    }

    /// One slice of a thread.
    #[inline]
    pub(in crate::model) fn slice(&mut self, slice: &Slice, is_step: bool) {
        if slice.around_id == 0 {
            self.bare_steps.add(slice);
        }
        if let Some(poll) = slice.task {
            return self.poll(poll, slice);
        }
        let (own, total) = self.launched.end(slice);
        let place = self.place(slice, Flavour { is_step, is_async: false });
        let sums = &mut self.gathered[place].group.sums;
        sums.count += 1;
        sums.add_slice(slice, own, total);
        if let Some(flops) = slice.args().flops {
            sums.add_flops(flops);
            sums.flops_ns += slice.busy_ns();
            sums.flops_on_gpu += u64::from(total.ns > 0);
            sums.flops_gpu_ns += total.ns;
        }
    }

    /// Adds the time in which a thread, of which every slice was shown, ran at least one range.
    pub(in crate::model) const fn busy(&mut self, ns: u64) {
        self.busy_ns += ns;
    }

    /// Adds a poll: its times are its async range's, which may be polled on any thread.
    fn poll(&mut self, poll: Poll, slice: &Slice) {
        let (own, total) = self.launched.end(slice);
        let settles = poll.first || !slice.args().inputs.is_empty();
        let known = self.places.get(poll.task).map(|place| place as usize);
        let place = match known {
            Some(place) if !settles => place,
            _ => self.place(slice, Flavour { is_step: self.step_tasks.contains(&poll.task), is_async: true }),
        };
        // CAST: groups are few.
        self.places.set(poll.task, place as u32);
        let settled = &mut self.gathered[place].group.sums;
        if settles && let Some(before) = self.unsettled.remove(&poll.task) {
            settled.add(&before);
        }
        let waits = !settles && (known.is_none() || self.unsettled.contains_key(&poll.task));
        let sums = if waits { self.unsettled.entry(poll.task).or_default() } else { settled };
        sums.polls += 1;
        sums.add_slice(slice, own, total);
        if let Some(flops) = slice.args().flops {
            sums.add_flops(flops);
            // How long they took is not known: it waited, or went on elsewhere.
            sums.untimed_flops += 1;
        }
    }

    /// Adds the life of an async range: one call, with what its polls came to.
    pub(super) fn life(&mut self, task: &Task) {
        let Some(place) = self.places.get(task.number).map(|place| place as usize) else { return };
        let mut sums = self.unsettled.remove(&task.number).unwrap_or_default();
        sums.count = 1;
        sums.wall_ns = task.duration();
        self.gathered[place].group.sums.add(&sums);
    }

    /// Adds the iterations between bare `step()` calls, all together: how long they took, and GPU time of what was launched
    /// meanwhile. What ran meanwhile on any thread is their CPU time, and none of their own.
    pub(super) fn bare_steps(&mut self, name: &'static str, count: u64, (wall_ns, gpu_total_ns): (u64, u64)) {
        let place = self.add(None, Flavour { is_step: true, is_async: false }, &CallArgs::default());
        let group = &mut self.gathered[place].group;
        group.name = name.into();
        group.sums = Sums { count, total_ns: self.bare_steps.busy_ns, wall_ns, gpu_total_ns, ..Sums::default() };
    }

    #[inline]
    fn place(&mut self, slice: &Slice, flavour: Flavour) -> usize {
        let args = slice.args();
        if args.inputs.is_empty() && args.stack.is_empty() {
            self.plain(slice.site, flavour)
        } else {
            self.described(slice.site, flavour, args)
        }
    }

    /// The group of a site's calls that said nothing about themselves.
    #[inline]
    fn plain(&mut self, site: &'static Site, flavour: Flavour) -> usize {
        let number = site.number() as usize;
        match self.plain.get(number).map(|places| places[flavour.index()]) {
            None | Some(0) => self.add_plain(number, site, flavour),
            Some(place) => place - 1,
        }
    }

    #[cold]
    fn add_plain(&mut self, number: usize, site: &'static Site, flavour: Flavour) -> usize {
        if self.plain.len() <= number {
            self.plain.resize(number + 1, [0; 4]);
        }
        let place = self.add(Some(site), flavour, &CallArgs::default());
        self.plain[number][flavour.index()] = place + 1;
        place
    }

    fn described(&mut self, site: &'static Site, flavour: Flavour, args: &CallArgs) -> usize {
        let number = site.number() as usize;
        let latest = self.latest.get(number).and_then(|place| place.checked_sub(1));
        match latest {
            Some(place) if self.gathered[place].is(site, flavour, args) => place,
            _ => self.find(number, site, flavour, args),
        }
    }

    #[inline(never)]
    fn find(&mut self, number: usize, site: &'static Site, flavour: Flavour, args: &CallArgs) -> usize {
        let hash = self.hash(site, flavour, args);
        let first = self.described.get(&hash).copied();
        let next = |place: &usize| self.gathered[*place].same_hash;
        let known = std::iter::successors(first, next).find(|place| self.gathered[*place].is(site, flavour, args));
        let place = match known {
            Some(place) => place,
            None if self.described.len() >= MAX_GROUPS => {
                self.merged_calls += 1;
                return self.plain(site, flavour);
            }
            None => {
                let place = self.add(Some(site), flavour, args);
                self.gathered[place].same_hash = first;
                self.described.insert(hash, place);
                place
            }
        };
        if self.latest.len() <= number {
            self.latest.resize(number + 1, 0);
        }
        self.latest[number] = place + 1;
        place
    }

    fn hash(&self, site: &'static Site, flavour: Flavour, args: &CallArgs) -> u64 {
        let mut hasher = self.state.build_hasher();
        (address(site), flavour, args.inputs.len()).hash(&mut hasher);
        for input in &args.inputs {
            input.dims().hash(&mut hasher);
        }
        args.stack.hash(&mut hasher);
        hasher.finish()
    }

    fn add(&mut self, site: Option<&'static Site>, flavour: Flavour, args: &CallArgs) -> usize {
        let group = Group {
            name: if flavour.is_step { STEPS } else { site.map_or("", Site::name) }.into(),
            kind: Some(site.map_or(Kind::Step, Site::kind)),
            is_async: flavour.is_async,
            inputs: args.inputs.iter().map(|input| input.dims().into()).collect(),
            stack: Box::default(),
            sums: Sums::default(),
        };
        let addresses = args.stack.as_slice().into();
        self.gathered.push(Gathered { site, flavour, addresses, group, same_hash: None });
        self.gathered.len() - 1
    }

    /// Looks the stacks up, each once.
    pub(super) fn finish(self, symbols: &Symbols) -> OpTable {
        let mut table = OpTable { merged_calls: self.merged_calls, busy_ns: self.busy_ns, ..OpTable::default() };
        let mut known: HashMap<String, u32> = HashMap::new();
        for Gathered { addresses, mut group, .. } in self.gathered {
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

impl BareSteps {
    fn add(&mut self, slice: &Slice) {
        self.busy_ns += slice.end.min(self.end).saturating_sub(slice.begin.max(self.begin));
    }
}

impl Flavour {
    fn index(self) -> usize {
        usize::from(self.is_step) | usize::from(self.is_async) << 1
    }
}

impl Gathered {
    fn is(&self, site: &'static Site, flavour: Flavour, args: &CallArgs) -> bool {
        self.site.is_some_and(|own| std::ptr::eq(own, site))
            && self.flavour == flavour
            && self.group.inputs.len() == args.inputs.len()
            && self.group.inputs.iter().zip(&args.inputs).all(|(dims, input)| **dims == *input.dims())
            && *self.addresses == *args.stack
    }
}

impl Sums {
    #[inline]
    fn add_slice(&mut self, slice: &Slice, own: Share, total: Share) {
        self.self_ns += slice.self_ns();
        self.total_ns += slice.busy_ns();
        self.add_thread_cpu(slice.cpu_ns);
        self.cpu_memory.add(slice.cpu_memory);
        self.device_memory.add(slice.device_memory);
        self.device_memory.add(NetBytes { own: own.bytes, total: total.bytes });
        self.gpu_self_ns += own.ns;
        self.gpu_total_ns += total.ns;
    }

    fn add_flops(&mut self, flops: u64) {
        self.flops = self.flops.saturating_add(flops);
        self.calls_with_flops += 1;
    }
}

fn address(site: &'static Site) -> usize {
    std::ptr::from_ref(site).addr()
}

/// The keys are hashes already.
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
