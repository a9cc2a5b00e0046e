//! Operator tables as a library type: rows in the caller's order, and their text.
//!
//! `ops_rank*.xlsx`, `profiler_out_*.txt` and [`Manifest::key_averages`] all use these rows.

use std::cmp::Ordering;
use std::time::Duration;

use crate::export::Manifest;
use crate::model::{ExportOptions, GpuCoverage, GroupBy, KeyAverage, OpTable, Trace};

/// Maximum number of rows in a sheet of the workbook, the first by self time. Each row takes about
/// 4 kB until the workbook is written.
pub(in crate::export) const MAX_ROWS: usize = 20_000;

/// Number of rows in the text, as in PyTorch.
const DEFAULT_LIMIT: usize = 100;

/// Sort key of an operator table, in descending order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SortBy {
    /// Time outside of all inner ranges.
    #[default]
    SelfCpuTime,
    /// Time from start to end, summed over the calls.
    CpuTime,
    /// Time from start to end, averaged over the calls.
    CpuTimeAverage,
    /// Time of the GPU work that the row itself launched. Without GPU records the rows are sorted
    /// by [`SelfCpuTime`](Self::SelfCpuTime), and the text says so.
    SelfCudaTime,
    /// Time of the GPU work launched by the row and the ranges inside it. Without GPU records, the
    /// same as [`SelfCudaTime`](Self::SelfCudaTime).
    CudaTime,
    /// Number of calls.
    Count,
    /// Floating point operations; rows without a formula come last.
    Flops,
    /// Name, from A to Z.
    Name,
}

/// An operator table, like PyTorch's `key_averages()`. [`Display`](std::fmt::Display) writes
/// [`table`](Self::table).
#[derive(Clone, Debug)]
pub struct KeyAverages {
    rows: Vec<KeyAverage>,
    pub(super) sorted_by: SortBy,
    pub(super) limit: usize,
    pub(super) columns: Columns,
    pub(super) merged_calls: u64,
    /// True if calls of the same name nest.
    pub(super) nested: bool,
    busy: Duration,
}

/// Optional columns of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) shapes: bool,
    pub(super) stack: bool,
    pub(super) flops: bool,
    pub(super) gpu: bool,
}

impl KeyAverages {
    fn from_table(table: &OpTable, by: GroupBy, options: &ExportOptions) -> Self {
        let columns = Columns {
            shapes: by == GroupBy::InputShapes,
            stack: matches!(by, GroupBy::Stack(_)),
            flops: options.torch_profiler_with_flops,
            gpu: table.gpu == GpuCoverage::Recorded,
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

    /// Creates the table of a trace.
    pub(in crate::export) fn new(trace: &Trace, by: GroupBy) -> Self {
        Self::from_table(&trace.ops, by, &trace.context.options)
    }

    /// Returns all rows regardless of the limit, in descending order of self time unless
    /// [`sort_by`](Self::sort_by) was called.
    #[must_use]
    pub fn rows(&self) -> &[KeyAverage] {
        &self.rows
    }

    /// Returns the time in which threads ran at least one range, summed over the threads. This is
    /// the sum of all rows' self times unless guards overlap without being nested; both rows then
    /// include the shared time.
    #[must_use]
    pub const fn self_cpu_time_total(&self) -> Duration {
        self.busy
    }

    /// Returns the sum of the rows of GPU work: the time of all kernels, copies and fills. `None`
    /// if the GPU was not recorded.
    #[must_use]
    pub fn self_cuda_time_total(&self) -> Option<Duration> {
        let gpu_times = self.rows.iter().filter(|row| row.is_cuda).filter_map(|row| row.self_cuda_time);
        self.columns.gpu.then(|| gpu_times.sum())
    }

    /// Sorts the rows by another key. The sort is stable.
    #[must_use]
    pub fn sort_by(mut self, key: SortBy) -> Self {
        self.sorted_by = key;
        self.rows.sort_by(|one, other| key.compare(one, other));
        self
    }

    /// Limits the number of rows in [`table`](Self::table); the default is 100.
    #[must_use]
    pub fn row_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
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
    /// Returns the operator table of the session, like PyTorch's `key_averages()`. Costs a pass
    /// over the distinct rows, not over the recording.
    #[must_use]
    pub fn key_averages(&self, by: GroupBy) -> KeyAverages {
        KeyAverages::from_table(&self.ops, by, &self.options)
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

/// The slowest ops for the summary and the terminal: by GPU time if it was recorded, otherwise by
/// CPU time.
pub(in crate::export) struct SlowestOps {
    pub(in crate::export) rows: Vec<KeyAverage>,
    /// Number of ops without a row.
    pub(in crate::export) left_out: usize,
    /// Time of all GPU work; `None` if the GPU was not recorded.
    pub(in crate::export) cuda_ns: Option<u64>,
    /// Time that the shares refer to.
    pub(in crate::export) whole_ns: u64,
}

impl SlowestOps {
    /// Returns the `limit` slowest ops of a table; `None` if it has no ops.
    pub(in crate::export) fn new(table: KeyAverages, limit: usize) -> Option<Self> {
        let table = table.sort_by(SortBy::SelfCudaTime);
        let cuda_ns = table.self_cuda_time_total().map(ns);
        let whole_ns = cuda_ns.unwrap_or_else(|| ns(table.self_cpu_time_total()));
        let mut rows: Vec<KeyAverage> = table.rows.into_iter().filter(|row| row.is_op).collect();
        let left_out = rows.len().saturating_sub(limit);
        rows.truncate(limit);
        (!rows.is_empty()).then_some(Self { rows, left_out, cuda_ns, whole_ns })
    }
}

/// Converts a time to nanoseconds.
pub(in crate::export) fn ns(time: Duration) -> u64 {
    // CAST: shorter than 584 years.
    time.as_nanos() as u64
}

/// Returns a row's name for a table, marked if the row is async.
pub(in crate::export) fn marked(row: &KeyAverage, name: &str) -> String {
    format!("{name}{}", if row.is_async { " (async)" } else { "" })
}

/// Returns a row's average time per call, rounded down to nanoseconds.
pub(super) fn average(row: &KeyAverage, time: Duration) -> Duration {
    Duration::from_nanos(ns(time) / row.count.max(1))
}
