//! Small values shared by slices, tasks and stage trees: node ids, keys, sums, columns.

/// Index of a node; [`StageTree::ROOT`](super::StageTree::ROOT) encloses all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

/// Bytes allocated minus bytes freed; negative if more was freed than allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NetBytes {
    /// Change caused by the range itself.
    pub(crate) own: i64,
    /// Change caused by the range and the ranges inside it.
    pub(crate) total: i64,
}

impl NetBytes {
    /// Adds an allocation of the range itself; a negative `bytes` is a release.
    pub(super) const fn change(&mut self, bytes: i64) {
        self.own = self.own.saturating_add(bytes);
        self.total = self.total.saturating_add(bytes);
    }

    /// Adds both sums of another range.
    pub(super) const fn add(&mut self, other: Self) {
        self.own = self.own.saturating_add(other.own);
        self.total = self.total.saturating_add(other.total);
    }
}

/// GPU time of a stage or of the whole session. Ops are added in order of their begins; a source
/// without ops adds its timed ranges instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GpuTimes {
    /// Number of kernels, copies and fills.
    pub(crate) ops: u64,
    /// Time in which at least one op ran; overlapping ops count once.
    pub(crate) busy_ns: u64,
    pub(super) first: u64,
    pub(super) until: u64,
}

impl GpuTimes {
    /// Returns the time from the start of the first op to the end of the last.
    pub(crate) const fn span_ns(&self) -> u64 {
        self.until - self.first
    }

    /// Adds an op that begins no earlier than the ops before it.
    pub(super) fn add(&mut self, begin: u64, end: u64) {
        if self.ops == 0 {
            (self.first, self.until) = (begin, begin);
        }
        self.ops += 1;
        self.busy_ns += end.saturating_sub(begin.max(self.until));
        self.until = self.until.max(end);
    }
}

/// Bit that marks the key of a task.
const TASK: u64 = 1 << 63;

/// Returns the key of a range. It is the `External id` of the range; for a future, whose polls are
/// separate ranges, it is the task's number with a marker bit.
pub(super) const fn key(external_id: u64, task: Option<u64>) -> u64 {
    match task {
        Some(task) => task | TASK,
        None => external_id,
    }
}

/// Returns the number of the task that a key refers to.
pub(super) const fn task_of(key: u64) -> Option<u64> {
    if key & TASK == 0 { None } else { Some(key & !TASK) }
}

/// A key in 40 bits, which is enough for more ranges than fit on any disk: the `External id` of a
/// range, or a task's rank with a marker bit.
#[derive(Clone, Copy)]
pub(super) struct Short([u8; 5]);

/// Bit that marks the short form of a task's key.
const SHORT_TASK: u64 = 1 << 39;

impl Short {
    /// Short form of no key.
    pub(super) const NONE: Self = Self([0; 5]);

    pub(super) fn new(number: u64) -> Self {
        let [a, b, c, d, e, ..] = number.to_le_bytes();
        Self([a, b, c, d, e])
    }

    pub(super) fn of_task(rank: u32) -> Self {
        Self::new(SHORT_TASK | u64::from(rank))
    }

    pub(super) fn get(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }

    /// Returns the rank of the task that it refers to.
    pub(super) fn task(self) -> Option<u32> {
        // CAST: the rank that was stored there.
        (self.get() & SHORT_TASK != 0).then(|| (self.get() & !SHORT_TASK) as u32)
    }
}

/// Returns the short form of a key; `rank` maps a task number to its rank.
pub(super) fn short(key: u64, rank: impl FnOnce(u64) -> Option<u32>) -> Short {
    match task_of(key) {
        Some(task) => rank(task).map_or(Short::NONE, Short::of_task),
        None => Short::new(key),
    }
}

/// Returns the element at index `number`, after growing the column to hold it.
#[inline]
pub(super) fn slot<T: Clone + Default>(column: &mut Vec<T>, number: usize) -> &mut T {
    if column.len() <= number {
        column.resize(number + 1, T::default());
    }
    &mut column[number]
}
