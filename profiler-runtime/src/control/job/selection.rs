//! Which part of a job a session covers.

use std::fmt;

use super::asked::SessionWishes;

/// Stage processes by number, and ranges by name; empty selects everything.
///
/// A pipeline whose stages are processes of their own (thinker 0, talker 1, vocoder 2) is selected by number; stages
/// inside a process are selected by name, which may hold `*` and `?` as in the configuration's `stages`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Numbers of stage processes (`PROFILER_STAGE_ID` of a worker, 0 if unset), sorted, each once.
    pub stages: Vec<u32>,
    /// Names or patterns of ranges: instead of the configuration's `stages`.
    pub names: Vec<String>,
    /// Wishes of a start beside these; of no interest to a stop.
    pub wishes: SessionWishes,
}

impl Selection {
    /// These stage processes.
    #[must_use]
    pub fn stages(stages: impl IntoIterator<Item = u32>) -> Self {
        let mut stages: Vec<u32> = stages.into_iter().collect();
        stages.sort_unstable();
        stages.dedup();
        Self { stages, ..Self::default() }
    }

    /// Returns whether it selects everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.stages.is_empty() && self.names.is_empty()
    }

    /// Returns whether both select the same part of the job.
    pub(super) fn is_same_part(&self, other: &Self) -> bool {
        (&self.stages, &self.names) == (&other.stages, &other.names)
    }

    /// Returns whether a worker of this stage is selected.
    #[must_use]
    pub fn selects_stage(&self, stage: u32) -> bool {
        self.stages.is_empty() || self.stages.contains(&stage)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stages = self.stages.iter().map(u32::to_string);
        let names = self.names.iter().map(|name| format!("`{name}`"));
        let all: Vec<String> = stages.chain(names).collect();
        if all.is_empty() { f.write_str("everything") } else { write!(f, "stages {}", all.join(", ")) }
    }
}
