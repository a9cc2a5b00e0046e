//! The settings that are one of a few words, or some of them: a type each, because other rooms
//! branch on them.
//!
//! `config` judges what is allowed beside a word, `session` what to start, `export` and `collect`
//! what to write and to open.

use serde_json::Value;

use super::kind::Kind;
use super::value::Setting;
use profiler_trace::model::{CudaApiNames, TraceFormat, words};

words! {
    /// Parts of a recording, beyond stage timings.
    pub enum Profiler {
        /// Traces, op tables, stacks and memory snapshots, as `torch.profiler` writes them.
        Torch = "torch",
        /// Only the CUDA capture range and NVTX, for a run under Nsight Systems.
        Cuda = "cuda",
        /// Nothing beyond the timings that `perf_dump_path` and `pipeline_profiler` ask for.
        #[default]
        None = "none",
    }
}

words! {
    /// Source of the GPU times of stages.
    pub enum GpuTiming {
        /// CUPTI; where it cannot run, CUDA events.
        #[default]
        Auto = "auto",
        /// CUPTI only.
        Cupti = "cupti",
        /// CUDA events around the ranges that name their stream, such as
        /// [`cuda::stage_on`](crate::cuda::stage_on). Light: two events a range, and no kernels in
        /// the trace.
        Events = "events",
    }
}

words! {
    /// Condition for a session to print its summary on standard error.
    pub enum PrintSummary {
        /// Prints if standard error is a terminal.
        #[default]
        Auto = "auto",
        /// Prints in any case.
        Always = "always",
        /// Never prints.
        Never = "never",
    }
}

/// The settings that are one word.
macro_rules! one_word {
    ($($type:ident),+) => {$(
        impl Setting for $type {
            const KIND: Kind = Kind::Choice(Self::NAMES);

            fn to_value(&self) -> Value {
                Value::from(self.as_str())
            }

            /// Accepts null as `none`, where that is one of the words.
            fn from_value(value: &Value) -> Option<Self> {
                let word = value.as_str().or(value.is_null().then_some("none"))?;
                Self::ALL.iter().copied().find(|each| each.as_str() == word)
            }
        }
    )+};
}

one_word!(Profiler, GpuTiming, PrintSummary, TraceFormat, CudaApiNames);

/// The parts of a running program that a session records when `profiler` is `torch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Activities {
    /// The ranges of the program: stages, steps and ops.
    pub cpu: bool,
    /// Work of the GPU: kernels, copies, calls of the CUDA API.
    pub cuda: bool,
    /// Intel's GPUs, which nothing here records: a configuration that names them gets a warning.
    pub xpu: bool,
}

impl Activities {
    /// Value with ranges only.
    pub const CPU: Self = Self { cpu: true, cuda: false, xpu: false };
    /// Value with work of the GPU, and nothing else.
    pub const CUDA: Self = Self { cpu: false, cuda: true, xpu: false };
}

/// The default has ranges and the GPU's work.
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

    /// Accepts null as "not set", and `GPU`, SGLang's word for `CUDA`.
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
    /// Returns whether it asks for the source with this name.
    pub(crate) fn asks_for(self, source: &str) -> bool {
        self == Self::Auto || self.as_str() == source
    }
}
