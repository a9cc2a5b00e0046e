//! The fixed words of a trace: names of arguments, and categories. They are the Chrome trace's, so
//! that one query reads both. A new one goes to the end, for the numbers of the others to stay.

macro_rules! words {
    ($(#[$about:meta])* $type:ident, $before:literal _ $after:literal: $($name:ident = $text:literal;)+) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(in crate::export) enum $type {
            $($name),+
        }

        impl $type {
            /// Returns the word.
            pub(in crate::export) const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            /// Returns it as JSON events have it: none needs escaping.
            pub(in crate::export) const fn json(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($before, $text, $after)),+
                }
            }

            /// Returns its number in a trace, from 1.
            pub(in crate::export) const fn id(self) -> u64 {
                self as u64 + 1
            }

            /// Returns its place in a set of 64.
            pub(in crate::export) const fn bit(self) -> u64 {
                1 << self as u8
            }
        }
    };
}

words! {
    /// A category.
    Category, "\"cat\":\"" _ "\"":
    Op = "cpu_op";
    Annotation = "user_annotation";
    GpuAnnotation = "gpu_user_annotation";
    Kernel = "kernel";
    Copy = "gpu_memcpy";
    Fill = "gpu_memset";
    Driver = "cuda_driver";
    Runtime = "cuda_runtime";
    Wait = "cuda_sync";
    Overhead = "overhead";
    Instant = "cpu_instant_event";
    Trace = "Trace";
    Tensorboard = "Runtime";
}

words! {
    /// The name of an argument. At most 64.
    Key, ",\"" _ "\":":
    Addr = "Addr";
    BeganBefore = "began_before";
    BlocksPerSm = "blocks per SM";
    Block = "block";
    BusyUs = "busy_us";
    Bytes = "bytes";
    BytesChanged = "Bytes";
    CallStack = "Call stack";
    Cancelled = "cancelled";
    Cbid = "cbid";
    ConcreteInputs = "Concrete Inputs";
    Context = "context";
    Correlation = "correlation";
    CpuTimeUs = "cpu_time_us";
    Device = "device";
    DeviceId = "Device Id";
    DeviceType = "Device Type";
    ExternalId = "External id";
    Flops = "flops";
    FromDevice = "fromDevice";
    GraphId = "graph id";
    GraphNode = "graph node id";
    Grid = "grid";
    Index = "index";
    InputDims = "Input Dims";
    InputStrides = "Input Strides";
    InputType = "Input type";
    MemoryBandwidth = "memory bandwidth (GB/s)";
    Occupancy = "est. achieved occupancy %";
    Overhead = "overhead";
    Polls = "polls";
    Priority = "priority";
    Queued = "queued";
    Registers = "registers per thread";
    RequestId = "request_id";
    SharedMemory = "shared memory";
    Step = "step";
    Stream = "stream";
    SyncKind = "cuda_sync_kind";
    Task = "task";
    ToDevice = "toDevice";
    TotalAllocated = "Total Allocated";
    TotalReserved = "Total Reserved";
    Unfinished = "unfinished";
    WaitEvent = "wait_on_cuda_event_id";
    WaitRecord = "wait_on_cuda_event_record_corr_id";
    WaitStream = "wait_on_stream";
    WarpsPerSm = "warps per SM";
    Called = "called";
}

impl Key {
    /// Returns the fixed word for a number that calls have.
    pub(in crate::export) fn of(name: &str) -> Option<Self> {
        [Self::Flops, Self::Index].into_iter().find(|key| key.text() == name)
    }
}
