//! The available driver, device and libraries, and whether CUPTI starts.

use std::fs;

use profiler_runtime::{doctor, stage};
use serde_json::Value;

use crate::bench::{Bench, Recorded};
use crate::findings::{Findings, Outcome};

pub(super) fn run(bench: &Bench) -> Outcome {
    println!("{}\n", doctor::diagnose());
    let mut found = Findings::default();
    let version = bench.gpu.version();
    found.note("driver supports CUDA", format!("{}.{}", version / 1000, version % 1000 / 10), "");
    found.note("driver", kernel_module(), "");
    found.note("device", bench.gpu.name(), "");
    found.note("multiprocessors", bench.gpu.attribute(16), "");
    found.note("memory", (bench.gpu.memory() >> 20) as u64, "MiB");
    found.note("clock", bench.gpu.attribute(13) / 1000, "MHz");
    let session = Recorded::of(bench.config(), || {
        let _stage = stage!("versions");
        bench.gpu.spin(bench.stream, 100);
    });
    let gpu = &session.timing["gpu"];
    found.demand("CUPTI starts", gpu["source"].clone(), "", ("cupti", gpu["source"] == "cupti"));
    if gpu["source"] == "cupti" {
        found.note("CUPTI's version", gpu["cupti_version"].clone(), "");
        found.note("libcupti", loaded("libcupti").unwrap_or_default(), "");
    } else {
        found.note("why not", gpu["reason"].clone(), "");
    }
    let warnings = session.manifest["warnings"].as_array().map_or(0, Vec::len);
    found.demand_count("warnings of a session", warnings, 0);
    Ok(found)
}

/// Returns the version of the kernel module.
fn kernel_module() -> Value {
    let text = fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    text.lines().next().map_or_else(|| "`/proc/driver/nvidia/version` is not there".into(), Into::into)
}

/// Returns the file of a library that this process has loaded.
pub(super) fn loaded(name: &str) -> Option<String> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let file = |line: &str| line.split_whitespace().nth(5).map(str::to_owned);
    maps.lines().filter_map(file).find(|path| path.rsplit('/').next().is_some_and(|last| last.starts_with(name)))
}
