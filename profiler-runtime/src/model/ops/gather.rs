//! The pass that fills an operator table: every slice to its group, with at most one hash and no allocation.
//!
//! A call that said nothing about itself finds its group by the number of its site; so does one with shapes or a stack
//! that are those of the site's last call, others by a hash of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use crate::collect::stacks::symbols::Symbols;
use crate::model::Trace;
use crate::model::slice::{CallArgs, NetBytes, Slice};
use crate::model::tasks::Task;
use crate::record::{Kind, Site};

use super::launched::Launched;
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
    /// By number of site, ordinary calls and `ProfilerStep`s: the group of calls that said nothing, from 1.
    plain: Vec<[usize; 2]>,
    lives: HashMap<(usize, bool), usize>,
    described: HashMap<u64, usize, BuildHasherDefault<AsItIs>>,
    /// By number of site: the group of the last call with shapes or a stack, from 1.
    latest: Vec<usize>,
    state: RandomState,
    merged_calls: u64,
    launched: Launched,
}

/// A group with its stack as it was recorded.
struct Gathered {
    site: Option<&'static Site>,
    is_step: bool,
    addresses: Box<[u64]>,
    group: Group,
    /// The next group whose key has the same hash.
    same_hash: Option<usize>,
}

impl Gatherer {
    /// Of this trace, and empty: linear in what it is shown, it allocates per group.
    pub(in crate::model) fn of(trace: &Trace) -> Self {
        let launched = trace.gpu.as_ref().map(|gpu| Launched::new(gpu, by_cuda(trace))).unwrap_or_default();
        Self { launched, ..Self::default() }
    }

    /// One slice of a thread.
    #[inline]
    pub(in crate::model) fn slice(&mut self, slice: &Slice, is_step: bool) {
        let args = slice.args();
        let (own, total) = self.launched.end(slice);
        let place = if args.inputs.is_empty() && args.stack.is_empty() {
            self.plain(slice.site, is_step)
        } else {
            self.described(slice.site, is_step, args)
        };
        let sums = &mut self.gathered[place].group.sums;
        sums.count += 1;
        sums.self_ns += slice.self_ns();
        sums.total_ns += slice.duration();
        sums.cpu_memory.add(slice.cpu_memory);
        sums.device_memory.add(slice.device_memory);
        sums.device_memory.add(NetBytes { own: own.bytes, total: total.bytes });
        sums.gpu_self_ns += own.ns;
        sums.gpu_total_ns += total.ns;
        sums.later_polls += u64::from(slice.task.is_some_and(|poll| !poll.first));
        if let Some(flops) = args.flops {
            sums.flops = sums.flops.saturating_add(flops);
            sums.calls_with_flops += 1;
            if slice.task.is_some() {
                sums.untimed_flops += 1;
            } else {
                sums.flops_ns += slice.duration();
                sums.flops_on_gpu += u64::from(total.ns > 0);
                sums.flops_gpu_ns += total.ns;
            }
        }
    }

    /// The life of an async range, on a row of its own. Its polls have allocated and launched what it has allocated and
    /// launched: none of it is the life's own.
    pub(super) fn life(&mut self, task: &Task) {
        let is_step = task.profiler_step.is_some();
        let place = match self.lives.get(&(address(task.site), is_step)) {
            Some(&place) => place,
            None => {
                let place = self.add(Some(task.site), is_step, &CallArgs::default(), true);
                self.lives.insert((address(task.site), is_step), place);
                place
            }
        };
        let sums = &mut self.gathered[place].group.sums;
        let duration = task.end - task.begin;
        (sums.count, sums.self_ns, sums.total_ns) = (sums.count + 1, sums.self_ns + duration, sums.total_ns + duration);
        sums.cpu_memory.add(NetBytes { own: 0, total: task.cpu_memory.total });
        sums.device_memory.add(NetBytes { own: 0, total: task.device_memory.total });
        sums.gpu_total_ns += self.launched.of_task(task.number);
    }

    /// The iterations between bare `step()` calls, all together: their time, and that of what was launched meanwhile.
    pub(super) fn bare_steps(&mut self, name: &'static str, count: u64, (ns, gpu_total_ns): (u64, u64)) {
        let place = self.add(None, true, &CallArgs::default(), false);
        let group = &mut self.gathered[place].group;
        group.name = name.into();
        group.sums = Sums { count, self_ns: ns, total_ns: ns, gpu_total_ns, ..Sums::default() };
    }

    /// The group of a site's calls that said nothing about themselves.
    #[inline]
    fn plain(&mut self, site: &'static Site, is_step: bool) -> usize {
        let number = site.number() as usize;
        match self.plain.get(number).map(|places| places[usize::from(is_step)]) {
            None | Some(0) => self.add_plain(number, site, is_step),
            Some(place) => place - 1,
        }
    }

    #[cold]
    fn add_plain(&mut self, number: usize, site: &'static Site, is_step: bool) -> usize {
        if self.plain.len() <= number {
            self.plain.resize(number + 1, [0; 2]);
        }
        let place = self.add(Some(site), is_step, &CallArgs::default(), false);
        self.plain[number][usize::from(is_step)] = place + 1;
        place
    }

    fn described(&mut self, site: &'static Site, is_step: bool, args: &CallArgs) -> usize {
        let number = site.number() as usize;
        let latest = self.latest.get(number).and_then(|place| place.checked_sub(1));
        match latest {
            Some(place) if self.gathered[place].is(site, is_step, args) => place,
            _ => self.find(number, site, is_step, args),
        }
    }

    #[inline(never)]
    fn find(&mut self, number: usize, site: &'static Site, is_step: bool, args: &CallArgs) -> usize {
        let hash = self.hash(site, is_step, args);
        let first = self.described.get(&hash).copied();
        let next = |place: &usize| self.gathered[*place].same_hash;
        let known = std::iter::successors(first, next).find(|place| self.gathered[*place].is(site, is_step, args));
        let place = match known {
            Some(place) => place,
            None if self.described.len() >= MAX_GROUPS => {
                self.merged_calls += 1;
                return self.plain(site, is_step);
            }
            None => {
                let place = self.add(Some(site), is_step, args, false);
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

    fn hash(&self, site: &'static Site, is_step: bool, args: &CallArgs) -> u64 {
        let mut hasher = self.state.build_hasher();
        (address(site), is_step, args.inputs.len()).hash(&mut hasher);
        for input in &args.inputs {
            input.dims().hash(&mut hasher);
        }
        args.stack.hash(&mut hasher);
        hasher.finish()
    }

    fn add(&mut self, site: Option<&'static Site>, is_step: bool, args: &CallArgs, is_async: bool) -> usize {
        let group = Group {
            name: if is_step { STEPS } else { site.map_or("", Site::name) }.into(),
            is_op: site.is_some_and(|site| site.kind() == Kind::Op),
            is_async,
            is_cuda: false,
            inputs: args.inputs.iter().map(|input| input.dims().into()).collect(),
            stack: Box::default(),
            sums: Sums::default(),
        };
        let addresses = args.stack.as_slice().into();
        self.gathered.push(Gathered { site, is_step, addresses, group, same_hash: None });
        self.gathered.len() - 1
    }

    /// Looks the stacks up, each once.
    pub(super) fn finish(self, symbols: &Symbols) -> OpTable {
        let mut table = OpTable { merged_calls: self.merged_calls, ..OpTable::default() };
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

impl Gathered {
    fn is(&self, site: &'static Site, is_step: bool, args: &CallArgs) -> bool {
        self.site.is_some_and(|own| std::ptr::eq(own, site))
            && self.is_step == is_step
            && self.group.inputs.len() == args.inputs.len()
            && self.group.inputs.iter().zip(&args.inputs).all(|(dims, input)| **dims == *input.dims())
            && *self.addresses == *args.stack
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
