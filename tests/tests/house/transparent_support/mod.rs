//! The program of `tests/transparent`, built with its attributes and without: the output and the
//! lints of each.

mod lints;
mod strip;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use profiler_tests::succeeded;
use serde_json::Value;

pub(crate) use lints::Lint;
use strip::Source;

/// Names of the two programs.
pub(crate) const ANNOTATED: &str = "annotated";
pub(crate) const PLAIN: &str = "plain";

/// Release of the compiler whose lints the test lists.
const COMPILER: &str = "rustc 1.95.";

/// Both programs, built.
pub(crate) struct Programs {
    pub(crate) sources: BTreeMap<String, Source>,
    /// True if clippy has checked them.
    pub(crate) with_clippy: bool,
    messages: Vec<Value>,
}

impl Programs {
    /// Builds both programs in one run of cargo. Clippy's driver is a rustc that knows more lints,
    /// so it compiles them where it is installed, which takes half the time of both.
    pub(crate) fn build() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("transparent");
        let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join("transparent");
        let sources = write_both(&package.join("src"), &build);
        write_manifest(&package, &build);
        let driver = clippy_driver();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--message-format=json"]).current_dir(&build);
        // The target folder of this test has most of the dependencies already.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
        cargo.env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0");
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CLIPPY_ARGS"] {
            cargo.env_remove(variable);
        }
        if let Some(driver) = &driver {
            cargo.env("RUSTC_WORKSPACE_WRAPPER", driver);
        }
        let output = cargo.output().expect("cargo runs");
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let messages: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let programs = Self { sources, with_clippy: driver.is_some(), messages };
        let errors = programs.errors();
        assert!(output.status.success(), "{errors}{}", String::from_utf8_lossy(&output.stderr));
        programs
    }

    /// Returns the lints of one program.
    pub(crate) fn lints(&self, program: &str) -> Vec<Lint> {
        self.of(program, "compiler-message").filter_map(|message| Lint::read(&message["message"], self)).collect()
    }

    /// Runs one program, recording into `folder` if there is one, and returns its output by story:
    /// a line that is not indented begins a story.
    pub(crate) fn stories(&self, program: &str, folder: Option<&Path>) -> Vec<String> {
        let artifact = self.of(program, "compiler-artifact").find_map(|artifact| artifact["executable"].as_str());
        let output = succeeded(Command::new(artifact.expect("is built")).args(folder.map(OsStr::new)));
        let mut stories: Vec<String> = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            match stories.last_mut() {
                Some(story) if line.starts_with(' ') => {
                    story.push('\n');
                    story.push_str(line);
                }
                _ => stories.push(line.to_owned()),
            }
        }
        stories
    }

    fn of<'a>(&'a self, program: &'a str, reason: &'a str) -> impl Iterator<Item = &'a Value> {
        self.messages.iter().filter(move |message| message["reason"] == reason && message["target"]["name"] == program)
    }

    fn errors(&self) -> String {
        let messages = [PLAIN, ANNOTATED].map(|program| self.of(program, "compiler-message"));
        let errors = messages.into_iter().flatten().map(|message| &message["message"]);
        errors
            .filter(|message| message["level"] == "error")
            .filter_map(|message| message["rendered"].as_str())
            .collect()
    }
}

/// Writes the two programs, and returns their sources by file name.
fn write_both(from: &Path, to: &Path) -> BTreeMap<String, Source> {
    for program in [ANNOTATED, PLAIN] {
        fs::create_dir_all(to.join(program)).expect("a folder for the program");
    }
    let files = fs::read_dir(from).expect("there are sources").map(|entry| entry.expect("is listed").path());
    let sources = files.map(|file| {
        let name = file.file_name().expect("has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("is text");
        write_changed(&to.join(ANNOTATED).join(&name), &text);
        let source = Source::new(text);
        write_changed(&to.join(PLAIN).join(&name), &source.plain());
        (name, source)
    });
    sources.collect()
}

/// Writes one package with both programs, and the lock file of this repository.
fn write_manifest(package: &Path, build: &Path) {
    let manifest = fs::read_to_string(package.join("Cargo.toml")).expect("there is a manifest");
    let runtime = package.join("../../profiler-runtime");
    let mut manifest = manifest.replace("\"../../profiler-runtime\"", &format!("{runtime:?}"));
    for program in [ANNOTATED, PLAIN] {
        manifest.push_str(&format!("\n[[bin]]\nname = \"{program}\"\npath = \"{program}/main.rs\"\n"));
    }
    write_changed(&build.join("Cargo.toml"), &manifest);
    let lock = fs::read_to_string(package.join("../../Cargo.lock")).expect("there is a lock file");
    fs::write(build.join("Cargo.lock"), lock).expect("the build folder can be written");
}

/// Writes a file unless it has this text already, so that cargo finds nothing to do.
fn write_changed(file: &Path, text: &str) {
    if fs::read_to_string(file).is_ok_and(|old| old == text) {
        return;
    }
    fs::write(file, text).expect("the build folder can be written");
}

/// Returns whether the compiler is the one whose lints the test lists.
pub(crate) fn is_listed_compiler() -> bool {
    said_by_rustc(&["--version"]).is_some_and(|version| version.starts_with(COMPILER))
}

fn clippy_driver() -> Option<PathBuf> {
    let driver = Path::new(&said_by_rustc(&["--print", "sysroot"])?).join("bin/clippy-driver");
    driver.with_extension(env::consts::EXE_EXTENSION).is_file().then_some(driver)
}

fn said_by_rustc(arguments: &[&str]) -> Option<String> {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).args(arguments).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
