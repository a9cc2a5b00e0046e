//! What a GPU source delivers: plain records, or the reason why there are none.
//!
//! Made by a source (CUPTI, CUDA events), read by `model`. Times are nanoseconds on the source's own clock; [`ClockSample`]s
//! say how it relates to the recording's.

use serde::Serialize;

pub use super::device::Device;
use super::events::EventLog;
use super::unavailable::Unavailable;

/// What became of the GPU part of a recording.
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
    /// Where events were recorded, in no particular order.
    pub events: Vec<EventRecord>,
    /// Time that CUDA or the source spent on itself.
    pub overheads: Vec<Overhead>,
    /// Device memory taken and given back.
    pub memory: Vec<MemoryOp>,
    /// Correlation id of a call, and the id that was pushed last on its thread: see `profiler_core::hooks::correlation`.
    pub links: Vec<(u32, u64)>,
    /// Names of kernels and calls, by the index that records carry.
    pub names: Vec<String>,
    /// Taken when recording began and when it ended.
    pub clocks: [ClockSample; 2],
    /// What is missing.
    pub losses: GpuLosses,
}

/// What a source is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceName {
    /// In configurations and reports: `cupti`.
    pub word: &'static str,
    /// In sentences: `CUPTI`.
    pub title: &'static str,
}

impl SourceName {
    /// Records every kernel and call of CUDA's.
    pub const CUPTI: Self = Self { word: "cupti", title: "CUPTI" };
    /// Times the ranges that name their stream.
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
    /// The source's clock.
    pub source_ns: u64,
    /// Nanoseconds since the Unix epoch, just before.
    pub before_ns: u64,
    /// And just after.
    pub after_ns: u64,
}

/// A kernel, copy or fill on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuOp {
    /// When it began.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
    /// Which device.
    pub device: u32,
    /// Which context.
    pub context: u32,
    /// Which stream.
    pub stream: u32,
    /// The API call that launched it has the same.
    pub correlation: u32,
    /// The CUDA graph that it is a node of, and the node; 0 for neither.
    pub graph: (u32, u64),
    /// What it did.
    pub work: Work,
}

/// Makes an enum of kinds, the unknown one first. Each has the name that Kineto gives it, because consumers look for these
/// very texts.
macro_rules! kinds {
    ($(#[$about:meta])* $kind:ident { $unknown:ident = $unknown_name:literal; $($variant:ident = $name:literal;)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $kind {
            /// One that has no name here.
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
    /// Who waited for what.
    WaitKind {
        Unknown = "Unknown Sync";
        Event = "Event Sync";
        StreamForEvent = "Stream Wait Event";
        Stream = "Stream Sync";
        Context = "Context Sync";
    }
}

kinds! {
    /// What CUDA or the source spent time on.
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

/// What a device did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Ran a kernel.
    Kernel(Kernel),
    /// Copied.
    Copy {
        /// Direction.
        kind: CopyKind,
        /// Memory read.
        from: MemoryKind,
        /// Memory written.
        to: MemoryKind,
        /// How much.
        bytes: u64,
        /// Source and destination device of a copy between two.
        peers: Option<(u32, u32)>,
    },
    /// Filled memory.
    Fill {
        /// Memory written.
        memory: MemoryKind,
        /// How much.
        bytes: u64,
    },
}

/// How a kernel was launched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Index of its name.
    pub name: u32,
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub block: [u32; 3],
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory of a block, static and dynamic.
    pub shared: u32,
    /// When it was queued, 0 if that was not recorded.
    pub queued: u64,
    /// Its stream's priority, where the library tells.
    pub priority: Option<i32>,
}

/// Which API was called.
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
    /// When it began.
    pub begin: u64,
    /// When it returned.
    pub end: u64,
    /// The operating system's id of the calling thread.
    pub thread: u32,
    /// What it launched has the same.
    pub correlation: u32,
}

/// A wait for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Who waited for what.
    pub kind: WaitKind,
    /// When it began.
    pub begin: u64,
    /// When it was over.
    pub end: u64,
    /// The API call's.
    pub correlation: u32,
    /// Which context.
    pub context: u32,
    /// Which stream, if the wait was for one.
    pub stream: Option<u32>,
    /// Which event, for waits for one.
    pub event: u32,
}

/// An event was recorded: put behind what its stream has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The API call's.
    pub correlation: u32,
    /// Which context.
    pub context: u32,
    /// On which stream.
    pub stream: u32,
    /// Which event.
    pub event: u32,
}

/// Time spent by CUDA or the source on itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    /// What took the time.
    pub kind: OverheadKind,
    /// The source's number of the kind, which Kineto's traces carry.
    pub code: u32,
    /// When it began.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
}

/// Device memory taken or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryOp {
    /// Taken, or given back.
    pub is_free: bool,
    /// Kind of memory.
    pub kind: MemoryKind,
    /// Where.
    pub address: u64,
    /// How much.
    pub bytes: u64,
    /// When.
    pub at: u64,
    /// On which device.
    pub device: u32,
    /// The API call's.
    pub correlation: u32,
}

/// What should be in a [`GpuLog`] and is not.
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
