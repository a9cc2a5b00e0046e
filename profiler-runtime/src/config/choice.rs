//! The settings that are one of a few words, or some of them: a type each, because other rooms branch on them.
//!
//! `config` judges what is allowed beside a word, `session` what to start, `export` and `collect` what to write and to
//! open.

use serde_json::Value;

use super::value::Setting;
use profiler_trace::model::{CudaApiNames, TraceFormat};

/// What a session records, beyond stage timings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profiler {
    /// Nothing beyond the timings that `perf_dump_path` and `pipeline_profiler` ask for.
    #[default]
    None,
    /// Traces, op tables, stacks and memory snapshots, as `torch.profiler` writes them.
    Torch,
    /// Only the CUDA capture range and NVTX, for a run under Nsight Systems.
    Cuda,
}

/// Where a session takes the GPU times of stages from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum GpuTiming {
    /// From CUPTI; where it cannot run, from CUDA events.
    #[default]
    Auto,
    /// From CUPTI only.
    Cupti,
    /// From CUDA events around the ranges that name their stream, such as [`cuda::stage_on`](crate::cuda::stage_on).
    /// Light: two events a range, and no kernels in the trace.
    Events,
}

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
    /// Ranges only.
    pub const CPU: Self = Self { cpu: true, cuda: false, xpu: false };
    /// Work of the GPU, and nothing else.
    pub const CUDA: Self = Self { cpu: false, cuda: true, xpu: false };

    /// The names in a configuration; `GPU` is SGLang's for `CUDA`.
    pub(crate) const WORDS: &[&str] = &["CPU", "CUDA", "GPU", "XPU"];
}

/// Ranges and what the GPU does.
impl Default for Activities {
    fn default() -> Self {
        Self { cpu: true, ..Self::CUDA }
    }
}

impl Setting for Activities {
    fn to_value(&self) -> Value {
        let words = [("CPU", self.cpu), ("CUDA", self.cuda), ("XPU", self.xpu)];
        words.into_iter().filter(|(_, on)| *on).map(|(word, _)| word).collect()
    }

    /// Null is "not set".
    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() {
            return Some(Self::default());
        }
        let words = value.as_array()?;
        let has = |word: &str| words.iter().any(|given| given == word);
        Some(Self { cpu: has("CPU"), cuda: has("CUDA") || has("GPU"), xpu: has("XPU") })
    }
}

/// When a session prints its summary on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PrintSummary {
    /// Prints if standard error is a terminal.
    #[default]
    Auto,
    /// Prints in any case.
    Always,
    /// Never prints.
    Never,
}

/// The words of a type, there and back, in the order in which messages list them.
macro_rules! words {
    ($type:ident: $($variant:ident = $word:literal),+) => {
        impl $type {
            /// The names in a configuration.
            pub(crate) const NAMES: &[&str] = &[$($word),+];

            /// The name in a configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Setting for $type {
            fn to_value(&self) -> Value {
                Value::from(self.as_str())
            }

            fn from_value(value: &Value) -> Option<Self> {
                // Null is `none`, where that is one of the words.
                match value.as_str().or(value.is_null().then_some("none"))? {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words!(Profiler: Torch = "torch", Cuda = "cuda", None = "none");
words!(PrintSummary: Auto = "auto", Always = "always", Never = "never");
words!(GpuTiming: Auto = "auto", Cupti = "cupti", Events = "events");

/// The settings whose types are those of what is written.
macro_rules! words_elsewhere {
    ($($type:ident),+) => {$(
        impl Setting for $type {
            fn to_value(&self) -> Value {
                Value::from(self.as_str())
            }

            fn from_value(value: &Value) -> Option<Self> {
                Self::ALL.into_iter().find(|each| value == each.as_str())
            }
        }
    )+};
}

words_elsewhere!(TraceFormat, CudaApiNames);
