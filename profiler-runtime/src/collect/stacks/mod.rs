//! Captures call stacks as addresses while a session records, and resolves them when it is over.
//!
//! ```text
//! range ─► capture ─► walk ─► addresses in the stream ─► symbols ─┬─► live: this process ────┬─► paths, sources:
//!                     (code: unwinding rules)                     └─► offline: a dead process ┘   what to show
//!
//! loaded code: loaded ─► known_libraries ─► loaded_code, in a spool's journal ─► offline
//! ```
//!
//! `session` drives all of it; `model` and `export` see the result of [`symbols`]. `linux` reads
//! the loader's tables and ELF files; other systems use the system's unwinder and debug information
//! alone.

mod capture;
mod live;
mod loaded_code;
mod paths;
mod sources;
pub(crate) mod symbols;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
mod unsupported;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
use unsupported as platform;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod linux;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
use linux as platform;

pub(crate) use capture::{ns_per_stack, prepare, release, take_skipped};
pub(crate) use platform::known_libraries;
use platform::{names, offline, walk};
