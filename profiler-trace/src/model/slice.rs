//! A slice: one range as it appears on a row of the trace.

use profiler_core::__private::{Integer, MAX_DIMS};
use profiler_core::shape::Dtype;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::entry::Entry;
use profiler_core::stream::key::Key;

use super::values::{NetBytes, NodeId, key};

/// One range of one thread, complete. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    /// The annotated place.
    pub(crate) site: &'static Site,
    /// Its begin.
    pub(crate) begin: u64,
    /// Its end; never before `begin`.
    pub(crate) end: u64,
    /// End; for a guard whose place another of any site took, as in `step = step!(…)`, the begin of
    /// that other guard.
    pub(super) until: u64,
    /// Row: 0 is the thread's own, others are for ranges that cross another, so that slices of one
    /// row nest or are disjoint.
    pub(crate) lane: u32,
    /// `External id`, unique in the trace, from 1.
    pub(crate) external_id: u64,
    /// Stage that the range is, or that encloses it. Known while the trace is built;
    /// [`StageTree::ROOT`](super::StageTree::ROOT) in a walk.
    pub(crate) node: NodeId,
    /// `External id` of the stage or step that it is, or that encloses it; 0 without one.
    pub(super) stage_id: u64,
    /// `External id` of the range that was innermost around it when it ended; 0 without one.
    pub(super) around_id: u64,
    /// Key of the request that it ran in, see [`key`]; 0 without one.
    pub(super) request: u64,
    /// Key of the stage or step directly around it at its end, see [`key`]; 0 without one.
    pub(super) stage_around: u64,
    /// Key of the request that this stage ran in; 0 without one.
    pub(super) stage_request: u64,
    /// Time of slices directly inside it: of their union, where they overlap.
    pub(crate) children_ns: u64,
    /// Time in which it was held over while its task waited: not time of its thread.
    pub(super) away_ns: u64,
    /// Time of stages and steps directly inside a stage or step, on its thread, that cross no
    /// other: disjoint. For the others see [`covers`](super::covers).
    pub(crate) stage_children_ns: u64,
    /// True if it outlived a range that it began in, or one that began in it.
    pub(super) crosses: bool,
    /// CPU time of the thread between its begin and its end, if that was measured.
    pub(crate) cpu_ns: Option<u64>,
    /// Memory of the host that was allocated on this thread while it was open.
    pub(crate) cpu_memory: NetBytes,
    /// Memory of all devices, in the same way.
    pub(crate) device_memory: NetBytes,
    /// True if it ended before recording did; if not, `end` is the end of the recording.
    pub(crate) finished: bool,
    /// True if it began before the part of the recording that is kept; then `begin` is where that
    /// part begins.
    pub(crate) clipped: bool,
    /// Task and poll that it is, if it is a poll.
    pub(crate) task: Option<Poll>,
    /// Arguments of the call: see [`Slice::args`].
    pub(super) call: Option<Box<CallArgs>>,
}

/// The task that a slice polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Poll {
    /// The task's number.
    pub(crate) task: u64,
    /// True if it is the task's first poll.
    pub(crate) first: bool,
}

/// The arguments of a call, by the kinds of their values; empty for most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallArgs {
    /// The inputs, in the order in which they were named.
    pub(crate) inputs: Vec<Tensor>,
    /// Numbers: each an entry with its key.
    numbers: Vec<Entry>,
    /// A request's id.
    pub(crate) text: String,
    /// Return addresses around the call, innermost first: for
    /// [`Symbols`](crate::records::frames::Symbols).
    pub(crate) stack: Vec<u64>,
}

/// Shape and type of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tensor {
    /// Element type.
    pub(crate) dtype: Dtype,
    count: u8,
    dims: [u64; MAX_DIMS],
    /// Dims whose strides are given, because they are not row-major.
    strided: u8,
    strides: [i64; MAX_DIMS],
}

static NO_ARGS: CallArgs = CallArgs { inputs: Vec::new(), numbers: Vec::new(), text: String::new(), stack: Vec::new() };

impl Slice {
    /// Returns the slice's duration.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    /// Returns the time in which its thread ran it: a guard held over `.await` does not run while
    /// its task waits.
    #[inline]
    pub(crate) const fn busy_ns(&self) -> u64 {
        self.duration().saturating_sub(self.away_ns)
    }

    /// Returns [`busy_ns`](Self::busy_ns) of a guard that was held while its task waited; `None`
    /// for other slices.
    #[inline]
    pub(crate) fn busy_if_held_ns(&self) -> Option<u64> {
        (self.away_ns > 0).then(|| self.busy_ns())
    }

    /// Returns the time not spent in slices directly inside it.
    pub(crate) const fn self_ns(&self) -> u64 {
        self.busy_ns().saturating_sub(self.children_ns)
    }

    /// Returns whether it is a stage or a step.
    #[inline]
    pub(crate) fn is_stage(&self) -> bool {
        self.site.is_stage()
    }

    /// Returns the key by which ranges inside it refer to it.
    #[inline]
    pub(super) fn key(&self) -> u64 {
        key(self.external_id, self.task.map(|poll| poll.task))
    }

    /// Returns the key of the request that it is, or that it ran in.
    pub(super) fn request_key(&self) -> Option<u64> {
        match self.site.kind() {
            Kind::Request => Some(self.key()),
            _ => (self.request != 0).then_some(self.request),
        }
    }

    /// Returns the arguments of the call.
    pub(crate) fn args(&self) -> &CallArgs {
        self.call.as_deref().unwrap_or(&NO_ARGS)
    }

    /// Returns the names and values of the call's numbers, in order of their keys.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&'static str, Integer)> {
        named(self.site, &self.args().numbers)
    }
}

impl CallArgs {
    /// Returns whether the call gave no arguments.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let Self { inputs, numbers, text, stack } = self;
        inputs.is_empty() && numbers.is_empty() && text.is_empty() && stack.is_empty()
    }

    /// Empties it, keeping its memory.
    pub(super) fn clear(&mut self) {
        self.inputs.clear();
        self.numbers.clear();
        self.text.clear();
        self.stack.clear();
    }
}

impl CallArgs {
    /// Sets a number.
    pub(super) fn set_number(&mut self, number: Entry) {
        match self.numbers.binary_search_by_key(&number.key(), |known| known.key()) {
            Ok(at) => self.numbers[at] = number,
            Err(at) => self.numbers.insert(at, number),
        }
    }

    /// Returns the numbers that the life of a future has, too: FLOPs are counted for its first poll
    /// alone.
    pub(super) fn of_life(&self) -> impl Iterator<Item = &Entry> {
        self.numbers.iter().filter(|number| number.key() != Key::FLOPS)
    }

    /// Returns the floating point operations.
    pub(crate) fn flops(&self) -> Option<u64> {
        value(&self.numbers, Key::FLOPS)
    }

    /// Returns the user's own index of a step.
    pub(crate) fn index(&self) -> Option<u64> {
        value(&self.numbers, Key::INDEX)
    }
}

/// Returns the number that has this key.
pub(super) fn value(numbers: &[Entry], key: Key) -> Option<u64> {
    numbers.iter().find(|number| number.key() == key).map(|number| number.value())
}

/// Returns names and values of numbers of `site`. A number whose name a damaged spool has lost is
/// left out.
pub(super) fn named(site: &'static Site, numbers: &[Entry]) -> impl Iterator<Item = (&'static str, Integer)> {
    numbers.iter().filter_map(|number| Some((site.argument_name(number.key())?, number.number())))
}

impl Tensor {
    pub(crate) const fn new(dtype: Dtype) -> Self {
        Self { dtype, count: 0, dims: [0; MAX_DIMS], strided: 0, strides: [0; MAX_DIMS] }
    }

    pub(crate) fn push(&mut self, dim: u64) {
        if let Some(place) = self.dims.get_mut(usize::from(self.count)) {
            *place = dim;
            self.count += 1;
        }
    }

    pub(super) fn push_stride(&mut self, stride: i64) {
        if let Some(place) = self.strides.get_mut(usize::from(self.strided)) {
            *place = stride;
            self.strided += 1;
        }
    }

    /// Returns the dims, outermost first.
    pub(crate) fn dims(&self) -> &[u64] {
        &self.dims[..usize::from(self.count)]
    }

    /// Returns the strides in elements, one for each dim.
    pub(crate) fn strides(&self) -> [i64; MAX_DIMS] {
        if self.strided > 0 {
            return self.strides;
        }
        let mut strides = [0; MAX_DIMS];
        let mut next = 1_i64;
        for (stride, &dim) in strides.iter_mut().zip(self.dims()).rev() {
            // The array is longer than the dims: `zip` does not reach its rest.
            *stride = next;
            next = next.saturating_mul(i64::try_from(dim).unwrap_or(i64::MAX));
        }
        strides
    }
}
