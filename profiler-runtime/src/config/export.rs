//! What the exporters are told of a configuration.

use profiler_trace::model::{Content, ExportOptions};

use super::choice::Profiler;
use super::settings::{FIELDS, ProfilerConfig};

impl From<&ProfilerConfig> for ExportOptions {
    fn from(config: &ProfilerConfig) -> Self {
        Self {
            content: match config.profiler {
                Profiler::None => Content::Nothing,
                Profiler::Cuda => Content::Reports,
                Profiler::Torch => Content::Everything,
            },
            torch_profiler_dir: config.torch_profiler_dir.clone(),
            torch_profiler_use_gzip: config.torch_profiler_use_gzip,
            torch_profiler_record_shapes: config.torch_profiler_record_shapes,
            torch_profiler_with_stack: config.torch_profiler_with_stack,
            torch_profiler_with_memory: config.torch_profiler_with_memory,
            torch_profiler_with_flops: config.torch_profiler_with_flops,
            torch_profiler_dump_cuda_time_total: config.torch_profiler_dump_cuda_time_total,
            max_iterations: config.max_iterations,
            step_of: config.step_of.clone(),
            stages: config.stages.clone(),
            cpu_time: config.cpu_time,
            cuda_sync_events: config.cuda_sync_events,
            cuda_api_names: config.cuda_api_names,
            trace_format: config.trace_format,
            trace_file: config.trace_file.clone(),
            spool: config.spool,
            perf_dump_path: config.perf_dump_path.clone(),
            pipeline_profiler: config.pipeline_profiler,
            pipeline_targets: config.pipeline_targets.clone(),
            configuration: FIELDS.iter().map(|field| (field.name, (field.get)(config))).collect(),
        }
    }
}
