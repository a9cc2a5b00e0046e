//! The common means of all steps: the GPU, a folder, processes, and sessions that are read back.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use profiler_runtime::{ProfilerConfig, start_profile_with, stop_profile};
use serde_json::Value;
use tempfile::TempDir;

use crate::artifacts::{Trace, manifest, timing};
use crate::cuda::{Gpu, Stream};

/// Microseconds of the kernel that runs before work that events measure, so that all the work is
/// queued before the first event. Otherwise the events would measure a slow host.
pub(crate) const RUNWAY: u64 = 20_000;

/// The GPU and a folder.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) gpu: Gpu,
    pub(crate) stream: Stream,
    /// Folder for the files that are kept.
    pub(crate) out: PathBuf,
    folder: TempDir,
    sessions: Cell<u32>,
    is_quick: bool,
}

impl Bench {
    /// Opens the GPU.
    ///
    /// # Errors
    ///
    /// The reason why there is none.
    pub(crate) fn open(out: &Path) -> Result<Self, String> {
        let gpu = Gpu::open()?;
        let stream = gpu.stream();
        let folder = tempfile::tempdir().map_err(|error| format!("there is no temporary folder: {error}"))?;
        let is_quick = std::env::var_os("GPU_QUICK").is_some();
        Ok(Self { gpu, stream, out: out.to_owned(), folder, sessions: Cell::new(0), is_quick })
    }

    /// Returns `whole`, or `quick` if only the procedure is tested (`GPU_QUICK`).
    pub(crate) const fn many(&self, whole: u32, quick: u32) -> u32 {
        if self.is_quick { quick } else { whole }
    }

    /// Returns a path in the bench's folder.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Creates a configuration with a new folder.
    pub(crate) fn config(&self) -> ProfilerConfig {
        self.sessions.set(self.sessions.get() + 1);
        ProfilerConfig::torch(self.place(&format!("session{}", self.sessions.get())))
    }

    /// Records `work` by CUPTI.
    ///
    /// # Errors
    ///
    /// The reason why CUPTI does not record.
    pub(crate) fn record(&self, config: ProfilerConfig, work: impl FnOnce()) -> Result<Recorded, String> {
        let recorded = Recorded::of(config, work);
        let gpu = &recorded.timing["gpu"];
        if gpu["source"] == "cupti" {
            return Ok(recorded);
        }
        Err(format!("CUPTI does not record: {}", gpu["reason"].as_str().unwrap_or("no reason is given")))
    }

    /// Returns the host's nanoseconds per call of `work`, over `count` calls.
    pub(crate) fn ns_each(&self, count: u32, mut work: impl FnMut()) -> f64 {
        self.gpu.synchronize();
        let began = Instant::now();
        (0..count).for_each(|_| work());
        let took = began.elapsed();
        self.gpu.synchronize();
        took.as_secs_f64() * 1e9 / f64::from(count)
    }

    /// Creates a command that runs a part of this program, which writes into `folder`.
    pub(crate) fn part(&self, name: &str, folder: &Path) -> Command {
        let mut command = Command::new(this_program());
        command.arg("part").arg(name).arg(folder);
        command
    }
}

/// Returns the path of this program.
pub(crate) fn this_program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("gpu_workload"))
}

/// Runs a command, and returns its output if it succeeded.
///
/// # Errors
///
/// The exit status, and the end of the output.
pub(crate) fn succeeded(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?} does not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said[said.len().saturating_sub(600)..]).into_owned();
    Err(format!("{command:?} ended with {}: {said}", output.status))
}

/// A recorded session, read back.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) folder: PathBuf,
    pub(crate) timing: Value,
    pub(crate) manifest: Value,
    /// Duration of the stop.
    pub(crate) stop: Duration,
    /// Duration of the export.
    pub(crate) export: Duration,
}

impl Recorded {
    /// Records `work` by any available source.
    pub(crate) fn of(config: ProfilerConfig, work: impl FnOnce()) -> Self {
        start_profile_with(config).expect("a session starts");
        work();
        let began = Instant::now();
        let stopped = stop_profile().expect("it stops");
        let stop = began.elapsed();
        stopped.wait().expect("its artifacts are written");
        let export = began.elapsed() - stop;
        let folder = stopped.folder().expect("it has a folder").to_owned();
        Self { timing: timing(&folder), manifest: manifest(&folder), folder, stop, export }
    }

    /// Reads the trace.
    pub(crate) fn trace(&self) -> Trace {
        Trace::read(&self.folder)
    }

    /// Returns a number of a stage, or `None` if it is absent.
    pub(crate) fn stage(&self, name: &str, key: &str) -> Option<f64> {
        let stages = self.timing["stages"].as_array()?;
        stages.iter().find(|stage| stage["name"] == name)?[key].as_f64()
    }

    /// Returns the number of kernels, copies and fills that a stage launched.
    pub(crate) fn ops(&self, stage: &str) -> u64 {
        self.stage(stage, "gpu_ops").unwrap_or(0.0) as u64
    }

    /// Returns the total of all losses.
    pub(crate) fn lost(&self) -> u64 {
        let losses = self.timing["gpu"]["losses"].as_object();
        losses.map_or(u64::MAX, |all| all.values().filter_map(Value::as_u64).sum())
    }

    /// Returns the losses of one cause.
    pub(crate) fn loss(&self, cause: &str) -> u64 {
        self.timing["gpu"]["losses"][cause].as_u64().unwrap_or(0)
    }
}

/// Returns the slices of a category, in the order of their begins.
pub(crate) fn slices<'a>(trace: &'a Trace, category: &str) -> Vec<&'a Value> {
    let all = trace.json["traceEvents"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<&Value> = all.iter().filter(|event| event["cat"] == category && event["ph"] == "X").collect();
    found.sort_by(|one, other| micros(one, "ts").total_cmp(&micros(other, "ts")));
    found
}

/// Returns a time of an event, in microseconds.
pub(crate) fn micros(event: &Value, key: &str) -> f64 {
    event[key].as_f64().unwrap_or(f64::NAN)
}

/// Returns nanoseconds of a report as milliseconds.
pub(crate) fn millis(ns: f64) -> f64 {
    ns / 1e6
}

/// Returns the median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns the largest value.
pub(crate) fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
