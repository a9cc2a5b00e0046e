//! Matches the stages that a configuration names against those of the program.
//!
//! Sites are registered before `main`, so a name that matches none of them is reported when the
//! session starts, instead of producing an empty trace.

use super::choice::{Activities, Profiler};
use super::error::Warning;
use super::pattern::nearest;
use super::settings::ProfilerConfig;
use profiler_trace::model::matches;

/// Maximum number of names that a warning lists.
const MAX_EXAMPLES: usize = 5;

impl ProfilerConfig {
    /// Returns whether `stages` selects the stage `name`. An empty `stages` selects every stage.
    ///
    /// A stage inside a selected one is recorded too, which only the session knows. Costs a
    /// comparison per pattern, so call this once per site rather than once per range.
    #[doc(hidden)]
    #[must_use]
    pub fn selects(&self, name: &str) -> bool {
        self.stages.is_empty() || any_matches(&self.stages, name)
    }

    /// Returns whether ranges are recorded; they are not if the only activity is `CUDA`.
    pub(crate) fn records_ranges(&self) -> bool {
        let Activities { cpu, cuda, .. } = self.torch_profiler_activities;
        self.profiler != Profiler::Torch || cpu || !cuda
    }

    /// Returns whether the GPU is recorded, if there is one.
    pub(crate) fn records_gpu(&self) -> bool {
        let Activities { cpu, cuda, .. } = self.torch_profiler_activities;
        self.profiler == Profiler::Torch && self.gpu && (cuda || !cpu)
    }

    /// Returns whether `pipeline_profiler` times the stage `name`.
    #[doc(hidden)]
    #[must_use]
    pub fn times(&self, name: &str) -> bool {
        self.pipeline_profiler && any_matches(&self.pipeline_targets, name)
    }

    /// Returns a warning for each configured name that no `known` site has, with the nearest one.
    ///
    /// A program may still create the name at run time, so these are warnings and not errors.
    #[doc(hidden)]
    #[must_use]
    pub fn unmatched(&self, known: &[&str]) -> Vec<Warning> {
        // The default targets are common names, which this program need not have.
        let chosen = self.pipeline_profiler && self.pipeline_targets != Self::default().pipeline_targets;
        let targets: &[String] = if chosen { &self.pipeline_targets } else { &[] };
        let mut warnings = Vec::new();
        for (field, patterns) in [("stages", self.stages.as_slice()), ("pipeline_targets", targets)] {
            let absent =
                patterns.iter().enumerate().filter(|(_, pattern)| !known.iter().any(|name| matches(pattern, name)));
            warnings.extend(absent.map(|(at, pattern)| warning(format!("{field}[{at}]"), pattern, known)));
        }
        if let Some(name) = self.step_of.as_deref().filter(|name| !known.contains(name)) {
            warnings.push(warning("step_of".into(), name, known));
        }
        warnings
    }
}

fn any_matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, name))
}

fn warning(path: String, name: &str, known: &[&str]) -> Warning {
    let remedy = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("nothing is recorded for it unless the program makes that name at run time{}", examples(known)),
    };
    Warning { path, message: format!("`{name}` matches no registered stage, step or op; {remedy}") }
}

/// Lists some names of the program, for a warning without a near one.
fn examples(known: &[&str]) -> String {
    let mut names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    names.sort_unstable();
    names.dedup();
    let more = if names.len() > MAX_EXAMPLES { ", …" } else { "" };
    names.truncate(MAX_EXAMPLES);
    if names.is_empty() { String::new() } else { format!("; the program has {}{more}", names.join(", ")) }
}
