//! The plan of the sources: crates and their rooms from the top down, and the exceptions to it.

/// Crate of the product. A crate whose folder does not exist is not checked.
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    /// Modules of the root, from the top down: a room may use those after it.
    pub(crate) rooms: &'static [&'static str],
    /// Rooms that may hold `unsafe`; the root forbids it in all others.
    pub(crate) may_be_unsafe: &'static [&'static str],
    /// Arrows that run up, from room to room, with the reason.
    pub(crate) rising: &'static [(&'static str, &'static str, &'static str)],
    /// Files that use each other in a circle, with the reason; `open` marks a circle that should
    /// go.
    pub(crate) circles: &'static [(&'static [&'static str], &'static str)],
}

/// Crates from the top down: a crate may use those after it.
pub(crate) const CRATES: [Crate; 3] = [
    Crate {
        name: "profiler-runtime",
        rooms: &[
            "lib",
            "_documentation",
            "block_macros",
            "control",
            "session",
            "error",
            "session_id",
            "collect",
            "os",
            "config",
            "flops",
            "logging",
        ],
        may_be_unsafe: &["collect", "os"],
        rising: &[],
        circles: RUNTIME,
    },
    Crate {
        name: "profiler-trace",
        rooms: &["lib", "export", "text", "model", "records"],
        may_be_unsafe: &["export"],
        rising: &[],
        circles: TRACE,
    },
    Crate {
        name: "profiler-core",
        rooms: &[
            "lib",
            "block_macros",
            "returned",
            "request",
            "span",
            "range",
            "future",
            "overhead",
            "call",
            "off",
            "select",
            "hooks",
            "open_list",
            "memory",
            "site",
            "stream",
            "gate",
            "process",
            "ledger",
            "clock",
            "small_vec",
            "label",
            "device",
            "integer",
            "kind",
            "name",
        ],
        may_be_unsafe: &["clock", "small_vec", "hooks", "off", "process", "returned", "site", "stream"],
        rising: &[("off", "call", "by nature: the same names, without streams")],
        circles: CORE,
    },
];

/// Circles of the runtime, as `files_use_each_other_in_no_new_circle` prints them.
const RUNTIME: &[(&[&str], &str)] = &[(
    &["session/ending.rs", "session/global.rs", "session/timer.rs"],
    "by nature: the timer ends the session that started it",
)];

const TRACE: &[(&[&str], &str)] = &[];

const CORE: &[(&[&str], &str)] =
    &[(&["call/shape.rs", "call/shape_writer.rs", "off.rs"], "by nature: the same names, with and without streams")];
