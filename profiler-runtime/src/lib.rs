//! Profiling for Rust inference pipelines: `torch.profiler`, NVTX and the CUDA profiler range, for
//! Rust.
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
//! let artifacts = profiler_runtime::stop_profile()?.wait()?;
//! assert!(artifacts.artifacts().iter().any(|artifact| artifact.name == "trace_rank0.json"));
//! # let _ = std::fs::remove_dir_all(folder);
//! # Ok::<(), profiler_runtime::Error>(())
//! ```
//!
//! A program that only wants to be profiled on request puts
//! `let _profile = profiler_runtime::profile_from_env();` at the top of `main`: without
//! `PROFILER_CONFIG` it does nothing.
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | stage | a named part of the pipeline: [`profiled_stage`], [`stage!`] |
//! | step | one iteration; drives the schedule, `ProfilerStep#N` in traces: [`profiled_step`], [`step!`], [`step()`], [`next_step`] |
//! | op | an operator inside a stage, with shapes and FLOPs: [`profiled_op`], [`op!`] |
//! | request | one unit of work that timings are grouped by: [`request()`], [`request_scope`] |
//! | range | one execution of any of these |
//! | session | from [`start_profile`] to its artifacts being on disk |
//! | rank | one process of a job; each writes its own `*_rank{R}*` files |
//! | manifest | the list of a session's artifacts, with what is missing and why: [`artifacts::Manifest`] |
//! | key averages | the operator table: calls and times of each name: [`artifacts::KeyAverages`] |
//!
//! # Cost
//!
//! While no session is active, an annotated function costs one relaxed load and a branch; while one
//! records, two clock reads and two 16-byte stores, without lock or allocation. Memory is bounded
//! by `max_buffer_mb`; what finds no room is counted and reported. So is what the program's
//! allocator has no memory for while ranges, steps, polls, names and allocations are recorded; the
//! exceptions, where a refused allocation ends the process, are starting, stopping, dumping and
//! exporting a session (also where a schedule does), control by HTTP, jobs and triggers, log lines,
//! a new tool for NVTX and a site's first range for it, a CUDA context's first timed range, a
//! thread that the standard library did not make, the one notice of a forked child, and the thread
//! that keeps a spool fresh, once a second. With `torch_profiler_with_stack` a range costs 0.15 to
//! 0.5 µs more, for stacks of 8 to 40 functions (Linux; ten times as much elsewhere), and up to 17
//! times the memory.
//!
//! # Flight recorder, and recordings that outlive the process
//!
//! With `ring: true` the newest ranges overwrite the oldest when `max_buffer_mb` is spent, and what
//! is shown begins where everything is there; `ring_secs` and `ring_steps` shorten it.
//! [`dump_profile`] writes what there is while recording goes on, and so does an iteration slower
//! than `slow_step_ms`. A ring that overwrites needs about a fifth more instructions than recording
//! itself, where ranges repeat as those of a loop do.
//!
//! With `spool: true` (Linux) a session records into a file in its folder that is mapped into
//! memory: for recordings larger than memory, and so that [`spool::recover`] can make the artifacts
//! when the process was killed or crashed. Nothing that was stored is lost with the process; a
//! power failure or a crash of the system costs what had not reached the disk, which is asked for
//! everything once a second. Blocks are allocated before they are used: a full disk costs ranges,
//! which are counted, and nothing else. Together with `ring` it is a black box: `max_spool_mb` is
//! its size. Call stacks are named as long as the program's files are the same; what CUPTI recorded
//! dies with the process.
//!
//! # Memory
//!
//! With [`memory::ProfilingAllocator`] as the program's `#[global_allocator]` and
//! `torch_profiler_with_memory` on, a session shows what was allocated: in the trace, in
//! `memory_snapshot_rank{R}.pickle` for [MemoryViz](https://pytorch.org/memory_viz), in the chart
//! `memory_rank{R}.svg`, and per stage in the reports and operator tables. Frameworks report memory
//! of devices with [`memory::record_alloc`].
//!
//! # Several ranks
//!
//! Rank, size and a common name of the session come from torchrun, Open MPI, MPICH, Slurm, indexed
//! jobs of Kubernetes, or `RANK`, `WORLD_SIZE` and `PROFILER_SESSION_ID`; the page
//! `docs/launchers.md` of the repository shows each. [`merge::merge`] writes the ranks' traces into
//! one for Perfetto, on one clock, and says how well that is known.
//!
//! # Nsight Systems
//!
//! Under `nsys profile --trace=nvtx,cuda …` every stage, step, op and request is an NVTX range,
//! whether or not a session is active: category by kind, colour by name, and as payload the index
//! of its step. A future is one range for its life and one for each poll.
//! `--capture-range=nvtx --nvtx-capture=denoise_step@profiler` captures only what a range holds;
//! the configuration's `nvtx_domain` renames the domain `profiler`, `nvtx: false` switches the
//! ranges off. While no tool is attached they cost nothing.
//!
//! # GPU time without CUPTI
//!
//! Where CUPTI cannot run (another tool has it, permission is missing), and with
//! `gpu_timing: "events"`, ranges that name their stream are timed by CUDA events:
//! [`cuda::stage_on`], [`stage_on!`] and their like for ops and steps.
//!
//! # Many processes, and starting from outside
//!
//! A [`job::Coordinator`] starts and stops the sessions of worker processes as one:
//! `PROFILER_COORDINATOR` in a worker's environment is all it takes beside [`profile_from_env`].
//! The configuration's `toggle_on_sigusr2` and `trigger_file` start and stop a program, or a job,
//! without a request. See [`job`].
//!
//! # Features
//!
//! | feature | default | does |
//! |---|---|---|
//! | `enable` | yes | records. Without it the attributes check their arguments and return the function unchanged, and starting a session is [`Error::Disabled`] |
//! | `stacks` | yes | call stacks (`torch_profiler_with_stack`): walks them and names their functions |
//! | `xlsx` | yes | `ops_rank*.xlsx`, the operator tables as a workbook, by rust_xlsxwriter |
//! | `candle`, `half`, `ndarray` | no | shapes of candle's tensors, half's numbers and ndarray's arrays in `shapes(…)` |
//! | `charts` | no | `memory_rank*.svg`, what was allocated over time, drawn by plotters |
//! | `clap` | no | [`config::ProfilerArgs`](https://docs.rs/profiler-runtime/latest/profiler_runtime/config/struct.ProfilerArgs.html), the command-line flags for a program to flatten into its own |
//! | `cudarc` | no | streams of `cudarc` in [`cuda::stage_on`] and its like, and its device memory in memory profiles. Builds without CUDA, and takes whichever version of CUDA the application pins |
//! | `flamegraph` | no | `flame_cpu_rank*.svg` and `flame_cuda_rank*.svg` beside the folded stacks, drawn by inferno (which is under the CDDL) |
//! | `http` | no | start, stop and status by HTTP: [`http`](https://docs.rs/profiler-runtime/latest/profiler_runtime/http/) |
//! | `nvtx-sdk` | no | shows ranges to NVTX tools through NVIDIA's own crate `nvtx` instead of our client; needs libclang to build |
//! | `toml`, `yaml` | no | configurations in files of these formats; JSON is always read |
//!
//! What needs a feature that is off says which: a file in a format that is not read is an error,
//! and an artifact that is not written is `missing` in the manifest.
//!
//! A library that annotates itself depends on [`profiler-core`](https://docs.rs/profiler-core),
//! which has the same attributes, macros and functions for annotated code and compiles to nothing
//! unless the application switches `enable` on here.

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

/// Ranges that name their CUDA stream, so that the GPU's time is known where CUPTI cannot measure
/// it.
///
/// The result is the time on the stream between the range's begin and its end: with the gaps in
/// which the stream was idle, in steps of about half a microsecond. It is in the reports as
/// `gpu_elapsed_ns`, with the source `events`. Contexts are timed if they are a device's primary
/// one, which is the case for the runtime API, `cudarc` and candle. A range on a stream that is
/// being captured into a graph has no GPU time.
pub mod cuda {
    #[cfg(feature = "cudarc")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cudarc")))]
    pub use crate::collect::cuda::ReportedSlice;
    pub use crate::collect::cuda::{BorrowedStream, StreamRange, op_on, stage_on, step_on};
}

/// The items that a crate needs which adds a source of GPU times. Not covered by semantic
/// versioning.
#[doc(hidden)]
pub mod gpu {
    pub use crate::collect::gpu::Registered;
    pub use crate::collect::gpu::source::{Capture, Finding, Source, Wanted};
    pub use profiler_core::{gate, hooks::correlation, stream::registry::Log};
    pub use profiler_trace::records::{gpu as records, unavailable::Unavailable};
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
pub use profiler_core::{Range, current_request, op, request, request_scope, shape, stage, step};
pub use profiler_runtime_macros::{profiled_op, profiled_stage, profiled_step};
#[doc(inline)]
pub use profiler_trace::{artifacts, merge};
#[doc(inline)]
pub use session::{ExportHandle, SessionId};

// Linked for its implementations of `Shaped`.
#[cfg(any(feature = "candle", feature = "half", feature = "ndarray"))]
use profiler_shapes as _;

/// The items that the attributes and the block macros expand to. Not covered by semantic
/// versioning.
#[doc(hidden)]
pub mod __private {
    pub use profiler_core::__private::*;
}
