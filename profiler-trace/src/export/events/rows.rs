//! The rows of a trace, and their names: threads and what is beside them, and for each device its
//! streams and what would overlap on them.

use crate::model::Trace;

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::export) enum Row {
    /// A thread, by its place in the trace; with the lane for guards that outlived the range around
    /// them, or 0.
    Thread(usize, u32),
    /// A thread without ranges that called CUDA, by the operating system's id.
    Caller(u32),
    /// The iterations between bare `next_step()` calls.
    Steps,
    /// A row of a device, or of what CUDA and the profiler spent on themselves.
    OfDevice(Option<u32>, GpuRow),
}

impl Row {
    /// Returns the row of the ranges of the thread with this id.
    pub(in crate::export) fn of_caller(trace: &Trace, os_id: u32) -> Self {
        let known = trace.threads.iter().position(|known| known.identity.os_id == u64::from(os_id));
        known.map_or(Self::Caller(os_id), |index| Self::Thread(index, 0))
    }

    /// Returns the name that viewers show beside the row.
    pub(in crate::export) fn name(self, trace: &Trace) -> String {
        match self {
            Self::Thread(index, 0) => trace.threads[index].identity.name.clone(),
            Self::Thread(index, lane) => format!("{} (overlapping {lane})", trace.threads[index].identity.name),
            Self::Caller(os_id) => format!("thread {os_id}"),
            Self::Steps => "steps".to_owned(),
            Self::OfDevice(_, row) => row.name(),
        }
    }
}

/// What a row of a device shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::export) enum GpuRow {
    /// A stream, by its number, and the lane for work that overlaps on it, or 0.
    Stream(u32, u32),
    /// Spans of ranges that cross others on their stream, by lane, from 1.
    Annotations(u32, u32),
    /// Waits for a stream, or for everything, by lane.
    Waits(Option<u32>, u32),
    /// Overhead, by lane.
    Overhead(u32),
}

impl GpuRow {
    fn name(self) -> String {
        match self {
            // Kineto's, with the space at the end.
            Self::Stream(stream, 0) => format!("stream {stream} "),
            Self::Stream(stream, lane) => format!("stream {stream} (overlapping {lane})"),
            Self::Annotations(stream, lane) => format!("stream {stream} annotations {lane}"),
            Self::Waits(None, 0) => "waits".to_owned(),
            Self::Waits(None, lane) => format!("waits ({lane})"),
            Self::Waits(Some(stream), 0) => format!("stream {stream} (sync)"),
            Self::Waits(Some(stream), lane) => format!("stream {stream} (sync {lane})"),
            Self::Overhead(0) => "overhead".to_owned(),
            Self::Overhead(lane) => format!("overhead ({lane})"),
        }
    }

    /// Returns the row's place in the viewer's order: the rows of a stream stand together.
    pub(in crate::export) fn sort_index(self) -> u64 {
        match self {
            Self::Stream(stream, lane) => u64::from(stream) * 100 + u64::from(lane.min(49)),
            Self::Annotations(stream, lane) => u64::from(stream) * 100 + 50 + u64::from(lane.min(39)),
            Self::Waits(stream, _) => u64::from(stream.unwrap_or(u32::MAX)) * 100 + 99,
            Self::Overhead(lane) => u64::from(lane),
        }
    }
}
