//! A configuration written in code.
//!
//! Setters carry the names of the fields, so that one name is enough for JSON, flags and code. None of them checks:
//! a chain cannot stop half-way with an error, so [`ProfilerConfig::validate`] says everything at the end.

use std::path::PathBuf;

use super::choice::{Activities, GpuTiming, PrintSummary, Profiler};
use super::draft::Draft;
use super::env;
use super::error::{ConfigError, Origin, Parsed};
use super::settings::ProfilerConfig;
use profiler_trace::model::{CudaApiNames, TraceFormat};

impl ProfilerConfig {
    /// Traces and tables into the folder `dir`.
    #[must_use]
    pub fn torch(dir: impl Into<PathBuf>) -> Self {
        Self { profiler: Profiler::Torch, torch_profiler_dir: Some(dir.into()), ..Self::default() }
    }

    /// Only the CUDA capture range and NVTX, for a run under Nsight Systems. Timing report, summary and manifest go to
    /// `./profiler_out` unless [`output_dir`](Self::output_dir) is set.
    #[must_use]
    pub fn cuda() -> Self {
        Self { profiler: Profiler::Cuda, ..Self::default() }
    }

    /// Checks every field, alone and together, and makes the paths absolute.
    ///
    /// # Errors
    ///
    /// Every problem at once.
    pub fn validate(self) -> Result<Parsed, ConfigError> {
        Draft::of(self).finish(&env::process)
    }

    /// Sets one field from text, as `--profiler-config.<field>=VALUE` does: `true`, `5`, `vae.*,diffuse`, `./perf`.
    ///
    /// # Errors
    ///
    /// There is no such field, or the value does not fit it; the configuration is then unchanged.
    pub fn set(&mut self, field: &str, value: &str) -> Result<(), ConfigError> {
        let mut draft = Draft::new(Origin::Code);
        draft.preset(&[], &Origin::Code, |config| config.clone_from(self));
        draft.set_text(field, value, field, Origin::Code);
        *self = draft.finish_fields()?;
        Ok(())
    }

    /// Returns whether a session with this configuration would record nothing at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.profiler == Profiler::None && self.perf_dump_path.is_none() && !self.pipeline_profiler
    }
}

macro_rules! setters {
    ($( $name:ident($argument:ident: $type:ty) = $value:expr; )+) => {
        /// Setters, one for each field and of the same name.
        impl ProfilerConfig {
            $(
                #[doc = concat!("Sets the field [`", stringify!($name), "`](field@Self::", stringify!($name), ").")]
                #[must_use]
                pub fn $name(mut self, $argument: $type) -> Self {
                    self.$name = $value;
                    self
                }
            )+
        }
    };
}

setters! {
    profiler(profiler: Profiler) = profiler;
    torch_profiler_dir(dir: impl Into<PathBuf>) = Some(dir.into());
    torch_profiler_use_gzip(on: bool) = on;
    torch_profiler_record_shapes(on: bool) = on;
    torch_profiler_with_stack(on: bool) = on;
    torch_profiler_with_memory(on: bool) = on;
    torch_profiler_with_flops(on: bool) = on;
    torch_profiler_dump_cuda_time_total(on: bool) = on;
    delay_iterations(count: u64) = count;
    max_iterations(count: u64) = count;
    wait_iterations(count: u64) = count;
    warmup_iterations(count: u64) = count;
    active_iterations(count: u64) = count;
    torch_profiler_activities(activities: Activities) = activities;
    output_dir(dir: impl Into<PathBuf>) = Some(dir.into());
    stages(patterns: impl IntoIterator<Item = impl Into<String>>) = patterns.into_iter().map(Into::into).collect();
    step_of(name: impl Into<String>) = Some(name.into());
    delay_secs(seconds: f64) = seconds;
    duration_secs(seconds: f64) = seconds;
    max_buffer_mb(mebibytes: u64) = mebibytes;
    ring(on: bool) = on;
    ring_secs(seconds: f64) = seconds;
    ring_steps(count: u64) = count;
    slow_step_ms(milliseconds: u64) = milliseconds;
    max_dumps(count: u64) = count;
    spool(on: bool) = on;
    max_spool_mb(mebibytes: u64) = mebibytes;
    stack_std_functions(on: bool) = on;
    trace_file(name: impl Into<String>) = Some(name.into());
    trace_format(format: TraceFormat) = format;
    nvtx(on: bool) = on;
    nvtx_domain(name: impl Into<String>) = name.into();
    gpu(on: bool) = on;
    gpu_timing(timing: GpuTiming) = timing;
    cuda_sync_events(on: bool) = on;
    print_summary(when: PrintSummary) = when;
    cuda_api_names(names: CudaApiNames) = names;
    quiet(on: bool) = on;
    cpu_time(on: bool) = on;
    perf_dump_path(path: impl Into<PathBuf>) = Some(path.into());
    pipeline_profiler(on: bool) = on;
    pipeline_targets(names: impl IntoIterator<Item = impl Into<String>>) = names.into_iter().map(Into::into).collect();
    toggle_on_sigusr2(on: bool) = on;
    trigger_file(path: impl Into<PathBuf>) = Some(path.into());
}
