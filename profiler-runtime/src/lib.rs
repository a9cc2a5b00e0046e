//! `torch.profiler`, NVTX ranges and the CUDA profiler range for inference pipelines in Rust.
//!
//! Annotate functions, run the program with `PROFILER_CONFIG` set, and open the artifacts in
//! Perfetto, TensorBoard or Holistic Trace Analysis.
//!
//! ```
//! use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, profiled_step};
//!
//! #[profiled_op("linear", shapes(x), flops = 2 * x.len())]
//! fn linear(x: &[f32]) -> f32 { x.iter().sum() }
//! #[profiled_step]
//! fn denoise_step(x: &[f32]) -> f32 { linear(x) }
//! #[profiled_stage("diffuse")]
//! fn diffuse(x: &[f32]) -> f32 { (0..4).map(|_| denoise_step(x)).sum() }
//!
//! # let folder = std::env::temp_dir().join(format!("profiler-runtime-doc-{}", std::process::id()));
//! profiler_runtime::start_profile_with(ProfilerConfig::torch(&folder).torch_profiler_record_shapes(true))?;
//! diffuse(&[1.0; 64]);
//! let manifest = profiler_runtime::stop_profile()?.wait()?;
//! assert!(manifest.artifacts.iter().any(|artifact| artifact.name == "trace_rank0.json"));
//! # let _ = std::fs::remove_dir_all(folder);
//! # Ok::<(), profiler_runtime::Error>(())
//! ```
//!
//! A program that is profiled only on request puts
//! `let _profile = profiler_runtime::profile_from_env();` at the top of `main`: without
//! `PROFILER_CONFIG` it does nothing.
//!
//! # Guide
//!
//! | page | about |
//! |---|---|
//! | [annotate](_documentation::annotate) | attributes, blocks, async code, shapes, FLOPs, arguments, libraries |
//! | [configuration](_documentation::configuration) | `PROFILER_CONFIG`: every field |
//! | [artifacts](_documentation::artifacts) | the files of a session, and how to open them |
//! | [control](_documentation::control) | sessions in the program, by flags, HTTP, signals, in many processes: `http`, [`job`] |
//! | [launchers](_documentation::launchers) | ranks, names and folders; [`merge::merge`] for one trace of all ranks |
//! | [memory](_documentation::memory) | [`memory::ProfilingAllocator`], snapshots, peaks per stage |
//! | [nvidia](_documentation::nvidia) | kernels by CUPTI, GPU time by CUDA events ([`cuda`]), Nsight Systems |
//! | [recorder](_documentation::recorder) | flight recorder, spool, how a process may end, [`spool::recover`], losses |
//! | [spans](_documentation::spans) | code that nobody annotated: `profiler-tracing` records `tracing` spans |
//! | [upstream](_documentation::upstream) | coming from vLLM-Omni, SGLang or `torch.profiler` |
//! | [versions](_documentation::versions) | what semantic versioning covers, and what it does not |
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | stage | a named part of the pipeline: [`profiled_stage`], [`stage!`] |
//! | step | one iteration; drives the schedule, `ProfilerStep#N` in traces: [`profiled_step`], [`step!`], [`next_step`] |
//! | op | an operator inside a stage, with shapes and FLOPs: [`profiled_op`], [`op!`] |
//! | request | one unit of work that timings are grouped by: [`request()`], [`request_scope`] |
//! | range | one execution of any of these |
//! | session | from [`start_profile`] until its artifacts are on disk |
//! | rank | one process of a job; each writes its own `*_rank{R}*` files |
//! | manifest | the list of a session's artifacts, with what is missing and why: [`artifacts::Manifest`] |
//! | key averages | the operator table: calls and times of each name: [`artifacts::KeyAverages`] |
//!
//! # Cost
//!
//! While no session is active, an annotated function costs one relaxed load and a branch. While a
//! session records, it costs two clock reads and two 16-byte stores, without a lock or an
//! allocation. Memory is bounded by `max_buffer_mb`; ranges that do not fit are counted and
//! reported. With `torch_profiler_with_stack` a range costs 0.15 to 0.5 µs more for stacks of 8 to
//! 40 functions (Linux; ten times as much on other systems), and up to 17 times the memory.
//!
#![doc = include_str!("../docs/features.md")]
//!
//! A library that annotates itself depends on [`profiler-core`](https://docs.rs/profiler-core). It
//! has the same attributes, macros and functions, and compiles to nothing unless the application
//! enables `enable` in this crate.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[forbid(unsafe_code)]
pub mod _documentation;
mod block_macros;
mod collect;
#[forbid(unsafe_code)]
pub mod config;
#[forbid(unsafe_code)]
mod control;
#[forbid(unsafe_code)]
mod error;
#[forbid(unsafe_code)]
pub mod flops;
#[forbid(unsafe_code)]
mod logging;
mod os;
#[forbid(unsafe_code)]
pub mod session;
#[forbid(unsafe_code)]
mod session_id;

/// Ranges that name their CUDA stream, which have GPU times even where CUPTI cannot record.
///
/// The GPU time is the time on the stream between the range's begin and its end, including gaps in
/// which the stream was idle. Its resolution is about half a microsecond. Reports show it as
/// `gpu_elapsed_ns` with the source `events`. A context is timed if it is a device's primary one,
/// as with the runtime API, `cudarc` and candle. A range on a stream that is being captured into a
/// graph has no GPU time.
pub mod cuda {
    #[cfg(feature = "cudarc")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cudarc")))]
    pub use crate::collect::cuda::ReportedSlice;
    pub use crate::collect::cuda::{BorrowedStream, StreamRange, op_on, stage_on, step_on};
}

/// Items for a crate that adds a source of GPU times. Not covered by semantic versioning.
#[doc(hidden)]
pub mod gpu {
    pub use crate::collect::gpu::Registered;
    pub use crate::collect::gpu::source::{Capture, Component, Finding, Source, Wanted};
    pub use profiler_core::{gate, hooks::correlation, stream::registry::Log};
    pub use profiler_trace::records::{gpu as records, unavailable::Unavailable};
}

/// Items for a layer that turns spans of the `tracing` crate into ranges. Not covered by semantic
/// versioning.
#[doc(hidden)]
pub mod spans {
    pub use crate::collect::spans::{rules, set_check, version};
}

/// Memory in profiles: the program's allocator, and what frameworks report of devices.
pub mod memory {
    pub use crate::collect::ProfilingAllocator;
    #[doc(inline)]
    pub use profiler_core::memory::{Device, record_alloc, record_free, record_out_of_memory};
}

/// Sites, the annotated places in the code: what a program would record, before it runs.
pub mod site {
    #[doc(inline)]
    pub use profiler_core::site::{Kind, Site, sites};
}

/// Recordings in files, which outlive the process: artifacts of a session that was killed or
/// crashed.
pub mod spool {
    pub use crate::control::recover;
    pub use crate::session::recover::Recovered;
}

#[doc(inline)]
pub use config::ProfilerConfig;
#[cfg(feature = "http")]
pub use control::http;
pub use control::{
    ProfileGuard, configure, doctor, dump_profile, job, next_step, profile_from_env, profile_with, start_profile,
    start_profile_with, status, stop_profile,
};
pub use error::Error;
#[doc(inline)]
pub use profiler_core::{
    Range, current_request, op, op_static, request, request_scope, shape, stage, stage_static, step, step_static,
};
pub use profiler_runtime_macros::{profiled_all, profiled_op, profiled_stage, profiled_step};
#[doc(inline)]
pub use profiler_trace::{artifacts, merge};
#[doc(inline)]
pub use session::{ExportHandle, SessionId};

// Linked for its implementations of `Shaped`, which nothing here names.
#[cfg(any(feature = "candle", feature = "half", feature = "ndarray"))]
use profiler_shapes as _;

/// Items that the attributes and the block macros expand to. Not covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use crate::collect::cuda::StreamRange;
    pub use profiler_core::__private::*;
}
