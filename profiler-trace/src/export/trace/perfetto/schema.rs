//! Field numbers and values from Perfetto's public definitions: `trace_packet.proto`,
//! `track_event/{track_event,track_descriptor,counter_descriptor,debug_annotation}.proto`,
//! `interned_data.proto` and `clock_snapshot.proto` under
//! <https://github.com/google/perfetto/tree/main/protos/perfetto/trace>. They never change, because
//! old traces must stay readable.

/// `Trace`.
pub(super) mod trace {
    pub(crate) const PACKET: u32 = 1;
}

/// `TracePacket`.
pub(super) mod packet {
    pub(crate) const CLOCK_SNAPSHOT: u32 = 6;
    pub(crate) const TIMESTAMP: u32 = 8;
    pub(crate) const SEQUENCE: u32 = 10;
    pub(crate) const EVENT: u32 = 11;
    pub(crate) const INTERNED: u32 = 12;
    pub(crate) const FLAGS: u32 = 13;
    pub(crate) const DEFAULTS: u32 = 59;
    pub(crate) const TRACK: u32 = 60;
    pub(crate) const FIRST_OF_SEQUENCE: u32 = 87;
    /// Values of `FLAGS`: the state of the sequence is cleared; the packet depends on earlier ones.
    pub(crate) const CLEARED: u64 = 1;
    pub(crate) const NEEDS_STATE: u64 = 2;
}

/// `TracePacketDefaults` and, inside it, `TrackEventDefaults`.
pub(super) mod defaults {
    pub(crate) const CLOCK: u32 = 58;
    pub(crate) const EVENT: u32 = 11;
    pub(crate) const EVENT_TRACK: u32 = 11;
}

/// `ClockSnapshot` and its `Clock`.
pub(super) mod clock {
    pub(crate) const CLOCKS: u32 = 1;
    pub(crate) const PRIMARY: u32 = 2;
    pub(crate) const ID: u32 = 1;
    pub(crate) const TIMESTAMP: u32 = 2;
    pub(crate) const IS_INCREMENTAL: u32 = 3;
    /// Nanoseconds since the Unix epoch.
    pub(crate) const REALTIME: u64 = 1;
    /// First of the clock ids that belong to a sequence.
    pub(crate) const OF_SEQUENCE: u64 = 64;
}

/// `TrackEvent`.
pub(super) mod event {
    pub(crate) const CATEGORY: u32 = 3;
    pub(crate) const ARGUMENT: u32 = 4;
    pub(crate) const TYPE: u32 = 9;
    pub(crate) const NAME_ID: u32 = 10;
    pub(crate) const TRACK: u32 = 11;
    pub(crate) const EXTRA_VALUES: u32 = 12;
    pub(crate) const NAME: u32 = 23;
    pub(crate) const VALUE: u32 = 30;
    pub(crate) const EXTRA_TRACKS: u32 = 31;
    pub(crate) const FLOW: u32 = 47;
    pub(crate) const FLOW_END: u32 = 48;
    /// Values of `TYPE`.
    pub(crate) const BEGIN: u64 = 1;
    pub(crate) const END: u64 = 2;
    pub(crate) const INSTANT: u64 = 3;
    pub(crate) const COUNTER: u64 = 4;
}

/// `TrackDescriptor`.
pub(super) mod track {
    pub(crate) const ID: u32 = 1;
    pub(crate) const NAME: u32 = 2;
    pub(crate) const PROCESS: u32 = 3;
    pub(crate) const THREAD: u32 = 4;
    pub(crate) const PARENT: u32 = 5;
    pub(crate) const COUNTER: u32 = 8;
    pub(crate) const CHILD_ORDER: u32 = 11;
    pub(crate) const RANK: u32 = 12;
    /// Value of `CHILD_ORDER`: by `RANK`.
    pub(crate) const BY_RANK: u64 = 3;
}

/// `ProcessDescriptor`.
pub(super) mod process {
    pub(crate) const PID: u32 = 1;
    pub(crate) const NAME: u32 = 6;
}

/// `ThreadDescriptor`.
pub(super) mod thread {
    pub(crate) const PID: u32 = 1;
    pub(crate) const TID: u32 = 2;
    pub(crate) const NAME: u32 = 5;
}

/// `CounterDescriptor`.
pub(super) mod counter {
    pub(crate) const UNIT: u32 = 3;
    pub(crate) const UNIT_NAME: u32 = 6;
    /// Value of `UNIT`.
    pub(crate) const BYTES: u64 = 3;
}

/// `DebugAnnotation`.
pub(super) mod argument {
    pub(crate) const NAME_ID: u32 = 1;
    pub(crate) const BOOL: u32 = 2;
    pub(crate) const UNSIGNED: u32 = 3;
    pub(crate) const SIGNED: u32 = 4;
    pub(crate) const FLOAT: u32 = 5;
    pub(crate) const TEXT: u32 = 6;
    pub(crate) const NAME: u32 = 10;
    pub(crate) const MEMBERS: u32 = 11;
    pub(crate) const ITEMS: u32 = 12;
    pub(crate) const TEXT_ID: u32 = 17;
}

/// `InternedData` and its entries.
pub(super) mod interned {
    pub(crate) const CATEGORIES: u32 = 1;
    pub(crate) const NAMES: u32 = 2;
    pub(crate) const ARGUMENT_NAMES: u32 = 3;
    pub(crate) const TEXTS: u32 = 29;
    pub(crate) const ID: u32 = 1;
    pub(crate) const TEXT: u32 = 2;
}
