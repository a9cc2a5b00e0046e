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
    /// Site of the range.
    pub(crate) site: &'static Site,
    /// Begin of the range.
    pub(crate) begin: u64,
    /// End of the range; never before `begin`.
    pub(crate) end: u64,
    /// End of the range. For a guard that another guard replaced, as in `step = step!(…)`, the
    /// begin of that other guard.
    pub(super) until: u64,
    /// Row: 0 is the thread's own row; the others hold ranges that cross another, so that the
    /// slices of one row nest or are disjoint.
    pub(crate) lane: u32,
    /// `External id`, unique in the trace, starting at 1.
    pub(crate) external_id: u64,
    /// Stage that is the range or encloses it. Set only while the trace is built; in a walk it is
    /// [`StageTree::ROOT`](super::StageTree::ROOT).
    pub(crate) node: NodeId,
    /// `External id` of the stage or step that is the range or encloses it; 0 if there is none.
    pub(super) stage_id: u64,
    /// `External id` of the innermost range around it at its end; 0 if there is none.
    pub(super) around_id: u64,
    /// [`key`] of the request that it ran in; 0 if there is none.
    pub(super) request: u64,
    /// [`key`] of the stage or step directly around it at its end; 0 if there is none.
    pub(super) stage_around: u64,
    /// Key of the request that the enclosing stage ran in; 0 if there is none.
    pub(super) stage_request: u64,
    /// Time of the slices directly inside it; the length of their union where they overlap.
    pub(crate) children_ns: u64,
    /// Time in which its task waited while it was held: not time of its thread.
    pub(super) away_ns: u64,
    /// Time of the stages and steps directly inside a stage or step, on its thread, that cross no
    /// other and are thus disjoint. For the others see [`covers`](super::covers).
    pub(crate) stage_children_ns: u64,
    /// True if it outlived a range that it began in, or a range that began in it outlived it.
    pub(super) crosses: bool,
    /// CPU time of the thread between its begin and its end, if measured.
    pub(crate) cpu_ns: Option<u64>,
    /// Change of host memory by this thread while it was open.
    pub(crate) cpu_memory: NetBytes,
    /// Change of all devices' memory by this thread while it was open.
    pub(crate) device_memory: NetBytes,
    /// True if it ended before the recording did; otherwise `end` is the end of the recording.
    pub(crate) finished: bool,
    /// True if it began before the kept part of the recording; then `begin` is the start of that
    /// part.
    pub(crate) clipped: bool,
    /// Task that the slice polled, if it is a poll.
    pub(crate) task: Option<Poll>,
    /// Arguments of the call; see [`Slice::args`].
    pub(super) call: Option<Box<CallArgs>>,
}

/// Poll of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Poll {
    /// Number of the task.
    pub(crate) task: u64,
    /// True if it is the task's first poll.
    pub(crate) first: bool,
}

/// Arguments of a call by kind of value; empty for most calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallArgs {
    /// Inputs, in the order in which they were named.
    pub(crate) inputs: Vec<Tensor>,
    /// Numbers, each as an entry with its key.
    numbers: Vec<Entry>,
    /// Id of a request.
    pub(crate) text: String,
    /// Return addresses around the call, innermost first, for
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
    /// Number of strides that are given, because they are not row-major.
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

    /// Returns the key that ranges inside it use to refer to it.
    #[inline]
    pub(super) fn key(&self) -> u64 {
        key(self.external_id, self.task.map(|poll| poll.task))
    }

    /// Returns the key of the request that it is or ran in.
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
    /// Returns whether the call had no arguments.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let Self { inputs, numbers, text, stack } = self;
        inputs.is_empty() && numbers.is_empty() && text.is_empty() && stack.is_empty()
    }

    /// Clears all arguments, keeping their memory.
    pub(super) fn clear(&mut self) {
        self.inputs.clear();
        self.numbers.clear();
        self.text.clear();
        self.stack.clear();
    }
}

impl CallArgs {
    /// Sets the number of one key, replacing an earlier one.
    pub(super) fn set_number(&mut self, number: Entry) {
        match self.numbers.binary_search_by_key(&number.key(), |other| other.key()) {
            Ok(at) => self.numbers[at] = number,
            Err(at) => self.numbers.insert(at, number),
        }
    }

    /// Returns the numbers that also belong to the life of a future. FLOPs do not: they are counted
    /// for its first poll.
    pub(super) fn life_numbers(&self) -> impl Iterator<Item = &Entry> {
        self.numbers.iter().filter(|number| number.key() != Key::FLOPS)
    }

    /// Returns the floating point operations.
    pub(crate) fn flops(&self) -> Option<u64> {
        value(&self.numbers, Key::FLOPS)
    }

    /// Returns the user's index of a step.
    pub(crate) fn index(&self) -> Option<u64> {
        value(&self.numbers, Key::INDEX)
    }
}

/// Returns the number with this key.
pub(super) fn value(numbers: &[Entry], key: Key) -> Option<u64> {
    numbers.iter().find(|number| number.key() == key).map(|number| number.value())
}

/// Returns the names and values of a site's numbers. Leaves out a number whose name is missing,
/// which a damaged spool can cause.
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
            // The array is longer than the dims; `zip` stops at the last dim.
            *stride = next;
            next = next.saturating_mul(i64::try_from(dim).unwrap_or(i64::MAX));
        }
        strides
    }
}
