//! The table of fields: everything that can be configured, once.
//!
//! The first thirteen are vLLM-Omni's, with its names and defaults, so that its configurations work unchanged. The
//! rest are ours. To add a field, add a row: reader, flags, `explain` and the manifest follow.

use std::path::PathBuf;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::choice::{Activities, GpuTiming, PrintSummary, Profiler};
use super::kind::Kind;
use super::table::{Field, settings};
use super::value::Setting;
use profiler_trace::model::{CudaApiNames, TraceFormat};

/// Iterations fit 32 bits: sums of several never overflow, and nobody waits for the four-billionth step.
const ITERATIONS: Kind = Kind::Whole { least: 0, most: u32::MAX as u64 };

settings! {
    /// What one session records and where it writes.
    ///
    /// Make one with [`ProfilerConfig::torch`] and the setters, or read one with [`ProfilerConfig::from_json`],
    /// [`ProfilerConfig::from_file`] or [`ProfilerConfig::from_env`]. The setters check nothing;
    /// [`ProfilerConfig::validate`] does, and the session calls it before it starts.
    ///
    /// ```
    /// use profiler_runtime::ProfilerConfig;
    ///
    /// let config = ProfilerConfig::torch("./perf").torch_profiler_record_shapes(true).max_iterations(10);
    /// let parsed = config.validate()?;
    /// assert!(parsed.warnings.is_empty());
    /// # Ok::<(), profiler_runtime::ConfigError>(())
    /// ```
    pub struct ProfilerConfig {
        /// What to record: `torch` (traces, tables, snapshots), `cuda` (only the CUDA capture range, for Nsight
        /// Systems) or `none` (only the timings that `perf_dump_path` and `pipeline_profiler` ask for).
        profiler: Profiler = Profiler::None, Kind::Choice(Profiler::NAMES);
        /// Output folder. Required when `profiler` is `torch`, an error with any other: `output_dir` is for both. `~`
        /// expands, a relative path is made absolute, a URI such as `s3://bucket` is left as it is.
        torch_profiler_dir: Option<PathBuf> = None, Kind::Path;
        /// Compress the trace: `trace_rank*.json` becomes `trace_rank*.json.gz`, `.pftrace` becomes `.pftrace.gz`.
        torch_profiler_use_gzip: bool = false, Kind::Flag;
        /// Record the input shapes of ops: in the trace, and as sheet `by_shape` of the op table.
        torch_profiler_record_shapes: bool = false, Kind::Flag;
        /// Record call stacks: in the trace, as sheet `by_stack`, and as `stacks_cpu_rank*.txt` and
        /// `stacks_cuda_rank*.txt`.
        torch_profiler_with_stack: bool = false, Kind::Flag;
        /// Record memory events: in the trace, and as `memory_snapshot_rank*.pickle`.
        torch_profiler_with_memory: bool = false, Kind::Flag;
        /// Count floating-point operations: in the trace and the op table.
        torch_profiler_with_flops: bool = false, Kind::Flag;
        /// Write `profiler_out_<rank>.txt`, the op table sorted by `self_cuda_time_total`; rank 0 also prints it.
        torch_profiler_dump_cuda_time_total: bool = false, Kind::Flag;
        /// Complete iterations to skip after the start before anything is recorded.
        delay_iterations: u64 = 0, ITERATIONS;
        /// Most iterations to record; then the session stops by itself. 0 is no limit.
        max_iterations: u64 = 0, ITERATIONS;
        /// Iterations off, before the warm-up.
        wait_iterations: u64 = 0, ITERATIONS;
        /// Iterations recorded and discarded, before the ones that count.
        warmup_iterations: u64 = 0, ITERATIONS;
        /// Iterations recorded after `wait_iterations` and `warmup_iterations`. Counts only if one of these is above 0.
        active_iterations: u64 = 1, Kind::Whole { least: 1, most: u32::MAX as u64 };

        /// Parts to record when `profiler` is `torch`: `CPU` (the ranges of the program) and `CUDA` (work of the GPU). With
        /// `CUDA` alone there are no ranges in traces and tables. `XPU` is accepted, and nothing records one.
        torch_profiler_activities: Activities = Activities::default(), Kind::Words(Activities::WORDS);
        /// Output folder when `profiler` is `torch`, where it is another name of `torch_profiler_dir`, or `cuda`, which
        /// writes the timing report, the summary and the manifest: into `./profiler_out` unless this says otherwise.
        output_dir: Option<PathBuf> = None, Kind::Path;
        /// Record only the stages whose names match one of these patterns, and what runs inside them. `*` stands for
        /// any text, `?` for one character. Empty records everything.
        stages: Vec<String> = Vec::new(), Kind::Texts;
        /// Name of the step loop that drives the iterations, such as `denoise_step`. Unset: the outermost loop that
        /// runs.
        step_of: Option<String> = None, Kind::Text;
        /// Seconds to wait after the start before anything is recorded.
        delay_secs: f64 = 0.0, Kind::Seconds;
        /// Seconds to record; then the session stops by itself. 0 is no limit.
        duration_secs: f64 = 0.0, Kind::Seconds;
        /// Memory for recorded events, in MiB, over all threads. What does not fit is dropped, counted and reported;
        /// with `ring` the oldest is overwritten instead.
        max_buffer_mb: u64 = 256, Kind::Whole { least: 1, most: 65_536 };
        /// Flight recorder: when the room is spent, the newest events overwrite the oldest. While a dump is written, what
        /// it reads stays in memory beside `max_buffer_mb`.
        ring: bool = false, Kind::Flag;
        /// Show only the last so many seconds of a flight recorder. 0 shows all that is there.
        ring_secs: f64 = 0.0, Kind::Seconds;
        /// Show only the last so many iterations of a flight recorder. 0 shows all that is there.
        ring_steps: u64 = 0, Kind::Whole { least: 0, most: 1 << 20 };
        /// Write what is recorded so far when an iteration took longer than so many milliseconds; recording goes on. 0
        /// never does.
        slow_step_ms: u64 = 0, Kind::Whole { least: 0, most: 86_400_000 };
        /// Most dumps of slow iterations that a session writes.
        max_dumps: u64 = 10, Kind::Whole { least: 1, most: 10_000 };
        /// Record into a file in the session's folder instead of memory: for recordings that are larger than memory, and
        /// that survive the end of the process, whatever ends it. Linux only.
        spool: bool = false, Kind::Flag;
        /// Largest size of that file, in MiB; `max_buffer_mb` does not bound it.
        max_spool_mb: u64 = 16_384, Kind::Whole { least: 2, most: 1 << 24 };
        /// Write the artifacts when the program ends without a stop: `main` returns, or `process::exit` is called. The
        /// process is kept for up to 60 seconds until they are written.
        write_on_exit: bool = true, Kind::Flag;
        /// Write the artifacts when SIGTERM, SIGINT, SIGHUP, SIGQUIT or SIGXCPU ends the program, for up to 20 seconds. A
        /// signal that the program handles or ignores is left to the program, and so is SIGALRM; a second signal, half a
        /// second later or more, ends it at once. Exit status and core dump are those of the signal. Unix only.
        write_on_signal: bool = true, Kind::Flag;
        /// Write the artifacts when the program aborts (a panic that may not unwind, no memory) or crashes (SIGSEGV,
        /// SIGBUS, SIGILL, SIGFPE), as far as that is possible within 5 seconds. The session ends at the first such signal,
        /// also if a handler of the program then lets it run on. Unix only.
        write_on_crash: bool = true, Kind::Flag;
        /// Keep the standard library's functions (of iterators, options, locks) in call stacks.
        stack_std_functions: bool = false, Kind::Flag;
        /// File name of the trace, instead of `trace_rank{rank}.json[.gz]`. `{rank}` and `{request_id}` are replaced. In
        /// Perfetto's format the name ends in `.pftrace` where this ends in `.json`.
        trace_file: Option<String> = None, Kind::Text;
        /// Format of the trace: `chrome` (JSON, read by every tool), `perfetto` (`trace_rank{rank}.pftrace[.gz]`: a quarter
        /// of the size and with counters, but only for Perfetto) or `both`.
        trace_format: TraceFormat = TraceFormat::Chrome, Kind::Choice(TraceFormat::NAMES);
        /// Show every stage, step and op as an NVTX range to a tool that is attached, such as Nsight Systems, whether or
        /// not a session is active.
        nvtx: bool = true, Kind::Flag;
        /// The NVTX domain of the ranges. Empty is the tool's default domain: then `nsys --nvtx-capture` needs no
        /// `@profiler` after the name.
        nvtx_domain: String = "profiler".to_owned(), Kind::Text;
        /// Record what the GPU does (kernels, copies, calls of the CUDA API) when `profiler` is `torch`, if there is a GPU
        /// and libcupti can be loaded.
        gpu: bool = true, Kind::Flag;
        /// Where GPU times of stages come from: `cupti` (exact, with kernels in the trace), `events` (CUDA events around
        /// the ranges that name their stream; light) or `auto` (CUPTI, and events where it cannot run).
        gpu_timing: GpuTiming = GpuTiming::Auto, Kind::Choice(GpuTiming::NAMES);
        /// Write a trace event for each wait for a stream, event or context. Holistic Trace Analysis counts them as
        /// kernels.
        cuda_sync_events: bool = false, Kind::Flag;
        /// Print at the end of a session where the time went, what is missing and where the artifacts are, on standard
        /// error: `auto` (if that is a terminal), `always` or `never`. Rank 0 does; `quiet` stops it too.
        print_summary: PrintSummary = PrintSummary::Auto, Kind::Choice(PrintSummary::NAMES);
        /// Names of calls of the CUDA driver's API in the JSON trace: `called` (as they are), `runtime` (as the runtime's
        /// API calls them: Holistic Trace Analysis and TraceLens find launches by that) or `tensorboard` (the same, in the
        /// category that TensorBoard's plugin knows). For programs that call the driver directly, such as candle's.
        cuda_api_names: CudaApiNames = CudaApiNames::Called, Kind::Choice(CudaApiNames::NAMES);
        /// Leave standard error alone: without it, errors, warnings and the folder of the artifacts are written there in a
        /// program that has no logger. `PROFILER_LOG=off` in the environment does the same.
        quiet: bool = false, Kind::Flag;
        /// Measure the CPU time of stages and steps beside their wall time: what their threads spent computing. Costs two
        /// system calls a stage, and one slower path for every range. Linux and macOS.
        cpu_time: bool = false, Kind::Flag;
        /// Write a light JSON report of stage and step times to this file, with or without a trace. A device or a pipe is
        /// written into, `/dev/stdout` too; behind a link, the link's target is replaced.
        perf_dump_path: Option<PathBuf> = None, Kind::Path;
        /// Log and keep the duration of every pipeline stage in `pipeline_targets`, with or without a trace.
        pipeline_profiler: bool = false, Kind::Flag;
        /// The stages that `pipeline_profiler` times, as names or patterns.
        pipeline_targets: Vec<String> = default_targets(), Kind::Texts;
        /// The signal SIGUSR2 starts a session, the next one stops it. `profile_from_env`, and the `router_from_env` and
        /// `serve` of a server, then wait for it; `profile_from_env` does so instead of starting at once.
        toggle_on_sigusr2: bool = false, Kind::Flag;
        /// A session runs while this file exists: it is looked for five times a second. `profile_from_env` then waits for
        /// it instead of starting at once.
        trigger_file: Option<PathBuf> = None, Kind::Path;
    }
}

fn default_targets() -> Vec<String> {
    ["vae.encode", "vae.decode", "diffuse", "text_encoder.forward", "tokenizer.forward"].map(String::from).to_vec()
}

/// As an object with every field, in the order of the table: what the manifest shows.
impl Serialize for ProfilerConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(FIELDS.len()))?;
        for field in FIELDS {
            map.serialize_entry(field.name, &(field.get)(self))?;
        }
        map.end()
    }
}
