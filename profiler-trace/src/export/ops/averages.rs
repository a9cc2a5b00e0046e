//! The operator table as a library function: rows in the order that the caller wants, and their
//! text.
//!
//! The same rows are `ops_rank*.xlsx`, `profiler_out_*.txt` and what [`Manifest::key_averages`]
//! returns.

use std::cmp::Ordering;
use std::time::Duration;

use crate::export::Manifest;
use crate::model::{ExportOptions, GpuKnowledge, GroupBy, KeyAverage, OpTable, Trace};

/// Rows of a sheet of the workbook below its header, the first by self time: each takes about 4 kB
/// until the workbook is written.
pub(in crate::export) const MAX_ROWS: usize = 20_000;

/// Rows that the text shows, as in PyTorch.
const DEFAULT_LIMIT: usize = 100;

/// The value by which the rows of an operator table are sorted, the largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SortBy {
    /// Time in nothing else that was recorded.
    #[default]
    SelfCpuTime,
    /// Time from begin to end, of all calls.
    CpuTime,
    /// Time from begin to end, of one call on average.
    CpuTimeAverage,
    /// Time of GPU work that the row itself launched. Without GPU records the rows are sorted by
    /// [`SelfCpuTime`](Self::SelfCpuTime), and the text says so.
    SelfCudaTime,
    /// Time of GPU work that the row and what ran inside it launched; without GPU records as
    /// [`SelfCudaTime`](Self::SelfCudaTime).
    CudaTime,
    /// Calls.
    Count,
    /// Floating point operations; rows without a formula come last.
    Flops,
    /// The name, from A to Z.
    Name,
}

/// An operator table, as from PyTorch's `key_averages()`. [`Display`](std::fmt::Display) is
/// [`table`](Self::table).
#[derive(Clone, Debug)]
pub struct KeyAverages {
    rows: Vec<KeyAverage>,
    pub(super) sorted_by: SortBy,
    pub(super) limit: usize,
    pub(super) columns: Columns,
    pub(super) merged_calls: u64,
    /// True if calls of one name are nested.
    pub(super) nested: bool,
    busy: Duration,
}

/// The optional columns of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) shapes: bool,
    pub(super) stack: bool,
    pub(super) flops: bool,
    pub(super) gpu: bool,
}

impl KeyAverages {
    pub(super) fn new(table: &OpTable, by: GroupBy, options: &ExportOptions) -> Self {
        let columns = Columns {
            shapes: by == GroupBy::InputShapes,
            stack: matches!(by, GroupBy::Stack(_)),
            flops: options.torch_profiler_with_flops,
            gpu: table.gpu == GpuKnowledge::Recorded,
        };
        let merged_calls = if by == GroupBy::Name { 0 } else { table.merged_calls };
        let busy = Duration::from_nanos(table.busy_ns);
        Self {
            rows: table.rows(by),
            sorted_by: SortBy::default(),
            limit: DEFAULT_LIMIT,
            columns,
            merged_calls,
            nested: table.nested || table.nested_ops,
            busy,
        }
    }

    /// Returns the table of a trace.
    pub(in crate::export) fn of(trace: &Trace, by: GroupBy) -> Self {
        Self::new(&trace.ops, by, &trace.context.options)
    }

    /// Returns every row, whatever the limit; the longest self time first unless
    /// [`sort_by`](Self::sort_by) was called.
    #[must_use]
    pub fn rows(&self) -> &[KeyAverage] {
        &self.rows
    }

    /// Returns the time in which threads ran at least one range, added up over the threads. It is
    /// the sum of all rows' self times, except where guards overlap and neither is inside the
    /// other: both have that time then.
    #[must_use]
    pub const fn self_cpu_time_total(&self) -> Duration {
        self.busy
    }

    /// Returns the sum of the GPU's own rows: the time of every kernel, copy and fill of the trace.
    /// `None` if the GPU was not recorded.
    #[must_use]
    pub fn self_cuda_time_total(&self) -> Option<Duration> {
        let of_gpu = self.rows.iter().filter(|row| row.is_cuda).filter_map(|row| row.self_cuda_time);
        self.columns.gpu.then(|| of_gpu.sum())
    }

    /// Sorts the rows in another order; equal rows keep theirs.
    #[must_use]
    pub fn sort_by(mut self, key: SortBy) -> Self {
        self.sorted_by = key;
        self.rows.sort_by(|one, other| key.compare(one, other));
        self
    }

    /// Shows at most so many rows in the [`table`](Self::table); 100 unless this is called.
    #[must_use]
    pub fn row_limit(mut self, most: usize) -> Self {
        self.limit = most;
        self
    }
}

impl<'a> IntoIterator for &'a KeyAverages {
    type Item = &'a KeyAverage;
    type IntoIter = std::slice::Iter<'a, KeyAverage>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

impl Manifest {
    /// Returns the operator table of the session, as PyTorch's `key_averages()` does. Costs a pass
    /// over the distinct rows, not over the recording.
    #[must_use]
    pub fn key_averages(&self, by: GroupBy) -> KeyAverages {
        KeyAverages::new(&self.ops, by, &self.options)
    }
}

impl SortBy {
    fn compare(self, one: &KeyAverage, other: &KeyAverage) -> Ordering {
        match self {
            Self::SelfCpuTime => other.self_cpu_time.cmp(&one.self_cpu_time),
            Self::SelfCudaTime => {
                let by_cuda = other.self_cuda_time.cmp(&one.self_cuda_time);
                by_cuda.then_with(|| Self::SelfCpuTime.compare(one, other))
            }
            Self::CudaTime => other.cuda_time.cmp(&one.cuda_time).then_with(|| Self::SelfCpuTime.compare(one, other)),
            Self::CpuTime => other.cpu_time.cmp(&one.cpu_time),
            Self::CpuTimeAverage => average(other, other.cpu_time).cmp(&average(one, one.cpu_time)),
            Self::Count => other.count.cmp(&one.count),
            Self::Flops => other.flops.cmp(&one.flops),
            Self::Name => one.name.cmp(&other.name),
        }
    }
}

/// The ops that took longest: on the GPU where that was recorded, else on the CPU. The page and the
/// terminal show them.
pub(in crate::export) struct SlowestOps {
    pub(in crate::export) rows: Vec<KeyAverage>,
    /// Number of ops that have no row.
    pub(in crate::export) left_out: usize,
    /// Time of the GPU's own work; `None` if it was not recorded.
    pub(in crate::export) cuda_ns: Option<u64>,
    /// Time that the shares are parts of.
    pub(in crate::export) whole_ns: u64,
}

impl SlowestOps {
    /// Returns the `most` slowest ops of a table; `None` if it has none.
    pub(in crate::export) fn of(table: KeyAverages, most: usize) -> Option<Self> {
        let table = table.sort_by(SortBy::SelfCudaTime);
        let cuda_ns = table.self_cuda_time_total().map(ns);
        let whole_ns = cuda_ns.unwrap_or_else(|| ns(table.self_cpu_time_total()));
        let mut rows: Vec<KeyAverage> = table.rows.into_iter().filter(|row| row.is_op).collect();
        let left_out = rows.len().saturating_sub(most);
        rows.truncate(most);
        (!rows.is_empty()).then_some(Self { rows, left_out, cuda_ns, whole_ns })
    }
}

/// Returns a time in nanoseconds.
pub(in crate::export) fn ns(time: Duration) -> u64 {
    // CAST: a time of less than 584 years.
    time.as_nanos() as u64
}

/// Returns a row's name as a table shows it, with a mark if the row is async.
pub(in crate::export) fn marked(row: &KeyAverage, name: &str) -> String {
    format!("{name}{}", if row.is_async { " (async)" } else { "" })
}

/// Returns a row's average time per call, rounded down to a nanosecond.
pub(super) fn average(row: &KeyAverage, time: Duration) -> Duration {
    Duration::from_nanos(ns(time) / row.count.max(1))
}
