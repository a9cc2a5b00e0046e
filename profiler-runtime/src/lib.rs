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
//! While no session is active, an annotated function costs one relaxed load and a branch. While a
//! session records, it costs two clock reads and two 16-byte stores, without a lock or an
//! allocation. Memory is bounded by `max_buffer_mb`; ranges that do not fit are counted and
//! reported.
//!
//! If the program's allocator fails while ranges, steps, polls, names or allocations are recorded,
//! the loss is counted too. A failed allocation ends the process only in these cases: starting,
//! stopping, dumping and exporting a session (also by a schedule), control by HTTP, jobs and
//! triggers, log lines, attaching an NVTX tool and a site's first range for it, a CUDA context's
//! first timed range, a thread that the standard library did not start, the notice of a forked
//! child, and the thread that updates a spool once a second.
//!
//! With `torch_profiler_with_stack` a range costs 0.15 to 0.5 µs more for stacks of 8 to 40
//! functions (Linux; ten times as much on other systems), and up to 17 times the memory.
//!
//! # Flight recorder, and recordings that outlive the process
//!
//! With `ring: true` the newest ranges overwrite the oldest once `max_buffer_mb` is used up. A
//! trace then begins where the recording is complete; `ring_secs` and `ring_steps` shorten it.
//! [`dump_profile`] writes the recording so far while recording goes on, and so does an iteration
//! slower than `slow_step_ms`. A ring that overwrites executes about a fifth more instructions than
//! recording alone, if ranges repeat as in a loop.
//!
//! With `spool: true` (Linux) a session records into a memory-mapped file in its folder. A
//! recording can then be larger than memory, and [`spool::recover`] can write the artifacts of a process
//! that was killed or crashed. The end of the process loses nothing that was stored. A power
//! failure or a crash of the system loses what had not reached the disk, to which the file is
//! synced once a second. Blocks are allocated before they are used, so a full disk costs ranges,
//! which are counted, and nothing else. Together with `ring` the file is a black box of the size
//! `max_spool_mb`. Call stacks can be resolved as long as the program's files are unchanged;
//! CUPTI's records die with the process.
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
//! torchrun, Open MPI, MPICH, Slurm and indexed jobs of Kubernetes set rank, size and a common name
//! of the session; so do `RANK`, `WORLD_SIZE` and `PROFILER_SESSION_ID`. The page
//! `docs/launchers.md` of the repository describes each. [`merge::merge`] combines the ranks' traces into
//! one for Perfetto, on one clock, and reports how accurate the alignment is.
//!
//! # Nsight Systems
//!
//! Under `nsys profile --trace=nvtx,cuda …` every stage, step, op and request is an NVTX range,
//! whether or not a session is active. Its category is the kind, its colour depends on the name,
//! and its payload is the index of its step. A future has one range for its life and one for each
//! poll. `--capture-range=nvtx --nvtx-capture=denoise_step@profiler` captures only what a range
//! contains. The configuration's `nvtx_domain` renames the domain `profiler`; `nvtx: false`
//! disables the ranges. While no tool is attached, they cost nothing.
//!
//! # GPU time without CUPTI
//!
//! If CUPTI cannot run (another tool uses it, or permission is missing), and with `gpu_timing:
//! "events"`, CUDA events time the ranges that name their stream: [`cuda::stage_on`],
//! [`stage_on!`], and the same for ops and steps.
//!
//! # Many processes, and starting from outside
//!
//! A [`job::Coordinator`] starts and stops the sessions of worker processes together. A worker
//! needs only [`profile_from_env`] and `PROFILER_COORDINATOR` in its environment. The
//! configuration's `toggle_on_sigusr2` and `trigger_file` start and stop a program, or a job,
//! without a request. See [`job`].
//!
//! # Features
//!
//! | feature | default | does |
//! |---|---|---|
//! | `enable` | yes | records. Without it, the attributes check their arguments and return the function unchanged, and starting a session returns [`Error::Disabled`] |
//! | `stacks` | yes | captures and resolves call stacks (`torch_profiler_with_stack`) |
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
//! If a configuration needs a feature that is off, the profiler names the feature: a file in a
//! format that cannot be read is an error, and an artifact that cannot be written is `missing` in
//! the manifest.
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

// Linked for its implementations of `Shaped`, which nothing here names.
#[cfg(any(feature = "candle", feature = "half", feature = "ndarray"))]
use profiler_shapes as _;

/// Items that the attributes and the block macros expand to. Not covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use profiler_core::__private::*;
}
