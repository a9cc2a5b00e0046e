//! The hot path: what an annotated function does while the program runs.
//!
//! Attribute → [`site`] (a static) → [`gate`] (one relaxed load) → [`range`] (clock, entry) → [`buffer`] (the way into
//! this thread's [`stream`]), which [`registry`] owns. Nothing here knows sessions, configuration or artifacts: `session`
//! opens the gate, takes [`registry::Marks`] and reads what lies between two of them.
//!
//! `unsafe` lives here because a stream is written by its thread while others read its published part; each block says
//! who keeps the promise.

pub(crate) mod annotate;
mod buffer;
mod carry;
mod chunk;
pub(crate) mod clock;
pub(crate) mod correlate;
mod count;
pub(crate) mod cpu_time;
mod cursor;
mod describe;
mod dtype;
pub(crate) mod entry;
mod future;
pub(crate) mod gate;
pub(crate) mod host_clock;
mod label;
pub(crate) mod ledger;
pub(crate) mod memory;
mod nesting;
mod open;
pub(crate) mod overhead;
pub(crate) mod pinned;
pub(crate) mod process;
mod range;
mod ready;
pub(crate) mod registry;
pub(crate) mod request;
mod returned;
mod run;
pub(crate) mod select;
mod shape;
mod shared;
pub(crate) mod site;
mod slab;
pub(crate) mod spool;
pub(crate) mod stack;
pub(crate) mod steps;
mod stream;
mod sync;
#[cfg(test)]
mod tests;
pub(crate) mod timed;
mod writer;

pub(crate) use chunk::{set_budget, warm};
pub use count::{Count, IntoCount, count, whole};
pub(crate) use describe::describe_open;
pub use describe::{Call, describe};
pub use dtype::Dtype;
pub use future::{Instrumented, describe_async, instrument, instrument_call};
pub(crate) use memory::Action;
pub use memory::{Device, record_alloc, record_free, record_out_of_memory};
pub use range::{Range, run};
pub use request::{CurrentRequest, RequestScope, current_request, request, request_scope};
pub use returned::{OfValue, Returns};
pub use shape::{Dims, Element, ShapeWriter, Shaped};
pub(crate) use shape::{LISTS_DIMS, MAX_DIMS};
pub use site::{Kind, Registered, Site, sites};
pub(crate) use site::{MAX_DYNAMIC, dynamic_site, merged_names};

/// A stage whose name is known only at run time. The name is interned (at most 4,096 different ones) under a
/// lock while something records. One longer than 256 bytes is cut and ends in `…`.
pub fn stage(name: &str) -> Range {
    dynamic(Kind::Stage, name)
}

/// An op whose name is known only at run time; see [`stage`].
pub fn op(name: &str) -> Range {
    dynamic(Kind::Op, name)
}

/// A step whose name is known only at run time; see [`stage`].
pub fn step_named(name: &str) -> Range {
    dynamic(Kind::Step, name)
}

fn dynamic(kind: Kind, name: &str) -> Range {
    match gate::load() {
        0 => Range::nothing(),
        gate if ledger::is_own() => Range::refused(gate),
        _ => Range::enter(dynamic_site(kind, name)),
    }
}
