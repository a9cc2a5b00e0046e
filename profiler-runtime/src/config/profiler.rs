//! Which profiler a session runs.
//!
//! A type of its own because three rooms branch on it: `config` for what is allowed beside it, `session` for what to
//! start, `collect` for the CUDA capture range.

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

impl Profiler {
    /// Every profiler, in the order in which messages list them.
    pub(crate) const ALL: [Self; 3] = [Self::Torch, Self::Cuda, Self::None];

    /// The name in a configuration: `none`, `torch` or `cuda`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Torch => "torch",
            Self::Cuda => "cuda",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profiler| profiler.as_str() == name)
    }
}

impl std::fmt::Display for Profiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
