//! How GPU time is measured.
//!
//! A type of its own because `session` branches on it.

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

impl GpuTiming {
    /// The names, in the order in which messages list them.
    pub(crate) const NAMES: &'static [&'static str] = &["auto", "cupti", "events"];

    /// The name in a configuration: `auto`, `cupti` or `events`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cupti => "cupti",
            Self::Events => "events",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Auto, Self::Cupti, Self::Events].into_iter().find(|timing| timing.as_str() == name)
    }
}

impl std::fmt::Display for GpuTiming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
