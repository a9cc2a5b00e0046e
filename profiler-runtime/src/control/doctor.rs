//! Reports which GPU components are installed, and how to get what is missing.
//!
//! For users whose trace has no kernels: [`diagnose`] checks the components in the order in which a
//! recording needs them and prints one line for each.

use std::fmt;
use std::path::PathBuf;

pub use crate::collect::gpu::source::{Component, Finding};
use crate::collect::gpu::{self, Source};

/// The result of [`diagnose`]. Displays as a list with one line for each finding.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Findings in the order in which a recording needs the components.
    pub findings: Vec<Finding>,
    /// Command line that records this program with Nsight Systems.
    pub nsys: String,
}

/// Checks the CUDA driver, its devices, libcupti, the permission to trace, and attached tools.
///
/// Opens libraries and enables CUPTI for a moment, unless a session is using it; changes nothing
/// else. May take a second if the process has not used CUDA before.
#[must_use]
pub fn diagnose() -> Diagnosis {
    let mut findings: Vec<Finding> = gpu::sources().flat_map(Source::diagnose).collect();
    findings.push(check_nvtx());
    Diagnosis { findings, nsys: nsys_command(std::env::args_os().map(|each| each.to_string_lossy().into_owned())) }
}

fn check_nvtx() -> Finding {
    let path = std::env::var_os("NVTX_INJECTION64_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    match path {
        None => Finding::new(Component::Nvtx, true, "no tool is attached; ranges cost one load"),
        Some(path) if path.exists() => {
            Finding::new(Component::Nvtx, true, format!("a tool is attached: {}", path.display()))
        }
        Some(path) => {
            let detail = format!("`NVTX_INJECTION64_PATH` names {}, which is not there: unset it", path.display());
            Finding::new(Component::Nvtx, false, detail)
        }
    }
}

/// Advice for a report of Nsight Systems without kernels.
const NO_KERNELS: &str = "
If its report has no kernels:
  - Is there a report at all? Only what a session records is captured: with delay or warm-up iterations, run more.
  - Was the run too short? Record more steps, or leave the two `--capture-range` flags and PROFILER_CONFIG out: nsys then
    captures the whole program. `--delay=N --duration=N` (seconds) cut a window out of that.
  - Do other processes do the work? Each has to open the range itself: call `profile_from_env()` in every worker.
    `--trace-fork-before-exec=true` follows those that are forked.
  - Is no driver found above? Then no program can run kernels here.";

/// Returns a command line for Nsight Systems that shows the kernels of graphs one by one, follows
/// forked children, and writes one report for each session.
fn nsys_command(program: impl Iterator<Item = String>) -> String {
    let program: Vec<String> = program.map(|word| quoted(&word)).collect();
    format!(
        "PROFILER_CONFIG='{{\"profiler\": \"cuda\"}}' nsys profile --trace=cuda,nvtx,osrt \
         --trace-fork-before-exec=true --cuda-graph-trace=node --capture-range=cudaProfilerApi \
         --capture-range-end=repeat --output=profile {}",
        program.join(" ")
    )
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+%@".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

impl Diagnosis {
    /// Returns whether a session with `"profiler": "torch"` would record kernels.
    #[must_use]
    pub fn records_kernels(&self) -> bool {
        self.findings.iter().all(|finding| finding.is_good || finding.component == Component::Nvtx)
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        write!(f, "\nTo record this program with Nsight Systems:\n  {}\n{NO_KERNELS}", self.nsys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_survives_a_shell() {
        let words = ["./wan_i2v", "--prompt", "a cat's tail", "--steps=4", ""].map(String::from);
        let command = nsys_command(words.into_iter());
        assert!(command.ends_with("./wan_i2v --prompt 'a cat'\\''s tail' --steps=4 ''"), "{command}");
    }

    #[test]
    fn every_machine_gets_a_diagnosis() {
        let diagnosis = diagnose();
        assert_eq!(diagnosis.findings[0].component, Component::Driver);
        let text = diagnosis.to_string();
        assert!(text.contains("nsys profile") && text.contains("attached tool"), "{text}");
    }
}
