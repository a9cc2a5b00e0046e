//! The rows of a device in a trace: its streams, and what stands beside them because it would overlap.
//!
//! Both trace writers show the same rows under the same names.

/// What a row shows.
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
    /// What viewers show beside it.
    pub(in crate::export) fn name(self) -> String {
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

    /// The rows of a stream stand together.
    pub(in crate::export) fn sort_index(self) -> u64 {
        match self {
            Self::Stream(stream, lane) => u64::from(stream) * 100 + u64::from(lane.min(49)),
            Self::Annotations(stream, lane) => u64::from(stream) * 100 + 50 + u64::from(lane.min(39)),
            Self::Waits(stream, _) => u64::from(stream.unwrap_or(u32::MAX)) * 100 + 99,
            Self::Overhead(lane) => u64::from(lane),
        }
    }
}
