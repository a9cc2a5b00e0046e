//! The output of a GPU source: plain records, or the reason why there are none.
//!
//! Made by a source (CUPTI, CUDA events), read by `model`. Times are nanoseconds on the source's
//! own clock; [`ClockSample`]s say how that clock relates to the recording's.

use serde::Serialize;

pub use super::device::Device;
use super::events::EventLog;
use super::unavailable::Unavailable;

/// The outcome of recording the GPU.
#[derive(Debug)]
pub enum GpuRecord {
    /// Records, perhaps none.
    Recorded(Box<GpuLog>),
    /// Ranges that named their stream were timed.
    Timed(Box<EventLog>),
    /// Nothing was recorded.
    Absent(Unavailable),
}

/// Everything that a source recorded.
#[derive(Debug, Default)]
pub struct GpuLog {
    /// The source.
    pub source: SourceName,
    /// Version of the library that recorded, as the source tells it.
    pub version: u32,
    /// Version of CUDA that the driver supports: 12080 is 12.8.
    pub driver_version: u32,
    /// The machine's devices; the place in the list is the device's number.
    pub devices: Vec<Device>,
    /// Work on a device, in no particular order.
    pub ops: Vec<GpuOp>,
    /// Calls of the CUDA API, in no particular order.
    pub calls: Vec<ApiCall>,
    /// Waits for a device.
    pub syncs: Vec<Wait>,
    /// Records of events, in no particular order.
    pub events: Vec<EventRecord>,
    /// Time that CUDA or the source spent on itself.
    pub overheads: Vec<Overhead>,
    /// Device memory taken and given back.
    pub memory: Vec<MemoryOp>,
    /// Correlation id of a call, and the id that its thread pushed last: see
    /// `profiler_core::hooks::correlation`.
    pub links: Vec<(u32, u64)>,
    /// Names of kernels and calls, by the index that records carry.
    pub names: Vec<String>,
    /// Samples taken when recording began and when it ended.
    pub clocks: [ClockSample; 2],
    /// Records that are missing.
    pub losses: GpuLosses,
}

/// The names of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceName {
    /// Word for configurations and reports: `cupti`.
    pub word: &'static str,
    /// Name for sentences: `CUPTI`.
    pub title: &'static str,
}

impl SourceName {
    /// Source that records every kernel and call of CUDA's.
    pub const CUPTI: Self = Self { word: "cupti", title: "CUPTI" };
    /// Source that times the ranges that name their stream.
    pub const CUDA_EVENTS: Self = Self { word: "events", title: "CUDA events" };
}

impl Default for SourceName {
    fn default() -> Self {
        Self::CUPTI
    }
}

/// The source's clock and the real-time clock, read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSample {
    /// Time on the source's clock.
    pub source_ns: u64,
    /// Nanoseconds since the Unix epoch, just before that reading.
    pub before_ns: u64,
    /// Nanoseconds since the Unix epoch, just after it.
    pub after_ns: u64,
}

/// A kernel, copy or fill on a device.
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
    /// Id that it shares with the API call that launched it.
    pub correlation: u32,
    /// The CUDA graph that it is a node of, and the node; 0 for neither.
    pub graph: (u32, u64),
    /// Kind of the work.
    pub work: Work,
}

/// Makes an enum of kinds, the unknown one first. Each has the name that Kineto gives it, because
/// consumers look for these very texts.
macro_rules! kinds {
    ($(#[$about:meta])* $kind:ident { $unknown:ident = $unknown_name:literal; $($variant:ident = $name:literal;)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $kind {
            /// A kind that has no name here.
            #[default]
            $unknown,
            $(#[doc = $name] $variant,)*
        }

        impl $kind {
            /// Every kind, in this order.
            pub const ALL: &[Self] = &[Self::$unknown, $(Self::$variant),*];

            /// Returns Kineto's name.
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
    /// Direction of a copy: between the host, devices and their arrays.
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
    /// Where memory lies, and who manages it.
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
    /// The kind of a wait: who waited for what.
    WaitKind {
        Unknown = "Unknown Sync";
        Event = "Event Sync";
        StreamForEvent = "Stream Wait Event";
        Stream = "Stream Sync";
        Context = "Context Sync";
    }
}

kinds! {
    /// The activity that CUDA or the source spent time on.
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
    /// Returns whether the memory lies on the host.
    pub const fn is_on_host(self) -> bool {
        matches!(self, Self::Pageable | Self::Pinned)
    }
}

impl WaitKind {
    /// Returns whether an event was waited for.
    pub const fn is_for_event(self) -> bool {
        matches!(self, Self::Event | Self::StreamForEvent)
    }
}

/// The work of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A kernel ran.
    Kernel(Kernel),
    /// Memory was copied.
    Copy {
        /// Direction.
        kind: CopyKind,
        /// Memory read.
        from: MemoryKind,
        /// Memory written.
        to: MemoryKind,
        /// Size in bytes.
        bytes: u64,
        /// Source and destination device of a copy between two.
        peers: Option<(u32, u32)>,
    },
    /// Memory was filled.
    Fill {
        /// Memory written.
        memory: MemoryKind,
        /// Size in bytes.
        bytes: u64,
    },
}

/// The launch of a kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Index of its name.
    pub name: u32,
    /// Number of blocks in each dimension.
    pub grid: [u32; 3],
    /// Number of threads of a block in each dimension.
    pub block: [u32; 3],
    /// Number of registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory of a block, static and dynamic.
    pub shared: u32,
    /// Moment when it was queued, 0 if that was not recorded.
    pub queued: u64,
    /// Priority of its stream, where the library reports it.
    pub priority: Option<i32>,
}

/// The API that a call is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `cu…`.
    Driver,
    /// `cuda…`.
    Runtime,
}

/// A call of the CUDA API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// API that was called.
    pub api: Api,
    /// The source's number of the function, which Kineto's traces carry.
    pub function: u32,
    /// Index of its name.
    pub name: u32,
    /// Begin of the call.
    pub begin: u64,
    /// Return of the call.
    pub end: u64,
    /// The operating system's id of the calling thread.
    pub thread: u32,
    /// Id that it shares with the work that it launched.
    pub correlation: u32,
}

/// A wait for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Kind of the wait.
    pub kind: WaitKind,
    /// Begin of the wait.
    pub begin: u64,
    /// End of the wait.
    pub end: u64,
    /// Id of the API call.
    pub correlation: u32,
    /// Number of the context.
    pub context: u32,
    /// Number of the stream, if the wait was for one.
    pub stream: Option<u32>,
    /// Number of the event, for waits for one.
    pub event: u32,
}

/// The record of an event: it is queued behind the work of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Id of the API call.
    pub correlation: u32,
    /// Number of the context.
    pub context: u32,
    /// Number of the stream.
    pub stream: u32,
    /// Number of the event.
    pub event: u32,
}

/// Time spent by CUDA or the source on itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    /// Activity that took the time.
    pub kind: OverheadKind,
    /// The source's number of the kind, which Kineto's traces carry.
    pub code: u32,
    /// Begin of the overhead.
    pub begin: u64,
    /// End of the overhead.
    pub end: u64,
}

/// Device memory taken or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryOp {
    /// True if the memory was given back rather than taken.
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
    /// Id of the API call.
    pub correlation: u32,
}

/// The losses of a [`GpuLog`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GpuLosses {
    /// Records that the source could not store.
    pub dropped: u64,
    /// Buffers that were thrown away or refused because `max_buffer_mb` was reached.
    pub buffers: u64,
    /// Records without a begin or an end.
    pub untimed: u64,
    /// Stretches that could not be read.
    pub unreadable: u64,
}
