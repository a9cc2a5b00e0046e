//! Any bytes read as a configuration give a configuration or problems, never a panic.

use std::fs;

use profiler_runtime::ProfilerConfig;
use profiler_runtime::config::{ConfigError, ParsedConfig};

/// Reads the bytes as a configuration in each of its languages.
pub fn config(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        check(ProfilerConfig::from_json(text));
    }
    let folder = crate::folder();
    for name in ["config.json", "config.yaml", "config.toml"] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("the temporary folder can be written");
        check(ProfilerConfig::from_file(&path));
    }
}

fn check(outcome: Result<ParsedConfig, ConfigError>) {
    match outcome {
        Ok(parsed) => {
            assert!(!parsed.explain().is_empty());
            let again = parsed.config.clone().validate().expect("what was taken is right");
            assert_eq!(again.config, parsed.config);
        }
        Err(error) => assert!(!error.problems.is_empty() && !error.to_string().is_empty()),
    }
}
