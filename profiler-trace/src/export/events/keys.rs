//! Fixed words of a trace: names of arguments, and categories. Both formats use the words of the
//! Chrome trace, so that one query works on both. New words go to the end, so that the numbers of
//! the others stay the same.

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

            /// Returns the word as part of a JSON event; no word needs escaping.
            pub(in crate::export) const fn json(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($before, $text, $after)),+
                }
            }

            /// Returns its number in a trace, starting at 1.
            pub(in crate::export) const fn id(self) -> u64 {
                self as u64 + 1
            }

            /// Returns its bit in a 64-bit set.
            pub(in crate::export) const fn bit(self) -> u64 {
                1 << self as u8
            }
        }
    };
}

words! {
    /// Category of an event.
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
    /// Name of an argument; at most 64 exist.
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
    /// Returns the fixed word for an argument's name, if there is one.
    pub(in crate::export) fn from_name(name: &str) -> Option<Self> {
        [Self::Flops, Self::Index].into_iter().find(|key| key.text() == name)
    }
}
