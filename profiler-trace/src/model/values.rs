//! Small values that slices, tasks and the trees of stages have in common: node ids, keys, sums,
//! columns.

/// The index of a node; [`StageTree::ROOT`](super::StageTree::ROOT) encloses everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

/// Bytes allocated minus bytes freed; negative if more was freed than allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NetBytes {
    /// Bytes of the range itself.
    pub(crate) own: i64,
    /// Bytes of the range and of the ranges inside it.
    pub(crate) total: i64,
}

impl NetBytes {
    /// Adds an allocation of the range itself, or a release if `bytes` is negative.
    pub(super) const fn change(&mut self, bytes: i64) {
        self.own = self.own.saturating_add(bytes);
        self.total = self.total.saturating_add(bytes);
    }

    /// Adds both sums.
    pub(super) const fn add(&mut self, other: Self) {
        self.own = self.own.saturating_add(other.own);
        self.total = self.total.saturating_add(other.total);
    }
}

/// The GPU time of a stage, or of everything. Ops are added in order of begin; ranges, if the
/// source knows no ops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GpuTimes {
    /// Kernels, copies and fills.
    pub(crate) ops: u64,
    /// Time in which at least one ran: overlapping ops count once.
    pub(crate) busy_ns: u64,
    pub(super) first: u64,
    pub(super) until: u64,
}

impl GpuTimes {
    /// Returns the time from the begin of the first op to the end of the last.
    pub(crate) const fn span_ns(&self) -> u64 {
        self.until - self.first
    }

    /// Adds an op that begins no earlier than those before it.
    pub(super) fn add(&mut self, begin: u64, end: u64) {
        if self.ops == 0 {
            (self.first, self.until) = (begin, begin);
        }
        self.ops += 1;
        self.busy_ns += end.saturating_sub(begin.max(self.until));
        self.until = self.until.max(end);
    }
}

/// Bit that marks the key of a future's request.
const TASK: u64 = 1 << 63;

/// Returns the key of a request: the `External id` of its range; for a future, whose polls are many
/// ranges, its task's number with a mark.
pub(super) const fn key(external_id: u64, task: Option<u64>) -> u64 {
    match task {
        Some(task) => task | TASK,
        None => external_id,
    }
}

/// Returns the task that a key names.
pub(super) const fn task_of(key: u64) -> Option<u64> {
    if key & TASK == 0 { None } else { Some(key & !TASK) }
}

/// Returns the entry of a number in a column that grows with the numbers.
#[inline]
pub(super) fn slot<T: Clone + Default>(column: &mut Vec<T>, number: usize) -> &mut T {
    if column.len() <= number {
        column.resize(number + 1, T::default());
    }
    &mut column[number]
}
