//! The artifacts that are asked for: all that the model and the exporters know of a configuration.
//!
//! The recorder fills it: the runtime from a `ProfilerConfig`, whose fields of the same names say
//! what each means.

use std::path::PathBuf;

use serde_json::Value;

use super::pattern::matches;
use super::words::words;

/// The files to write, and how.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// Artifacts in the session's folder.
    pub content: Content,
    /// Folder for traces whose name is the user's.
    pub torch_profiler_dir: Option<PathBuf>,
    /// True if traces are compressed.
    pub torch_profiler_use_gzip: bool,
    /// True if input shapes were recorded.
    pub torch_profiler_record_shapes: bool,
    /// True if call stacks were recorded.
    pub torch_profiler_with_stack: bool,
    /// Reason why call stacks were not recorded, although they were asked for.
    pub no_stacks: Option<&'static str>,
    /// True if allocations were recorded.
    pub torch_profiler_with_memory: bool,
    /// True if floating-point operations were counted.
    pub torch_profiler_with_flops: bool,
    /// True if the operator table is written as text too.
    pub torch_profiler_dump_cuda_time_total: bool,
    /// Most iterations that were to be recorded; 0 is no limit.
    pub max_iterations: u64,
    /// The loop that drives the session.
    pub step_of: Option<String>,
    /// Patterns of the stages that were recorded; empty for all.
    pub stages: Vec<String>,
    /// True if threads' CPU time was recorded.
    pub cpu_time: bool,
    /// True if the trace has waits for the GPU.
    pub cuda_sync_events: bool,
    /// Names of calls of the CUDA driver's API.
    pub cuda_api_names: CudaApiNames,
    /// Format of the trace.
    pub trace_format: TraceFormat,
    /// The user's pattern for a trace's name.
    pub trace_file: Option<String>,
    /// True if the session was recorded into a file that is mapped into memory.
    pub spool: bool,
    /// Path of the light report.
    pub perf_dump_path: Option<PathBuf>,
    /// True if the lines of the pipeline profiler are written.
    pub pipeline_profiler: bool,
    /// Patterns of the stages in these lines.
    pub pipeline_targets: Vec<String>,
    /// Whole configuration in effect, field by field, for the artifacts that show it.
    pub configuration: Vec<(&'static str, Value)>,
}

/// The artifacts in a session's folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// None.
    #[default]
    Nothing,
    /// The reports and the manifest.
    Reports,
    /// These, and all that `torch.profiler` writes: traces, operator tables, stacks, memory
    /// snapshots.
    Everything,
}

impl ExportOptions {
    /// Returns whether only some stages were recorded: `stages` names them.
    pub fn is_selective(&self) -> bool {
        !self.stages.is_empty()
    }

    /// Returns whether the pipeline profiler is on and times the stage `name`.
    pub fn times(&self, name: &str) -> bool {
        self.pipeline_profiler && self.pipeline_targets.iter().any(|pattern| matches(pattern, name))
    }

    /// Returns the name of the trace in Perfetto's format, or of the JSON.
    ///
    /// In `request_id`, everything but ASCII letters, digits, `-`, `_` and `.` becomes `_`.
    pub fn trace_name(&self, perfetto: bool, rank: u32, request_id: &str) -> String {
        let extension = if perfetto { ".pftrace" } else { ".json" };
        let suffix = if self.torch_profiler_use_gzip { ".gz" } else { "" };
        let Some(pattern) = &self.trace_file else {
            return format!("trace_rank{rank}{extension}{suffix}");
        };
        let bare = pattern.strip_suffix(".gz").unwrap_or(pattern);
        let bare = bare.strip_suffix(".json").or(bare.strip_suffix(".pftrace")).unwrap_or(bare);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let id: String = request_id.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
        let name = bare.replace("{rank}", &rank.to_string()).replace("{request_id}", &id);
        format!("{name}{extension}{suffix}")
    }
}

words! {
    /// The format of a session's trace.
    pub enum TraceFormat {
        /// `trace_rank{R}.json`, Kineto's dialect of the Chrome trace format: for Perfetto,
        /// Holistic Trace Analysis and TensorBoard.
        #[default]
        Chrome = "chrome",
        /// `trace_rank{R}.pftrace`, Perfetto's own format, with counters; for Perfetto alone.
        ///
        /// What it gains: a quarter of the size (half of it with shapes, and when both are
        /// compressed), and less time to write. What it costs: Perfetto 52 takes 1.3 times as long
        /// to load it as the JSON, because it reads two packets for a slice instead of one event;
        /// from version 57 on it decodes packets about one and a half times as fast.
        Perfetto = "perfetto",
        /// Both files.
        Both = "both",
    }
}

words! {
    /// The names of calls of the CUDA driver's API in the JSON trace. A program that calls the
    /// driver directly, such as one on candle or cudarc, launches by `cuLaunchKernel`, and tools
    /// that were made for PyTorch look for `cudaLaunchKernel`.
    pub enum CudaApiNames {
        /// The function that was called, as Kineto writes it.
        #[default]
        Called = "called",
        /// As the calls of the runtime's API that do the same, with the category `cuda_runtime`;
        /// the argument `called` keeps the name. Holistic Trace Analysis and TraceLens find
        /// launches by that.
        Runtime = "runtime",
        /// The same, with the category `Runtime`, also of calls that the program made of the
        /// runtime's API: TensorBoard's profiler plugin knows no other, and shows no device times
        /// of PyTorch's own traces either.
        Tensorboard = "tensorboard",
    }
}
