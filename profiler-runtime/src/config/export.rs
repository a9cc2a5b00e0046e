//! Converts a configuration to the options of the exporters.

use profiler_trace::model::{Content, ExportOptions};

use super::choice::Profiler;
use super::settings::ProfilerConfig;

/// Reason why this build cannot record call stacks.
const NO_STACKS: Option<&str> =
    if cfg!(feature = "stacks") { None } else { Some("the crate feature `stacks` is off: switch it on") };

impl From<&ProfilerConfig> for ExportOptions {
    fn from(config: &ProfilerConfig) -> Self {
        Self {
            content: match config.profiler {
                Profiler::None => Content::Nothing,
                Profiler::Cuda => Content::Reports,
                Profiler::Torch => Content::Everything,
            },
            configuration: config.values().collect(),
            torch_profiler_with_stack: config.torch_profiler_with_stack && NO_STACKS.is_none(),
            no_stacks: NO_STACKS.filter(|_| config.torch_profiler_with_stack),
            ..config.exported()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_without_their_feature_are_missing() {
        let config = ProfilerConfig::torch("perf").torch_profiler_with_stack(true);
        let options = ExportOptions::from(&config);
        assert_eq!(options.torch_profiler_with_stack, cfg!(feature = "stacks"));
        assert_eq!(options.no_stacks.is_some(), cfg!(not(feature = "stacks")));
        assert!(options.no_stacks.is_none_or(|reason| reason.contains("`stacks`")));
        assert_eq!(ExportOptions::from(&ProfilerConfig::torch("perf")).no_stacks, None, "not configured");
    }
}
