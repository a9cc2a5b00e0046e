//! The table of fields: everything that can be configured.
//!
//! The first thirteen are vLLM-Omni's, with its names and defaults, so that its configurations work
//! unchanged. The rest are ours. To add a field, add a row: struct, setter, reader, flags, rules,
//! `explain`, the manifest and the page `docs/configuration.md` follow from it.

use std::path::PathBuf;

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use super::choice::{Activities, GpuTiming, PrintSummary, Profiler};
use super::kind::Kind;
use super::spans::SpanRules;
use super::table::{argument, convert, settings};
use super::value::Setting;
use profiler_trace::model::{CudaApiNames, ExportOptions, TraceFormat};

use Rule::{Excludes, File, Needs, Upstream, Variable, While};

/// One field of the configuration, as the reader, the flags and `explain` see it.
#[derive(Debug)]
pub(crate) struct Field {
    /// Name in JSON, YAML, TOML and after `--profiler-config.`.
    pub(crate) name: &'static str,
    /// Doc comment, one entry per line.
    doc: &'static [&'static str],
    /// Kind of its values.
    pub(crate) kind: Kind,
    /// Rules about the field, and its names elsewhere.
    pub(crate) rules: &'static [Rule],
    /// Stores a value that `kind` has accepted; returns false if it does not fit after all.
    pub(crate) set: fn(&mut ProfilerConfig, &Value) -> bool,
    /// Returns the effective value.
    pub(crate) get: fn(&ProfilerConfig) -> Value,
    /// Returns the effective path, if the field is one.
    pub(crate) path: fn(&mut ProfilerConfig) -> Option<&mut PathBuf>,
}

/// A rule about the field of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Has no effect with another profiler.
    NeedsProfiler(Profiler),
    /// Has no effect without this field.
    Needs(&'static str),
    /// Has no effect while this field is false.
    While(&'static str),
    /// Cannot be combined with this field, for this reason.
    Excludes(&'static str, &'static str),
    /// Must be a local file; this text suggests what to do instead of a URI.
    File(&'static str),
    /// Is an upstream field, since this version or pull request.
    Upstream(&'static str),
    /// Is set by this upstream variable, since this version or pull request.
    Variable(&'static str, &'static str),
}

impl Field {
    /// Returns the row of the field named `name`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// Returns the doc comment as one paragraph, without the brackets of links.
    pub(crate) fn meaning(&self) -> String {
        let lines: Vec<&str> = self.doc.iter().map(|line| line.trim()).collect();
        lines.join(" ").replace("[`", "`").replace("`]", "`")
    }

    /// Returns whether two configurations differ in this field.
    pub(crate) fn differs(&self, one: &ProfilerConfig, other: &ProfilerConfig) -> bool {
        (self.get)(one) != (self.get)(other)
    }
}

/// Maximum number of iterations. It has 32 bits, so that sums of several never overflow.
const ITERATIONS: u64 = u32::MAX as u64;

const NEEDS_TORCH: Rule = Rule::NeedsProfiler(Profiler::Torch);
const OMNI: Rule = Upstream("vLLM-Omni #3051");
const VLLM: &str = "vLLM";
const SGLANG: &str = "SGLang";

settings! {
    /// The configuration of a session: what it records and where it writes.
    ///
    /// Created with [`ProfilerConfig::torch`] and the setters, or read with
    /// [`ProfilerConfig::from_json`], [`ProfilerConfig::from_file`] or
    /// [`ProfilerConfig::from_env`]. Setters check nothing; [`ProfilerConfig::validate`] does, and
    /// a session calls it before it starts.
    ///
    /// ```
    /// use profiler_runtime::ProfilerConfig;
    ///
    /// let config = ProfilerConfig::torch("./perf").torch_profiler_record_shapes(true).max_iterations(10);
    /// let parsed = config.validate()?;
    /// assert!(parsed.warnings.is_empty());
    /// # Ok::<(), profiler_runtime::config::ConfigError>(())
    /// ```
    pub struct ProfilerConfig {
        /// Kind of recording: `torch` (traces, tables, snapshots), `cuda` (only the CUDA capture
        /// range, for Nsight Systems) or `none` (only the timings that `perf_dump_path` and
        /// `pipeline_profiler` configure).
        profiler: Profiler = Profiler::None, OMNI;
        /// Output folder. Required when `profiler` is `torch` and an error otherwise; the other
        /// kinds use `output_dir`. `~` is expanded, a relative path is made absolute, and a URI
        /// such as `s3://bucket` is kept.
        torch_profiler_dir: Option<PathBuf> = None, OMNI => torch_profiler_dir;
        /// Compress the trace: `trace_rank*.json` becomes `trace_rank*.json.gz`, `.pftrace` becomes
        /// `.pftrace.gz`.
        torch_profiler_use_gzip: bool = false, NEEDS_TORCH, OMNI, Variable("VLLM_TORCH_PROFILER_USE_GZIP", VLLM)
            => torch_profiler_use_gzip;
        /// Record the input shapes of ops: in the trace, and as sheet `by_shape` of the op table.
        torch_profiler_record_shapes: bool = false, NEEDS_TORCH, OMNI,
            Variable("VLLM_TORCH_PROFILER_RECORD_SHAPES", "vLLM #21803"),
            Variable("SGLANG_PROFILE_RECORD_SHAPES", SGLANG) => torch_profiler_record_shapes;
        /// Record call stacks: in the trace, as sheet `by_stack`, and as `stacks_cpu_rank*.txt` and
        /// `stacks_cuda_rank*.txt`.
        torch_profiler_with_stack: bool = false, NEEDS_TORCH, OMNI, Variable("VLLM_TORCH_PROFILER_WITH_STACK", VLLM),
            Variable("SGLANG_PROFILE_WITH_STACK", SGLANG) => torch_profiler_with_stack;
        /// Record memory events: in the trace, and as `memory_snapshot_rank*.pickle`.
        torch_profiler_with_memory: bool = false, NEEDS_TORCH, OMNI,
            Variable("VLLM_TORCH_PROFILER_WITH_PROFILE_MEMORY", "vLLM #21803") => torch_profiler_with_memory;
        /// Count floating-point operations: in the trace and the op table.
        torch_profiler_with_flops: bool = false, NEEDS_TORCH, OMNI, Variable("VLLM_TORCH_PROFILER_WITH_FLOPS", VLLM)
            => torch_profiler_with_flops;
        /// Write `profiler_out_<rank>.txt`, the op table sorted by `self_cuda_time_total`; rank 0
        /// also prints it.
        torch_profiler_dump_cuda_time_total: bool = false, NEEDS_TORCH, OMNI,
            Variable("VLLM_TORCH_PROFILER_DUMP_CUDA_TIME_TOTAL", VLLM) => torch_profiler_dump_cuda_time_total;
        /// Complete iterations to skip after the start before anything is recorded.
        delay_iterations: u64 = 0, in 0..=ITERATIONS, OMNI, Variable("VLLM_PROFILER_DELAY_ITERS", VLLM);
        /// Maximum number of iterations to record, after which the session stops by itself. 0 is no
        /// limit.
        max_iterations: u64 = 0, in 0..=ITERATIONS, OMNI, Variable("VLLM_PROFILER_MAX_ITERS", VLLM) => max_iterations;
        /// Iterations to ignore before the warm-up.
        wait_iterations: u64 = 0, in 0..=ITERATIONS, OMNI;
        /// Iterations to record and discard before the active ones.
        warmup_iterations: u64 = 0, in 0..=ITERATIONS, OMNI;
        /// Iterations to record after `wait_iterations` and `warmup_iterations`. Has an effect only
        /// if one of these is above 0.
        active_iterations: u64 = 1, in 1..=ITERATIONS, OMNI;

        /// Recorded activities when `profiler` is `torch`: `CPU` (the ranges of the program) and
        /// `CUDA` (GPU work). With `CUDA` alone there are no ranges in traces and tables. `XPU` is
        /// accepted, but Intel GPUs are not supported.
        torch_profiler_activities: Activities = Activities::default(), NEEDS_TORCH, Upstream("vLLM #57460");
        /// Output folder. When `profiler` is `torch`, another name of `torch_profiler_dir`; when it
        /// is `cuda`, the folder of the timing report, the summary and the manifest, by default
        /// `./profiler_out`.
        output_dir: Option<PathBuf> = None;
        /// Record only the stages whose names match one of these patterns, and everything inside
        /// them. `*` matches any text, `?` one character. Empty records everything.
        stages: Vec<String> = Vec::new() => stages;
        /// Name of the step loop that drives the iterations, such as `denoise_step`. Unset: the
        /// outermost loop.
        step_of: Option<String> = None => step_of;
        /// Seconds to wait after the start before anything is recorded.
        delay_secs: f64 = 0.0, Excludes("delay_iterations", "a session has one start");
        /// Seconds to record, after which the session stops by itself. 0 means no limit.
        duration_secs: f64 = 0.0;
        /// Memory for recorded events in MiB, over all threads. Events that do not fit are dropped,
        /// counted and reported; with `ring` the oldest are overwritten instead.
        max_buffer_mb: u64 = 256, in 1..=65_536;
        /// Flight recorder: when `max_buffer_mb` is used up, the newest events overwrite the
        /// oldest. While a dump is written, the events that it reads stay in memory in addition to
        /// `max_buffer_mb`.
        ring: bool = false;
        /// Show only the last seconds of a flight recorder. 0 shows everything.
        ring_secs: f64 = 0.0, Needs("ring");
        /// Show only the last iterations of a flight recorder. 0 shows everything.
        ring_steps: u64 = 0, in 0..=1 << 20, Needs("ring");
        /// Write the recording so far when an iteration takes longer than this many milliseconds;
        /// recording goes on. 0 never does.
        slow_step_ms: u64 = 0, in 0..=86_400_000, NEEDS_TORCH;
        /// Maximum number of dumps of slow iterations in a session.
        max_dumps: u64 = 10, in 1..=10_000, Needs("slow_step_ms");
        /// Record into a file in the session's folder instead of memory. The recording can be
        /// larger than memory and survives the end of the process. Linux only.
        spool: bool = false, NEEDS_TORCH => spool;
        /// Maximum size of that file in MiB; `max_buffer_mb` does not limit it.
        max_spool_mb: u64 = 16_384, in 2..=1 << 24, Needs("spool");
        /// Write the artifacts when the program ends without a stop: `main` returns, or
        /// `process::exit` is called. Delays the end by at most 60 seconds.
        write_on_exit: bool = true;
        /// Write the artifacts when SIGTERM, SIGINT, SIGHUP, SIGQUIT or SIGXCPU ends the program,
        /// in at most 20 seconds. A signal that the program handles or ignores is left to the
        /// program, and so is SIGALRM. A second signal, half a second later or more, ends the
        /// program at once. Exit status and core dump are those of the signal. Unix only.
        write_on_signal: bool = true;
        /// Write the artifacts when the program aborts (a panic that may not unwind, no memory) or
        /// crashes (SIGSEGV, SIGBUS, SIGILL, SIGFPE), if that is possible within 5 seconds. The
        /// session ends at the first such signal, even if a handler of the program lets it
        /// continue. Unix only.
        write_on_crash: bool = true;
        /// Show the standard library's functions (iterators, options, locks) in call stacks.
        stack_std_functions: bool = false, NEEDS_TORCH;
        /// File name of the trace, instead of `trace_rank{rank}.json[.gz]`. `{rank}` and
        /// `{request_id}` are replaced. In Perfetto's format, an ending `.json` becomes `.pftrace`.
        trace_file: Option<String> = None, NEEDS_TORCH => trace_file;
        /// Format of the trace: `chrome` (JSON, read by every tool), `perfetto`
        /// (`trace_rank{rank}.pftrace[.gz]`: a quarter of the size and with counters, but only for
        /// Perfetto) or `both`.
        trace_format: TraceFormat = TraceFormat::Chrome, NEEDS_TORCH => trace_format;
        /// Show every stage, step and op as an NVTX range to an attached tool, such as Nsight
        /// Systems, whether or not a session is active.
        nvtx: bool = true;
        /// NVTX domain of the ranges. Empty is the tool's default domain; `nsys --nvtx-capture`
        /// then needs no `@profiler` after the name.
        nvtx_domain: String = "profiler".to_owned();
        /// Record GPU work (kernels, copies, calls of the CUDA API) when `profiler` is `torch`, if
        /// there is a GPU and libcupti can be loaded.
        gpu: bool = true;
        /// Source of the GPU times of stages: `cupti` (exact, with kernels in the trace), `events`
        /// (CUDA events around the ranges that name their stream; light) or `auto` (CUPTI, or
        /// events if it cannot run).
        gpu_timing: GpuTiming = GpuTiming::Auto, NEEDS_TORCH, While("gpu");
        /// Write a trace event for each wait for a stream, event or context. Holistic Trace
        /// Analysis counts them as kernels.
        cuda_sync_events: bool = false, NEEDS_TORCH => cuda_sync_events;
        /// Print at the end of a session where the time went, what is missing and where the
        /// artifacts are, on standard error: `auto` (if that is a terminal), `always` or `never`.
        /// Only rank 0 prints; `quiet` prevents it.
        print_summary: PrintSummary = PrintSummary::Auto;
        /// Names of CUDA driver API calls in the JSON trace: `called` (as they are), `runtime`
        /// (those of the runtime API, by which Holistic Trace Analysis and TraceLens find launches)
        /// or `tensorboard` (the same, in the category that TensorBoard's plugin knows). For
        /// programs that call the driver directly, such as candle's.
        cuda_api_names: CudaApiNames = CudaApiNames::Called, NEEDS_TORCH => cuda_api_names;
        /// Write nothing to standard error. Otherwise, errors, warnings and the folder of the
        /// artifacts are written there if the program has no logger. `PROFILER_LOG=off` in the
        /// environment does the same.
        quiet: bool = false;
        /// Measure the CPU time of stages and steps in addition to their wall time: the time that
        /// their threads spent computing. Costs two system calls per stage, and a slower path for
        /// every range. Linux and macOS.
        cpu_time: bool = false => cpu_time;
        /// Write a light JSON report of stage and step times to this file, with or without a trace.
        /// A device or a pipe, such as `/dev/stdout`, is written into; for a symbolic link, the
        /// target is replaced.
        perf_dump_path: Option<PathBuf> = None, File("write it to a file and copy it from there") => perf_dump_path;
        /// Log and report the duration of every pipeline stage in `pipeline_targets`, with or
        /// without a trace.
        pipeline_profiler: bool = false => pipeline_profiler;
        /// Stages that `pipeline_profiler` times, as names or patterns.
        pipeline_targets: Vec<String> = default_targets(), While("pipeline_profiler") => pipeline_targets;
        /// Kinds of the ranges that spans of the `tracing` crate become, by the beginning of their
        /// target or of target and name, such as `{"tei::queue": "stage", "hyper=info": "op"}`; a
        /// level after `=` is the most detailed that is recorded. Spans of candle, burn and cubecl
        /// are ops, those of tower-http requests, those of hyper and tokio off, and all others
        /// stages. For programs with a layer of `profiler-tracing`.
        tracing: SpanRules = SpanRules::default();
        /// Start and stop sessions with the signal SIGUSR2. `profile_from_env`, and a server's
        /// `router_from_env` and `serve`, wait for the signal; `profile_from_env` then does not
        /// start a session at once.
        toggle_on_sigusr2: bool = false;
        /// Run a session while this file exists, which is checked five times a second.
        /// `profile_from_env` then waits for the file instead of starting at once.
        trigger_file: Option<PathBuf> = None, File("name a file on this machine");
    }
}

fn default_targets() -> Vec<String> {
    ["vae.encode", "vae.decode", "diffuse", "text_encoder.forward", "tokenizer.forward"].map(String::from).to_vec()
}

impl ProfilerConfig {
    /// Returns the fields whose value differs from the default.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &'static Field> + use<'_> {
        let default = Self::default();
        FIELDS.iter().filter(move |field| field.differs(self, &default))
    }

    /// Returns every field with its value, in the order of the table.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static str, Value)> {
        FIELDS.iter().map(|field| (field.name, (field.get)(self)))
    }
}

/// Serializes to an object with every field, in the order of the table, as the manifest shows it.
impl Serialize for ProfilerConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The page contains the table of fields; `UPDATE_DOCS=1` writes it.
    #[test]
    fn the_page_has_every_field() {
        let default = ProfilerConfig::default();
        let mut table = String::from("| field | value | default | meaning |\n|---|---|---|---|\n");
        for field in FIELDS {
            let kind = field.kind.expects();
            // Spaces let a reader's page break a long list.
            let usual = (field.get)(&default).to_string().replace("\",\"", "\", \"");
            table.push_str(&format!("| `{}` | {kind} | `{usual}` | {} |\n", field.name, field.meaning()));
        }
        crate::config::documented("configuration.md", "fields", &table);
    }

    #[test]
    fn rules_name_fields_that_exist() {
        for field in FIELDS {
            for rule in field.rules {
                if let Needs(other) | While(other) | Excludes(other, _) = rule {
                    assert!(Field::named(other).is_some(), "{}: {other}", field.name);
                }
            }
        }
    }
}
