//! Checks fields against each other: combinations that cannot work, and settings without an effect.
//!
//! A rule about two fields is in their rows of the table; rules about more fields, or about
//! particular values, are here. Rules only use values that were read without a problem, so that one
//! mistake produces one message.

use super::choice::{Activities, Profiler};
use super::draft::Draft;
use super::paths::is_uri;
use super::settings::{Field, ProfilerConfig, Rule};
use super::trace_name;

impl Draft {
    /// Checks every rule.
    pub(super) fn apply_rules(&mut self) {
        let config = &self.config.clone();
        let default = ProfilerConfig::default();
        self.check_folder(config);
        config.changed().for_each(|field| self.check_row(field, config, &default));
        self.check_trace_file(config);
        self.check_iterations(config);
        self.check_activities(config);
        self.check_pipeline(config);
        self.check_cpu_time(config);
        self.check_nothing(config);
    }

    fn check_folder(&mut self, config: &ProfilerConfig) {
        if !self.are_known(&["profiler", "torch_profiler_dir", "output_dir"]) {
            return;
        }
        let field = "torch_profiler_dir";
        if config.profiler == Profiler::None && config.output_dir.is_some() {
            let message = "only allowed when `profiler` is `torch` or `cuda`";
            self.refuse("output_dir", message, "set `profiler`, or leave the folder out");
        }
        match (config.profiler, &config.torch_profiler_dir) {
            (Profiler::Torch, None) if config.output_dir.is_none() => {
                let message = "required when `profiler` is `torch`";
                self.refuse(field, message, "name an output folder, such as \"./perf\"");
            }
            (Profiler::Torch, _) | (_, None) => {}
            (profiler, Some(_)) => {
                let remedy = match profiler {
                    Profiler::Cuda => "call it `output_dir`, or set `profiler` to \"torch\"",
                    _ => "set `profiler` to \"torch\", or leave the folder out",
                };
                let message = format!("only allowed when `profiler` is `torch`, which is `{profiler}` here");
                self.refuse(field, message, remedy);
            }
        }
    }

    /// Checks the rules in the row of a changed field.
    fn check_row(&mut self, field: &Field, config: &ProfilerConfig, default: &ProfilerConfig) {
        let (name, profiler) = (field.name, config.profiler);
        let is_off = |name: &str| Field::named(name).is_some_and(|field| (field.get)(config) == false);
        let is_set = |name: &str| Field::named(name).is_some_and(|field| field.differs(config, default));
        for rule in field.rules {
            match *rule {
                Rule::NeedsProfiler(needed) if profiler != needed && self.are_known(&["profiler"]) => {
                    let message = format!("does nothing when `profiler` is `{profiler}`; it needs `{needed}`");
                    return self.warn(name, message);
                }
                Rule::Needs(other) if !is_set(other) && self.are_known(&[other]) => {
                    return self.warn(name, format!("does nothing without `{other}`"));
                }
                Rule::While(other) if is_off(other) && self.are_known(&[other, name]) => {
                    return self.warn(name, format!("does nothing while `{other}` is false"));
                }
                Rule::Excludes(other, why) if is_set(other) && self.are_known(&[other, name]) => {
                    self.refuse(name, format!("cannot be combined with `{other}`: {why}"), "keep one of the two");
                }
                Rule::File(remedy) if (field.get)(config).as_str().is_some_and(|path| is_uri(path.as_ref())) => {
                    self.refuse(name, "expected the path of a file, found a URI", remedy);
                }
                _ => {}
            }
        }
    }

    fn check_trace_file(&mut self, config: &ProfilerConfig) {
        let known = self.are_known(&["trace_file", "trace_format", "torch_profiler_use_gzip"]);
        if let Some(pattern) = config.trace_file.as_ref().filter(|_| known) {
            trace_name::problems(pattern, config).into_iter().for_each(|problem| self.add_problem(problem));
        }
    }

    fn check_iterations(&mut self, config: &ProfilerConfig) {
        let scheduled = config.wait_iterations > 0 || config.warmup_iterations > 0;
        let known = self.are_known(&["wait_iterations", "warmup_iterations", "active_iterations"]);
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

    fn check_activities(&mut self, config: &ProfilerConfig) {
        let field = "torch_profiler_activities";
        let Activities { cpu, cuda, xpu } = config.torch_profiler_activities;
        match (xpu, cpu || cuda) {
            (false, false) if self.are_known(&[field]) => {
                let message = "expected at least one activity to record, found none";
                self.refuse(field, message, "leave it out to record `CPU` and `CUDA`");
            }
            (true, true) => self.warn(field, "`XPU` does nothing here: there is no source for Intel's GPUs"),
            (true, false) => self.warn(
                field,
                "`XPU` does nothing here: there is no source for Intel's GPUs; `CPU` and `CUDA` are recorded instead",
            ),
            _ => {}
        }
    }

    fn check_pipeline(&mut self, config: &ProfilerConfig) {
        let field = "pipeline_targets";
        if config.pipeline_profiler && config.pipeline_targets.is_empty() && self.are_known(&[field]) {
            let message = "expected at least one stage to time, found none";
            self.refuse(field, message, "leave it out to time the usual ones");
        }
    }

    fn check_cpu_time(&mut self, config: &ProfilerConfig) {
        let is_supported = cfg!(any(target_os = "linux", target_os = "macos"));
        if config.cpu_time && !is_supported {
            let message = "works on Linux and macOS only: no CPU clock of a thread is read elsewhere";
            self.refuse("cpu_time", message, "leave it out");
        }
    }

    fn check_nothing(&mut self, config: &ProfilerConfig) {
        // NVTX ranges are shown to an attached tool even without a session.
        let has_settings = config.changed().any(|field| !["nvtx", "nvtx_domain"].contains(&field.name));
        if self.are_known(&["profiler"]) && config.is_off() && has_settings {
            self.warn("profiler", "is `none`, so nothing is recorded; set it to `torch` or `cuda`");
        }
    }
}
