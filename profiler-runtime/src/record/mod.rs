//! The hot path: what an annotated function does while the program runs.
//!
//! Attribute → [`site`] (a static) → [`gate`] (one relaxed load) → [`range`] (clock, entry) → [`stream::buffer`] (the way
//! into this thread's [`stream`]), which [`stream::registry`] owns. Nothing here knows sessions, configuration or
//! artifacts: `session` opens the gate, takes [`stream::registry::Marks`] and reads what lies between two of them.
//!
//! `unsafe` lives here because a stream is written by its thread while others read its published part; each block says
//! who keeps the promise.

mod call;
pub(crate) mod clock;
mod future;
pub(crate) mod gate;
pub(crate) mod hooks;
mod label;
pub(crate) mod memory;
mod open;
pub(crate) mod process;
mod range;
pub(crate) mod request;
mod returned;
pub(crate) mod select;
pub(crate) mod site;
pub(crate) mod stream;
#[cfg(test)]
mod tests;

pub use call::count::{Count, IntoCount, count, whole};
pub(crate) use call::describe_open;
pub use call::dtype::Dtype;
pub use call::shape::{Dims, Element, ShapeWriter, Shaped};
pub(crate) use call::shape::{LISTS_DIMS, MAX_DIMS};
pub use call::{Call, describe};
pub use future::{Instrumented, describe_async, instrument, instrument_call};
pub(crate) use memory::Action;
use memory::ledger;
pub use memory::{Device, record_alloc, record_free, record_out_of_memory};
pub use range::{Range, run};
pub use request::{CurrentRequest, RequestScope, current_request, request, request_scope};
pub use returned::{OfValue, Returns};
pub use site::{Kind, Registered, Site, sites};
pub(crate) use site::{MAX_DYNAMIC, dynamic_site, merged_names};
pub(crate) use stream::chunk::{set_budget, warm};

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
