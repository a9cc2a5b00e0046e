//! Runs scenarios of the program `golden`, and compares their output with the files in
//! `tests/golden`.

mod perfetto;
mod text;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use profiler_tests::double;
use profiler_tests::processes::{Ended, Outcome, run};
use tempfile::TempDir;

/// Folder into which the program writes, with the same name on every machine.
const OUT: &str = "/proc/self/cwd/out";
/// Number of lines that are shown of a difference.
const SHOWN: usize = 12;
/// Number of letters that are shown before the first that differs, a third of those that are shown
/// of a line.
const AROUND: usize = 50;

/// Working directory of the program, in which nothing differs from one machine to another.
pub(crate) struct Machine(TempDir);

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("libraries")).unwrap();
        // This driver finds no device, whatever the real machine has.
        fs::copy(double("cuda_double"), folder.path().join("libraries/libcuda.so.1")).unwrap();
        Self(folder)
    }

    /// Returns the folder into which the program writes.
    pub(crate) fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    /// Runs a scenario with these variables and no others.
    pub(crate) fn run(&self, scenario: &str, variables: &[(&str, &str)]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden"));
        command.env_clear().current_dir(self.0.path()).args([scenario, OUT]);
        command.env("LD_PRELOAD", double("still_double")).env("LD_LIBRARY_PATH", self.0.path().join("libraries"));
        run(command.env("CUDA_DOUBLE_DEVICES", "0").envs(variables.iter().copied()))
    }

    /// Runs a scenario that succeeds, and keeps its output as artifacts, too.
    pub(crate) fn succeeds(&self, scenario: &str, variables: &[(&str, &str)]) {
        let Outcome { ended, stdout, stderr } = self.run(scenario, variables);
        assert_eq!(ended, Ended::Exit(0), "{scenario}: {stderr}");
        for (name, text) in [("stdout.txt", stdout), ("stderr.txt", stderr)] {
            if !text.is_empty() {
                let mut file = OpenOptions::new().create(true).append(true).open(self.out().join(name)).unwrap();
                file.write_all(text.as_bytes()).unwrap();
            }
        }
    }

    /// Runs a scenario that ends by SIGKILL.
    pub(crate) fn is_killed(&self, scenario: &str) {
        let Outcome { ended, stderr, .. } = self.run(scenario, &[]);
        assert_eq!(ended, Ended::Signal(libc::SIGKILL), "{scenario}: {stderr}");
    }

    /// Compares everything that the program wrote with the kept files of this name.
    pub(crate) fn is_as(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
        let found = text::artifacts(&self.out());
        if std::env::var("PROFILER_GOLDEN").is_ok_and(|wish| wish == "write") {
            return write(&folder, &found);
        }
        let kept: BTreeMap<String, Vec<u8>> = text::files(&folder).into_iter().collect();
        let names: Vec<_> = kept.keys().chain(found.keys().filter(|name| !kept.contains_key(*name))).collect();
        let differences = names.into_iter().filter_map(|name| difference(name, kept.get(name), found.get(name)));
        let differences: Vec<_> = differences.collect();
        assert!(
            differences.is_empty(),
            "{name} is not as it was; if that is wanted, `PROFILER_GOLDEN=write` keeps it:\n{}",
            differences.join("\n")
        );
    }
}

fn write(folder: &Path, found: &BTreeMap<String, Vec<u8>>) {
    let _ = fs::remove_dir_all(folder);
    for (name, content) in found {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Returns an artifact's name and its first lines that differ, or `None` if it is as kept.
fn difference(name: &str, kept: Option<&Vec<u8>>, found: Option<&Vec<u8>>) -> Option<String> {
    let (kept, found) = match (kept, found) {
        (Some(kept), Some(found)) if kept == found => return None,
        (Some(kept), Some(found)) => (String::from_utf8_lossy(kept), String::from_utf8_lossy(found)),
        (None, _) => return Some(format!("{name}: was not written before")),
        (_, None) => return Some(format!("{name}: is not written any more")),
    };
    let (mut kept_lines, mut found_lines) = (kept.lines(), found.lines());
    let (mut shown, mut number) = (vec![format!("{name}:")], 0);
    loop {
        number += 1;
        match (kept_lines.next(), found_lines.next()) {
            (None, None) => break,
            (before, now) if before == now => {}
            (before, now) => {
                let same = before.unwrap_or("").chars().zip(now.unwrap_or("").chars()).take_while(|(a, b)| a == b);
                let from = same.count().saturating_sub(AROUND);
                shown.extend(before.map(|line| format!("  {number} - {}", part(line, from))));
                shown.extend(now.map(|line| format!("  {number} + {}", part(line, from))));
            }
        }
        if shown.len() > SHOWN {
            shown.push("  …".to_owned());
            break;
        }
    }
    Some(shown.join("\n"))
}

/// Returns the part of a line from a letter on.
fn part(line: &str, from: usize) -> String {
    let part: String = line.chars().skip(from).take(3 * AROUND).collect();
    format!("{}{part}{}", if from > 0 { "…" } else { "" }, if line.len() > from + part.len() { "…" } else { "" })
}
