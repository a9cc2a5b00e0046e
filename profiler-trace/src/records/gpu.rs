//! Records of a GPU source, or the reason why there are none.
//!
//! A source (CUPTI, CUDA events) fills these types and `model` reads them. Times are nanoseconds on
//! the source's own clock; the [`ClockSample`]s relate that clock to the recording's.

use serde::Serialize;

pub use super::device::Device;
use super::events::EventLog;
use super::unavailable::Unavailable;

/// Result of recording the GPU.
#[derive(Debug)]
pub enum GpuRecord {
    /// Records of individual operations, possibly none.
    Recorded(Box<GpuLog>),
    /// Times of the ranges that named their stream.
    Timed(Box<EventLog>),
    /// Nothing was recorded.
    Absent(Unavailable),
}

/// All records of a source that sees each GPU operation.
#[derive(Debug, Default)]
pub struct GpuLog {
    /// Source of the records.
    pub source: SourceName,
    /// Version of the source's library, as the library reports it.
    pub version: u32,
    /// CUDA version that the driver supports: 12080 is 12.8.
    pub driver_version: u32,
    /// The machine's devices, indexed by device number.
    pub devices: Vec<Device>,
    /// Operations on a device, in no particular order.
    pub ops: Vec<GpuOp>,
    /// CUDA API calls, in no particular order.
    pub calls: Vec<ApiCall>,
    /// Waits of the host or a stream.
    pub syncs: Vec<Wait>,
    /// CUDA event records, in no particular order.
    pub events: Vec<EventRecord>,
    /// Time that CUDA or the source spent on its own work.
    pub overheads: Vec<Overhead>,
    /// Device memory operations.
    pub memory: Vec<MemoryOp>,
    /// Correlation id of a call, and the id that its thread had pushed last; see
    /// `profiler_core::hooks::correlation`.
    pub links: Vec<(u32, u64)>,
    /// Names of kernels and calls, at the index that the records carry.
    pub names: Vec<String>,
    /// Clock samples from the begin and the end of the recording.
    pub clocks: [ClockSample; 2],
    /// Counts of missing records.
    pub losses: GpuLosses,
}

/// Names of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceName {
    /// Word for configurations and reports: `cupti`.
    pub word: &'static str,
    /// Name for sentences: `CUPTI`.
    pub title: &'static str,
}

impl SourceName {
    /// Source that records every CUDA kernel and API call.
    pub const CUPTI: Self = Self { word: "cupti", title: "CUPTI" };
    /// Source that times only the ranges that name their stream.
    pub const CUDA_EVENTS: Self = Self { word: "events", title: "CUDA events" };
}

impl Default for SourceName {
    fn default() -> Self {
        Self::CUPTI
    }
}

/// A reading of the source's clock, bracketed by two of the real-time clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSample {
    /// Time on the source's clock.
    pub source_ns: u64,
    /// Nanoseconds since the Unix epoch, just before the source's clock was read.
    pub before_ns: u64,
    /// Nanoseconds since the Unix epoch, just after it was read.
    pub after_ns: u64,
}

/// A kernel, copy or fill that ran on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuOp {
    /// Begin of the work.
    pub begin: u64,
    /// End of the work.
    pub end: u64,
    /// Number of the device.
    pub device: u32,
    /// Number of the context.
    pub context: u32,
    /// Number of the stream.
    pub stream: u32,
    /// Correlation id, shared with the API call that launched it.
    pub correlation: u32,
    /// CUDA graph that contains it, and its node in that graph; 0 outside of a graph.
    pub graph: (u32, u64),
    /// Kind of the work.
    pub work: Work,
}

/// Defines an enum of kinds, the unknown one first. Each kind has Kineto's name, because consumers
/// match these exact strings.
macro_rules! kinds {
    (
        $(#[$about:meta])*
        $kind:ident { $unknown:ident = $unknown_name:literal; $($variant:ident = $name:literal;)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $kind {
            /// Kind without a name here.
            #[default]
            $unknown,
            $(#[doc = $name] $variant,)*
        }

        impl $kind {
            /// All kinds, in declaration order.
            pub const ALL: &[Self] = &[Self::$unknown, $(Self::$variant),*];

            /// Returns Kineto's name of the kind.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::$unknown => $unknown_name,
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// Direction of a copy between the host, devices and arrays.
    CopyKind {
        Unknown = "Unknown";
        HostToDevice = "HtoD";
        DeviceToHost = "DtoH";
        HostToArray = "HtoA";
        ArrayToHost = "AtoH";
        ArrayToArray = "AtoA";
        ArrayToDevice = "AtoD";
        DeviceToArray = "DtoA";
        DeviceToDevice = "DtoD";
        HostToHost = "HtoH";
        PeerToPeer = "PtoP";
    }
}

kinds! {
    /// Location and manager of memory.
    MemoryKind {
        Unknown = "Unknown";
        Pageable = "Pageable";
        Pinned = "Pinned";
        Device = "Device";
        Array = "Array";
        Managed = "Managed";
        DeviceStatic = "Device Static";
        ManagedStatic = "Managed Static";
    }
}

kinds! {
    /// Kind of a synchronisation: who waits for what.
    WaitKind {
        Unknown = "Unknown Sync";
        Event = "Event Sync";
        StreamForEvent = "Stream Wait Event";
        Stream = "Stream Sync";
        Context = "Context Sync";
    }
}

kinds! {
    /// Activity that CUDA or the source spent time on.
    OverheadKind {
        Unknown = "Unknown";
        DriverCompiler = "Driver Compiler";
        BufferFlush = "Buffer Flush";
        Instrumentation = "Instrumentation";
        Resource = "Resource";
        ModuleLoading = "Runtime Triggered Module Loading";
        FunctionLoading = "Lazy Function Loading";
        CommandBufferFull = "Command Buffer Full";
        BufferRequest = "Activity Buffer Request";
    }
}

impl MemoryKind {
    /// Returns whether the memory is host memory.
    pub const fn is_on_host(self) -> bool {
        matches!(self, Self::Pageable | Self::Pinned)
    }
}

impl WaitKind {
    /// Returns whether the wait is for an event.
    pub const fn is_for_event(self) -> bool {
        matches!(self, Self::Event | Self::StreamForEvent)
    }
}

/// The work of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A kernel.
    Kernel(Kernel),
    /// A copy of memory.
    Copy {
        /// Direction of the copy.
        kind: CopyKind,
        /// Kind of the memory read.
        from: MemoryKind,
        /// Kind of the memory written.
        to: MemoryKind,
        /// Size in bytes.
        bytes: u64,
        /// Source and destination device of a copy between two devices.
        peers: Option<(u32, u32)>,
    },
    /// A fill of memory.
    Fill {
        /// Kind of the memory written.
        memory: MemoryKind,
        /// Size in bytes.
        bytes: u64,
    },
}

/// Launch parameters of a kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Index of its name in [`GpuLog::names`].
    pub name: u32,
    /// Blocks per dimension of the grid.
    pub grid: [u32; 3],
    /// Threads per dimension of a block.
    pub block: [u32; 3],
    /// Registers per thread.
    pub registers: u32,
    /// Bytes of shared memory per block, static and dynamic.
    pub shared: u32,
    /// Moment when it was queued; 0 if that was not recorded.
    pub queued: u64,
    /// Priority of its stream, if the library reports it.
    pub priority: Option<i32>,
}

/// CUDA API that a call belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// Driver API, `cu…`.
    Driver,
    /// Runtime API, `cuda…`.
    Runtime,
}

/// A call of a CUDA API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// API that was called.
    pub api: Api,
    /// The source's number of the function; Kineto's traces carry the same number.
    pub function: u32,
    /// Index of its name in [`GpuLog::names`].
    pub name: u32,
    /// Begin of the call.
    pub begin: u64,
    /// Return of the call.
    pub end: u64,
    /// The operating system's id of the calling thread.
    pub thread: u32,
    /// Correlation id, shared with the work that it launched.
    pub correlation: u32,
}

/// A synchronisation with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Kind of the wait.
    pub kind: WaitKind,
    /// Begin of the wait.
    pub begin: u64,
    /// End of the wait.
    pub end: u64,
    /// Correlation id of the API call.
    pub correlation: u32,
    /// Number of the context.
    pub context: u32,
    /// Number of the stream, if the wait concerns one.
    pub stream: Option<u32>,
    /// Number of the event, if the wait is for one.
    pub event: u32,
}

/// An event recorded on a stream: it completes after the work queued before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Correlation id of the API call.
    pub correlation: u32,
    /// Number of the context.
    pub context: u32,
    /// Number of the stream.
    pub stream: u32,
    /// Number of the event.
    pub event: u32,
}

/// Time that CUDA or the source spent on its own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    /// Activity that took the time.
    pub kind: OverheadKind,
    /// The source's number of the kind; Kineto's traces carry the same number.
    pub code: u32,
    /// Begin of the overhead.
    pub begin: u64,
    /// End of the overhead.
    pub end: u64,
}

/// An allocation or release of device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryOp {
    /// True for a release, false for an allocation.
    pub is_free: bool,
    /// Kind of memory.
    pub kind: MemoryKind,
    /// Address of the block.
    pub address: u64,
    /// Size of the block.
    pub bytes: u64,
    /// Moment of the operation.
    pub at: u64,
    /// Number of the device.
    pub device: u32,
    /// Correlation id of the API call.
    pub correlation: u32,
}

/// Counts of records missing from a [`GpuLog`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GpuLosses {
    /// Records that the source dropped.
    pub dropped: u64,
    /// Buffers discarded or refused because `max_buffer_mb` was reached.
    pub buffers: u64,
    /// Records without a begin or an end.
    pub untimed: u64,
    /// Buffers that became unreadable at some record.
    pub unreadable: u64,
}
