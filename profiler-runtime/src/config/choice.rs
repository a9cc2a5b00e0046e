//! Settings whose value is one word, or several words, of a list. Each has a type, because other
//! modules branch on it.

use serde_json::Value;

use super::kind::Kind;
use super::value::Setting;
use profiler_trace::model::{CudaApiNames, TraceFormat, words};

words! {
    /// Kind of recording beyond stage timings.
    pub enum Profiler {
        /// Traces, op tables, stacks and memory snapshots, as `torch.profiler` writes them.
        Torch = "torch",
        /// Only the CUDA capture range and NVTX, for a run under Nsight Systems.
        Cuda = "cuda",
        /// Only the timings that `perf_dump_path` and `pipeline_profiler` configure.
        #[default]
        None = "none",
    }
}

words! {
    /// Source of the GPU times of stages.
    pub enum GpuTiming {
        /// CUPTI, or CUDA events if CUPTI cannot run.
        #[default]
        Auto = "auto",
        /// CUPTI only.
        Cupti = "cupti",
        /// CUDA events around the ranges that name their stream, such as
        /// [`cuda::stage_on`](crate::cuda::stage_on). Light: two events per range, and no kernels
        /// in the trace.
        Events = "events",
    }
}

words! {
    /// Condition for printing the summary on standard error.
    pub enum PrintSummary {
        /// Prints if standard error is a terminal.
        #[default]
        Auto = "auto",
        /// Always prints.
        Always = "always",
        /// Never prints.
        Never = "never",
    }
}

/// Implements [`Setting`] for types whose value is one word.
macro_rules! one_word {
    ($($type:ident),+) => {$(
        impl Setting for $type {
            const KIND: Kind = Kind::Choice(Self::NAMES);

            fn to_value(&self) -> Value {
                Value::from(self.as_str())
            }

            /// Reads a word; null means `none`, if that is one of the words.
            fn from_value(value: &Value) -> Option<Self> {
                let word = value.as_str().or(value.is_null().then_some("none"))?;
                Self::ALL.iter().copied().find(|each| each.as_str() == word)
            }
        }
    )+};
}

one_word!(Profiler, GpuTiming, PrintSummary, TraceFormat, CudaApiNames);

/// Activities of a running program that a session records when `profiler` is `torch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Activities {
    /// Ranges of the program: stages, steps and ops.
    pub cpu: bool,
    /// GPU work: kernels, copies and calls of the CUDA API.
    pub cuda: bool,
    /// Intel GPUs, which are not supported: a configuration that names them gets a warning.
    pub xpu: bool,
}

impl Activities {
    /// Ranges only.
    pub const CPU: Self = Self { cpu: true, cuda: false, xpu: false };
    /// GPU work only.
    pub const CUDA: Self = Self { cpu: false, cuda: true, xpu: false };
}

/// The default is ranges and GPU work.
impl Default for Activities {
    fn default() -> Self {
        Self { cpu: true, ..Self::CUDA }
    }
}

impl Setting for Activities {
    const KIND: Kind = Kind::Words(&["CPU", "CUDA", "GPU", "XPU"]);

    fn to_value(&self) -> Value {
        let words = [("CPU", self.cpu), ("CUDA", self.cuda), ("XPU", self.xpu)];
        words.into_iter().filter(|(_, on)| *on).map(|(word, _)| word).collect()
    }

    /// Reads a list of words; null means "not set", and `GPU` is SGLang's word for `CUDA`.
    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() {
            return Some(Self::default());
        }
        let words = value.as_array()?;
        let has = |word: &str| words.iter().any(|given| given == word);
        Some(Self { cpu: has("CPU"), cuda: has("CUDA") || has("GPU"), xpu: has("XPU") })
    }
}

impl GpuTiming {
    /// Returns whether the source with this name may be used.
    pub(crate) fn allows(self, source: &str) -> bool {
        self == Self::Auto || self.as_str() == source
    }
}
