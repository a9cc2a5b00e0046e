//! Options of an export: the part of a configuration that the model and the exporters read.
//!
//! The runtime fills them from a `ProfilerConfig`, whose fields of the same names document each.

use std::path::PathBuf;

use serde_json::Value;

use super::pattern::matches;
use super::words::words;

/// Artifacts to write, and how to write them.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// Artifacts in the session's folder.
    pub content: Content,
    /// Directory for traces that the user named.
    pub torch_profiler_dir: Option<PathBuf>,
    /// True if traces are gzip-compressed.
    pub torch_profiler_use_gzip: bool,
    /// True if input shapes were recorded.
    pub torch_profiler_record_shapes: bool,
    /// True if call stacks were recorded.
    pub torch_profiler_with_stack: bool,
    /// Reason why call stacks were not recorded although they were requested.
    pub no_stacks: Option<&'static str>,
    /// True if allocations were recorded.
    pub torch_profiler_with_memory: bool,
    /// True if floating-point operations were counted.
    pub torch_profiler_with_flops: bool,
    /// True if the operator table is also written as text.
    pub torch_profiler_dump_cuda_time_total: bool,
    /// Maximum number of iterations to record; 0 means no limit.
    pub max_iterations: u64,
    /// Loop that drives the session.
    pub step_of: Option<String>,
    /// Patterns of the recorded stages; empty if all were recorded.
    pub stages: Vec<String>,
    /// True if threads' CPU time was recorded.
    pub cpu_time: bool,
    /// True if the trace shows GPU synchronisations.
    pub cuda_sync_events: bool,
    /// Naming of CUDA driver API calls.
    pub cuda_api_names: CudaApiNames,
    /// Format of the trace.
    pub trace_format: TraceFormat,
    /// The user's pattern for the trace's file name.
    pub trace_file: Option<String>,
    /// True if the session was recorded into a memory-mapped file.
    pub spool: bool,
    /// Path of the light report.
    pub perf_dump_path: Option<PathBuf>,
    /// True if the pipeline profiler's lines are written.
    pub pipeline_profiler: bool,
    /// Patterns of the stages in those lines.
    pub pipeline_targets: Vec<String>,
    /// Complete effective configuration, field by field, for artifacts that show it.
    pub configuration: Vec<(&'static str, Value)>,
}

/// Extent of the artifacts in a session's folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// No artifacts.
    #[default]
    Nothing,
    /// Reports and the manifest.
    Reports,
    /// Reports, the manifest, and everything that `torch.profiler` writes: traces, operator tables,
    /// stacks, memory snapshots.
    Everything,
}

impl ExportOptions {
    /// Returns whether `stages` restricted the recording.
    pub fn is_selective(&self) -> bool {
        !self.stages.is_empty()
    }

    /// Returns whether the pipeline profiler is on and times the stage `name`.
    pub fn times(&self, name: &str) -> bool {
        self.pipeline_profiler && self.pipeline_targets.iter().any(|pattern| matches(pattern, name))
    }

    /// Returns the file name of the trace in Perfetto's format or as JSON.
    ///
    /// In `request_id`, every character except ASCII letters, digits, `-`, `_` and `.` becomes `_`.
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
    /// Format of a session's trace.
    pub enum TraceFormat {
        /// `trace_rank{R}.json`, Kineto's dialect of the Chrome trace format, read by Perfetto,
        /// Holistic Trace Analysis and TensorBoard.
        #[default]
        Chrome = "chrome",
        /// `trace_rank{R}.pftrace`, Perfetto's native format, with counters; read by Perfetto
        /// alone.
        ///
        /// The file is a quarter of the JSON's size (half of it with shapes, or when both are
        /// compressed) and takes less time to write. In exchange, Perfetto 52 takes 1.3 times as
        /// long to load it, because a slice is two packets instead of one event; version 57 and
        /// later decode packets about one and a half times as fast.
        Perfetto = "perfetto",
        /// Both files.
        Both = "both",
    }
}

words! {
    /// Names of CUDA driver API calls in the JSON trace. A program that calls the driver directly,
    /// for example through candle or cudarc, launches kernels with `cuLaunchKernel`, while tools
    /// written for PyTorch look for `cudaLaunchKernel`.
    pub enum CudaApiNames {
        /// Name of the function that was called, as Kineto writes it.
        #[default]
        Called = "called",
        /// Name of the equivalent runtime API call, with the category `cuda_runtime`; the argument
        /// `called` keeps the original name. Holistic Trace Analysis and TraceLens find launches
        /// this way.
        Runtime = "runtime",
        /// Like [`Runtime`](Self::Runtime), but with the category `Runtime`, also for calls of the
        /// runtime API itself. TensorBoard's profiler plugin recognises no other category; for that
        /// reason it shows no device times of PyTorch's own traces either.
        Tensorboard = "tensorboard",
    }
}
