//! What the exporters are told of a configuration.

use profiler_trace::model::{Content, ExportOptions};

use super::choice::Profiler;
use super::settings::ProfilerConfig;

impl From<&ProfilerConfig> for ExportOptions {
    fn from(config: &ProfilerConfig) -> Self {
        Self {
            content: match config.profiler {
                Profiler::None => Content::Nothing,
                Profiler::Cuda => Content::Reports,
                Profiler::Torch => Content::Everything,
            },
            configuration: config.values().collect(),
            ..config.exported()
        }
    }
}
