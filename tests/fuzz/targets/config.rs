//! Whatever a configuration holds, reading it ends with a configuration or with problems, never with a panic.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use profiler_runtime::{ConfigError, Parsed, ProfilerConfig};

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

fuzz_target!(|text: &str| {
    check(ProfilerConfig::from_json(text));
    for name in ["config.yaml", "config.toml"] {
        let path = FOLDER.path().join(name);
        fs::write(&path, text).expect("the temporary folder can be written");
        check(ProfilerConfig::from_file(&path));
    }
});

fn check(outcome: Result<Parsed, ConfigError>) {
    match outcome {
        Ok(parsed) => assert!(!parsed.explain().is_empty()),
        Err(error) => assert!(!error.problems.is_empty() && !error.to_string().is_empty()),
    }
}
