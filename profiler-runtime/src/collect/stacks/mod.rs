//! Call stacks: taken as addresses while a session records, named when it is over.
//!
//! ```text
//! range ─► capture ─► walk ─► addresses in the stream ─► symbols ─┬─► live: this process ───┬─► paths, sources: which are shown,
//!                     (code: unwinding rules)                     └─► offline: one that died ┘   and how
//!
//! what code lies where: loaded ─► known_libraries ─► code_note, in a spool's journal ─► offline
//! ```
//!
//! `session` asks for all of it; `model` and `export` see [`symbols`]. The readers of the loader's
//! tables and of code files are in `linux`; other systems use the system's unwinder and the debug
//! information alone.

mod capture;
mod code_note;
mod live;
mod paths;
mod sources;
pub(crate) mod symbols;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod linux;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[path = "unsupported.rs"]
mod linux;

pub(crate) use capture::{left_out, ns_per_stack, prepare, release};
pub(crate) use linux::known_libraries;
use linux::{names, offline, walk};
