//! The machine code with the attributes is the machine code without them, byte for byte; switched
//! on, it is not.

#![allow(clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the library as this test's own build did, with the flags added, and returns its
/// assembly.
fn assembly(label: &str, cargo: &[&str], rustc: &[&str]) -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{label}.s"));
    let status = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "--lib", "--manifest-path"])
        .arg(manifest)
        .args(cargo)
        .args(["--", "-C", "debuginfo=0"])
        .arg(format!("--emit=asm={}", output.display()))
        .args(rustc)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the `{label}` library does not compile");
    std::fs::read_to_string(output).expect("rustc wrote the assembly")
}

/// Labels of the functions, to show that there is something to compare.
fn functions(assembly: &str) -> usize {
    assembly.lines().filter(|line| line.starts_with("_ZN") || line.starts_with("_R")).count()
}

#[test]
fn an_annotated_function_compiles_to_the_same_code() {
    let plain = assembly("plain", &[], &["--cfg", "plain"]);
    let annotated = assembly("annotated", &[], &[]);
    assert!(functions(&plain) >= 8, "{plain}");
    if plain != annotated {
        let line = plain.lines().zip(annotated.lines()).find(|(plain, annotated)| plain != annotated);
        panic!("the code differs, first in {line:?}");
    }
    let recording = assembly("recording", &["--features", "enable"], &[]);
    assert!(recording.contains("__PROFILER_SITE"), "the control records nothing");
}
