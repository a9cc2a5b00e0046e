//! What fields mean together: combinations that cannot work, and ones that do nothing.
//!
//! What concerns two fields is said by their rows in the table; what is about more, or about values, has its words here.
//! A rule speaks only about values that were read without a problem, so that one mistake gives one message.

use std::collections::BTreeSet;

use super::choice::{Activities, Profiler};
use super::error::{Problem, Warning};
use super::paths::is_uri;
use super::settings::{Field, ProfilerConfig, Rule};
use super::trace_name;

/// Checks every rule and adds what it finds.
pub(super) fn apply(
    config: &ProfilerConfig,
    faulty: &BTreeSet<&'static str>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) {
    let mut rules = Rules { config, faulty, problems, warnings };
    rules.folder();
    let default = ProfilerConfig::default();
    config.changed().for_each(|field| rules.row(field, &default));
    rules.trace_file();
    rules.iterations();
    rules.activities();
    rules.pipeline();
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

    /// Checks what the row of a field that was set says of it.
    fn row(&mut self, field: &Field, default: &ProfilerConfig) {
        let config = self.config;
        let value = |name: &str| Field::named(name).map(|field| (field.get)(config));
        let is_set = |name: &str| Field::named(name).is_some_and(|field| field.differs(config, default));
        for rule in field.rules {
            match *rule {
                Rule::NeedsProfiler(needed) if config.profiler != needed && self.know(&["profiler"]) => {
                    let profiler = config.profiler;
                    let message = format!("does nothing when `profiler` is `{profiler}`; it needs `{needed}`");
                    return self.warn(field.name, message);
                }
                Rule::Needs(other) if !is_set(other) && self.know(&[other]) => {
                    return self.warn(field.name, format!("does nothing without `{other}`"));
                }
                Rule::While(other) if value(other) == Some(false.into()) && self.know(&[other, field.name]) => {
                    return self.warn(field.name, format!("does nothing while `{other}` is false"));
                }
                Rule::Excludes(other, why) if is_set(other) && self.know(&[other, field.name]) => {
                    let problem = Problem::new(field.name, format!("cannot be combined with `{other}`: {why}"));
                    self.problems.push(problem.suggest("keep one of the two"));
                }
                Rule::File(remedy) if (field.get)(config).as_str().is_some_and(|path| is_uri(path.as_ref())) => {
                    let problem = Problem::new(field.name, "expected the path of a file, found a URI");
                    self.problems.push(problem.suggest(remedy));
                }
                _ => {}
            }
        }
    }

    fn trace_file(&mut self) {
        let known = self.know(&["trace_file", "trace_format", "torch_profiler_use_gzip"]);
        let (true, Some(pattern)) = (known, &self.config.trace_file) else {
            return;
        };
        self.problems.extend(trace_name::problems(pattern, self.config));
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

    fn pipeline(&mut self) {
        let config = self.config;
        if config.pipeline_profiler && config.pipeline_targets.is_empty() && self.know(&["pipeline_targets"]) {
            let problem = Problem::new("pipeline_targets", "expected at least one stage to time, found none");
            self.problems.push(problem.suggest("leave it out to time the usual ones"));
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
