//! What a library depends on to be profiled: sites, ranges, shapes, and the streams that they are recorded into.
//!
//! A library annotates its functions and leaves the feature `enable` off; the application that depends on
//! `profiler-runtime` switches it on for the whole program, starts sessions and gets the artifacts.
//!
//! ```
//! use profiler_core::{profiled_op, profiled_stage};
//!
//! #[profiled_op("linear", shapes(x), flops = 2 * x.len())]
//! fn linear(x: &[f32]) -> f32 { x.iter().sum() }
//! #[profiled_stage("diffuse")]
//! fn diffuse(x: &[f32]) -> f32 { (0..4).map(|_| linear(x)).sum() }
//! # diffuse(&[1.0; 64]);
//! ```
//!
//! # The way of a range
//!
//! Attribute → [`site`] (a static) → [`gate`] (one relaxed load) → [`range`] (clock, entry) → [`stream::buffer`] (the way
//! into this thread's [`stream`]), which [`stream::registry`] owns. Nothing here knows sessions, configuration or
//! artifacts: the runtime opens the gate, takes [`stream::registry::Marks`] and reads what lies between two of them.
//!
//! `unsafe` lives here because a stream is written by its thread while others read its published part; each block says
//! who keeps the promise.

mod block_macros;
mod call;
#[doc(hidden)]
pub mod clock;
mod future;
#[doc(hidden)]
pub mod gate;
#[doc(hidden)]
pub mod hooks;
mod label;
#[doc(hidden)]
pub mod memory;
mod open;
#[doc(hidden)]
pub mod process;
mod range;
#[doc(hidden)]
pub mod request;
mod returned;
#[doc(hidden)]
pub mod select;
#[doc(hidden)]
pub mod site;
#[doc(hidden)]
pub mod stream;
#[cfg(test)]
mod tests;

pub use call::dtype::Dtype;
pub use call::shape::{Dims, Element, ShapeWriter, Shaped};
use memory::ledger;
pub use memory::{Device, record_alloc, record_free, record_out_of_memory};
pub use profiler_runtime_macros::{
    core_profiled_op as profiled_op, core_profiled_stage as profiled_stage, core_profiled_step as profiled_step,
};
pub use range::Range;
pub use request::{CurrentRequest, RequestScope, current_request, request, request_scope};
pub use site::{Kind, Site, sites};

/// What the attributes and the block macros expand to, and what a runtime reads. Not covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use std::boxed::Box;

    pub use inventory;

    pub use crate::__profiler_site as site_static;
    pub use crate::__profiler_site_reference as site;
    pub use crate::call::count::{Count, IntoCount, count, whole};
    pub use crate::call::shape::{LISTS_DIMS, MAX_DIMS};
    pub use crate::call::{Call, describe, describe_open};
    pub use crate::future::{Instrumented, describe_async, instrument, instrument_call};
    pub use crate::range::{Range, run};
    pub use crate::returned::{OfValue, Returns};
    pub use crate::site::{Kind, Registered, Site};
}

/// Begins a stage whose name is known only at run time. The name is interned (at most 4,096 different ones) under a
/// lock while something records. One longer than 256 bytes is cut and ends in `…`.
pub fn stage(name: &str) -> Range {
    dynamic(Kind::Stage, name)
}

/// Begins an op whose name is known only at run time; see [`stage`].
pub fn op(name: &str) -> Range {
    dynamic(Kind::Op, name)
}

/// Begins a step whose name is known only at run time; see [`stage`].
pub fn step_named(name: &str) -> Range {
    dynamic(Kind::Step, name)
}

fn dynamic(kind: Kind, name: &str) -> Range {
    match gate::load() {
        0 => Range::nothing(),
        gate if ledger::is_own() => Range::refused(gate),
        _ => Range::enter(site::dynamic_site(kind, name)),
    }
}
