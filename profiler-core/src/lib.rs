//! Annotations for libraries: sites, ranges, shapes, and the streams that record them.
//!
//! A library depends on this crate, annotates its functions and leaves the feature `enable` off.
//! The application depends on `profiler-runtime`, which switches `enable` on for the whole program,
//! starts sessions and writes the artifacts.
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
//! Without the feature `std`, which `enable` and the runtime switch on, nothing is recorded: ranges
//! are empty, and the crate depends only on its macros and needs neither `std` nor `alloc`.
//!
//! | feature | default | does |
//! |---|---|---|
//! | `enable` | no | records ranges; the application's `profiler-runtime` switches it on |
//! | `std` | no | compiles the streams that the runtime reads |
//!
//! # Versions
//!
//! Semantic versioning covers everything that this documentation shows. `__private` and other
//! hidden items are not covered: they exist for the macros, to which this crate is pinned with `=`,
//! and for the runtime. A program holds one version of this crate.
//!
//! # Path of a range
//!
//! Attribute → `site` (a static) → `gate` (one relaxed load) → `range` (clock, entry) →
//! `stream::buffer` (access to this thread's stream) → `stream::registry` (owner of all streams).
//! This crate has no notion of sessions, configuration or artifacts: the runtime opens the gate,
//! takes `stream::registry::Marks` and reads the entries between two of them.
//!
//! The crate uses `unsafe` because a thread writes its stream while others read the published part.
//! Each block states which code upholds its conditions.

#![cfg_attr(not(feature = "std"), no_std)]
// The hidden modules are public for the runtime only, and their docs link to private items.
#![allow(rustdoc::private_intra_doc_links)]

mod block_macros;
#[forbid(unsafe_code)]
mod call;
#[cfg(feature = "std")]
#[doc(hidden)]
pub mod clock;
#[forbid(unsafe_code)]
mod device;
#[cfg(feature = "std")]
#[forbid(unsafe_code)]
mod future;
#[cfg(feature = "std")]
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod gate;
#[cfg(feature = "std")]
#[doc(hidden)]
pub mod hooks;
#[forbid(unsafe_code)]
mod integer;
#[forbid(unsafe_code)]
mod kind;
#[cfg(feature = "std")]
#[forbid(unsafe_code)]
mod label;
#[cfg(feature = "std")]
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod ledger;
#[cfg(feature = "std")]
#[forbid(unsafe_code)]
pub mod memory;
#[forbid(unsafe_code)]
mod name;
#[cfg(not(feature = "std"))]
mod off;
#[cfg(feature = "std")]
#[forbid(unsafe_code)]
mod open_list;
#[cfg(feature = "std")]
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod overhead;
#[cfg(feature = "std")]
#[doc(hidden)]
pub mod process;
#[cfg(feature = "std")]
#[forbid(unsafe_code)]
mod range;
#[cfg(feature = "std")]
#[forbid(unsafe_code)]
pub mod request;
#[cfg(feature = "std")]
mod returned;
#[cfg(feature = "std")]
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod select;
#[cfg(feature = "std")]
pub mod site;
#[cfg(feature = "std")]
#[doc(hidden)]
pub mod small_vec;
#[cfg(feature = "std")]
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod span;
#[cfg(feature = "std")]
#[doc(hidden)]
pub mod stream;
#[cfg(all(test, feature = "std"))]
mod tests;

/// Memory that a framework's allocator hands out and takes back; nothing records it here.
#[cfg(not(feature = "std"))]
pub mod memory {
    pub use crate::device::Device;
    pub use crate::off::{record_alloc, record_free, record_out_of_memory};
}

/// Requests, which group timings; nothing records them here.
#[cfg(not(feature = "std"))]
pub mod request {
    pub use crate::off::{CurrentRequest, RequestScope, current_request, request, request_scope};
}

/// Shapes of an op's inputs: what `shapes(…)` can record.
pub mod shape {
    pub use crate::call::dtype::Dtype;
    pub use crate::call::shape::{Dims, Element, Own, Shaped};
    #[cfg(feature = "std")]
    pub use crate::call::shape_writer::ShapeWriter;
    #[cfg(not(feature = "std"))]
    pub use crate::off::ShapeWriter;
}

/// Sites, the annotated places in the code; none are listed here.
#[cfg(not(feature = "std"))]
pub mod site {
    pub use crate::kind::Kind;
}

#[cfg(not(feature = "std"))]
pub use off::{Range, op, op_static, stage, stage_static, step, step_static};
pub use profiler_runtime_macros::{
    core_profiled_all as profiled_all, core_profiled_op as profiled_op, core_profiled_stage as profiled_stage,
    core_profiled_step as profiled_step,
};
#[cfg(feature = "std")]
pub use range::{Range, op, op_static, stage, stage_static, step, step_static};
pub use request::{current_request, request, request_scope};

/// Items that the attributes and block macros expand to. Not covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "std")]
    pub use std::boxed::Box;

    #[cfg(feature = "std")]
    pub use inventory;
    pub use profiler_runtime_macros::core_block as block;

    #[cfg(feature = "std")]
    pub use crate::__profiler_site as site_static;
    #[cfg(feature = "std")]
    pub use crate::__profiler_site_reference as site;
    pub use crate::call::count::{Count, IntoCount, count, whole};
    #[cfg(feature = "std")]
    pub use crate::call::shape_writer::{LISTS_DIMS, MAX_DIMS};
    #[cfg(feature = "std")]
    pub use crate::call::{Call, describe, describe_open};
    #[cfg(feature = "std")]
    pub use crate::future::{Instrumented, describe_async, instrument, instrument_call};
    pub use crate::integer::{Integer, IntoInteger, integer};
    pub use crate::kind::Kind;
    pub use crate::name::check_name;
    #[cfg(not(feature = "std"))]
    pub use crate::off::{Call, Range};
    #[cfg(feature = "std")]
    pub use crate::range::{Range, run};
    #[cfg(feature = "std")]
    pub use crate::returned::{OfValue, Returns};
    #[cfg(feature = "std")]
    pub use crate::site::{Registered, Site};
}

/// The package's own page, whose example `cargo test` compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
