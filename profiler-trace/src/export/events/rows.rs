//! Rows of a trace and their names: for the program its threads and other rows, for each device its
//! streams and rows for what overlaps on them.

use crate::model::Trace;

/// A row of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::export) enum Row {
    /// Thread, by index in the trace, and lane for guards that outlived the range around them, or
    /// 0.
    Thread(usize, u32),
    /// Thread without ranges that called CUDA, by the operating system's id.
    Caller(u32),
    /// Iterations between bare `next_step()` calls.
    Steps,
    /// Row of a device, or of the overhead of CUDA and the profiler if there is no device.
    OfDevice(Option<u32>, GpuRow),
}

impl Row {
    /// Returns the row of the calls of the thread with this id.
    pub(in crate::export) fn caller(trace: &Trace, os_id: u32) -> Self {
        let index = trace.threads.iter().position(|thread| thread.identity.os_id == u64::from(os_id));
        index.map_or(Self::Caller(os_id), |index| Self::Thread(index, 0))
    }

    /// Returns the name that viewers show.
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

/// A row of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::export) enum GpuRow {
    /// Stream number, and lane for work that overlaps on the stream, or 0.
    Stream(u32, u32),
    /// Stream number, and lane for spans of ranges that cross others, starting at 1.
    Annotations(u32, u32),
    /// Stream number for waits on a stream, or `None`, and lane.
    Waits(Option<u32>, u32),
    /// Lane of overhead.
    Overhead(u32),
}

impl GpuRow {
    fn name(self) -> String {
        match self {
            // Kineto's name, with its trailing space.
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

    /// Returns the sort index in viewers, which keeps the rows of a stream together.
    pub(in crate::export) fn sort_index(self) -> u64 {
        match self {
            Self::Stream(stream, lane) => u64::from(stream) * 100 + u64::from(lane.min(49)),
            Self::Annotations(stream, lane) => u64::from(stream) * 100 + 50 + u64::from(lane.min(39)),
            Self::Waits(stream, _) => u64::from(stream.unwrap_or(u32::MAX)) * 100 + 99,
            Self::Overhead(lane) => u64::from(lane),
        }
    }
}
