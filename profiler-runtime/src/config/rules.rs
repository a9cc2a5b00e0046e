//! What fields mean together: combinations that cannot work, and ones that do nothing.
//!
//! A rule speaks only about values that were read without a problem, so that one mistake gives one message.

use std::collections::BTreeSet;

use super::choice::{Activities, GpuTiming, Profiler};
use super::error::{Problem, Warning};
use super::paths::is_uri;
use super::settings::ProfilerConfig;
use super::trace_name;
use profiler_trace::model::{CudaApiNames, TraceFormat};

/// Checks every rule and adds what it finds.
pub(super) fn apply(
    config: &ProfilerConfig,
    faulty: &BTreeSet<&'static str>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) {
    let mut rules = Rules { config, faulty, problems, warnings };
    rules.folder();
    rules.report();
    rules.trace_file();
    rules.torch_only();
    rules.iterations();
    rules.times();
    rules.activities();
    rules.recorder();
    rules.pipeline();
    rules.gpu();
    rules.cpu_time();
    rules.nothing();
}

struct Rules<'a> {
    config: &'a ProfilerConfig,
    faulty: &'a BTreeSet<&'static str>,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Warning>,
}

impl Rules<'_> {
    fn folder(&mut self) {
        if !self.know(&["profiler", "torch_profiler_dir", "output_dir"]) {
            return;
        }
        let field = "torch_profiler_dir";
        if self.config.profiler == Profiler::None && self.config.output_dir.is_some() {
            let problem = Problem::new("output_dir", "only allowed when `profiler` is `torch` or `cuda`");
            self.problems.push(problem.suggest("set `profiler`, or leave the folder out"));
        }
        match (self.config.profiler, &self.config.torch_profiler_dir) {
            (Profiler::Torch, None) if self.config.output_dir.is_some() => {}
            (Profiler::Torch, None) => self.problems.push(
                Problem::new(field, "required when `profiler` is `torch`")
                    .suggest("name an output folder, such as \"./perf\""),
            ),
            (Profiler::Torch, Some(_)) | (_, None) => {}
            (profiler, Some(_)) => self.problems.push(
                Problem::new(field, format!("only allowed when `profiler` is `torch`, which is `{profiler}` here"))
                    .suggest(match profiler {
                        Profiler::Cuda => "call it `output_dir`, or set `profiler` to \"torch\"",
                        _ => "set `profiler` to \"torch\", or leave the folder out",
                    }),
            ),
        }
    }

    fn report(&mut self) {
        if self.config.perf_dump_path.as_deref().is_some_and(is_uri) {
            let problem = Problem::new("perf_dump_path", "expected the path of a file, found a URI");
            self.problems.push(problem.suggest("write it to a file and copy it from there"));
        }
        if self.config.trigger_file.as_deref().is_some_and(is_uri) {
            let problem = Problem::new("trigger_file", "expected the path of a file, found a URI");
            self.problems.push(problem.suggest("name a file on this machine"));
        }
    }

    fn trace_file(&mut self) {
        let known = self.know(&["trace_file", "trace_format", "torch_profiler_use_gzip"]);
        let (true, Some(pattern)) = (known, &self.config.trace_file) else {
            return;
        };
        self.problems.extend(trace_name::problems(pattern, self.config));
    }

    fn torch_only(&mut self) {
        let profiler = self.config.profiler;
        if profiler == Profiler::Torch || !self.know(&["profiler"]) {
            return;
        }
        let config = self.config;
        for (name, given) in [
            ("torch_profiler_use_gzip", config.torch_profiler_use_gzip),
            ("torch_profiler_record_shapes", config.torch_profiler_record_shapes),
            ("torch_profiler_with_stack", config.torch_profiler_with_stack),
            ("torch_profiler_with_memory", config.torch_profiler_with_memory),
            ("torch_profiler_with_flops", config.torch_profiler_with_flops),
            ("torch_profiler_dump_cuda_time_total", config.torch_profiler_dump_cuda_time_total),
            ("torch_profiler_activities", config.torch_profiler_activities != Activities::default()),
            ("stack_std_functions", config.stack_std_functions),
            ("trace_file", config.trace_file.is_some()),
            ("trace_format", config.trace_format != TraceFormat::default()),
            ("cuda_sync_events", config.cuda_sync_events),
            ("cuda_api_names", config.cuda_api_names != CudaApiNames::default()),
            ("gpu_timing", config.gpu_timing != GpuTiming::Auto),
            ("slow_step_ms", config.slow_step_ms > 0),
            ("spool", config.spool),
        ] {
            if given {
                self.warn(name, format!("does nothing when `profiler` is `{profiler}`; it needs `torch`"));
            }
        }
    }

    fn iterations(&mut self) {
        let config = self.config;
        let scheduled = config.wait_iterations > 0 || config.warmup_iterations > 0;
        let known = self.know(&["wait_iterations", "warmup_iterations", "active_iterations"]);
        if known && !scheduled && config.active_iterations > 1 {
            let count = config.active_iterations;
            self.warn(
                "active_iterations",
                format!(
                    "does nothing while `wait_iterations` and `warmup_iterations` are 0: recording goes on until it is \
                     stopped; to stop after {count} iterations set `max_iterations` to {count}"
                ),
            );
        }
    }

    fn times(&mut self) {
        let both = self.config.delay_secs > 0.0 && self.config.delay_iterations > 0;
        if both && self.know(&["delay_secs", "delay_iterations"]) {
            let problem =
                Problem::new("delay_secs", "cannot be combined with `delay_iterations`: a session has one start");
            self.problems.push(problem.suggest("keep one of the two"));
        }
    }

    fn activities(&mut self) {
        let field = "torch_profiler_activities";
        let Activities { cpu, cuda, xpu } = self.config.torch_profiler_activities;
        match (xpu, cpu || cuda) {
            (false, false) if self.know(&[field]) => {
                let problem = Problem::new(field, "expected at least one activity to record, found none");
                self.problems.push(problem.suggest("leave it out to record `CPU` and `CUDA`"));
            }
            (true, true) => self.warn(field, "`XPU` does nothing here: there is no source for Intel's GPUs"),
            (true, false) => self.warn(
                field,
                "`XPU` does nothing here: there is no source for Intel's GPUs; `CPU` and `CUDA` are recorded instead",
            ),
            _ => {}
        }
    }

    fn recorder(&mut self) {
        let default = ProfilerConfig::default();
        let config = self.config;
        for (name, given, needed, is_on) in [
            ("ring_secs", config.ring_secs != default.ring_secs, "ring", config.ring),
            ("ring_steps", config.ring_steps != default.ring_steps, "ring", config.ring),
            ("max_spool_mb", config.max_spool_mb != default.max_spool_mb, "spool", config.spool),
            ("max_dumps", config.max_dumps != default.max_dumps, "slow_step_ms", config.slow_step_ms > 0),
        ] {
            if given && !is_on && self.know(&[needed]) {
                self.warn(name, format!("does nothing without `{needed}`"));
            }
        }
    }

    fn pipeline(&mut self) {
        let config = self.config;
        let changed = config.pipeline_targets != ProfilerConfig::default().pipeline_targets;
        if changed && !config.pipeline_profiler && self.know(&["pipeline_profiler"]) {
            self.warn("pipeline_targets", "does nothing while `pipeline_profiler` is false");
        }
        if config.pipeline_profiler && config.pipeline_targets.is_empty() && self.know(&["pipeline_targets"]) {
            let problem = Problem::new("pipeline_targets", "expected at least one stage to time, found none");
            self.problems.push(problem.suggest("leave it out to time the usual ones"));
        }
    }

    fn gpu(&mut self) {
        let off =
            self.config.profiler == Profiler::Torch && !self.config.gpu && self.config.gpu_timing != GpuTiming::Auto;
        if off && self.know(&["gpu", "gpu_timing"]) {
            self.warn("gpu_timing", "does nothing while `gpu` is false");
        }
    }

    fn cpu_time(&mut self) {
        let is_supported = cfg!(any(target_os = "linux", target_os = "macos"));
        if self.config.cpu_time && !is_supported {
            let problem =
                Problem::new("cpu_time", "works on Linux and macOS only: no CPU clock of a thread is read elsewhere");
            self.problems.push(problem.suggest("leave it out"));
        }
    }

    fn nothing(&mut self) {
        // What an attached tool is shown counts without a session, too.
        let ProfilerConfig { nvtx, nvtx_domain, .. } = self.config.clone();
        let empty = ProfilerConfig { nvtx, nvtx_domain, ..ProfilerConfig::default() };
        if self.know(&["profiler"]) && self.config.is_off() && *self.config != empty {
            self.warn("profiler", "is `none`, so nothing is recorded; set it to `torch` or `cuda`");
        }
    }

    fn know(&self, names: &[&str]) -> bool {
        !names.iter().any(|name| self.faulty.contains(name))
    }

    fn warn(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Warning { path: path.into(), message: message.into() });
    }
}
