//! A pipeline on the device: `wan_i2v` if it can be built for one, otherwise a small pipeline of
//! spinning kernels.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::artifacts::timing;
use crate::bench::{Bench, millis, succeeded};
use crate::findings::{Findings, Outcome};

use super::parts::{OPS, STEPS};

/// Variable with the path of a `wan_i2v` that was built with the feature `cuda`.
const WAN: &str = "GPU_WAN";
/// Time limit of its build.
const BUILD: Duration = Duration::from_secs(25);

pub(super) fn run(bench: &Bench) -> Outcome {
    let folder = bench.place("pipeline");
    let mut found = Findings::default();
    match wan() {
        Ok(program) => {
            let config = serde_json::json!({"profiler": "torch", "torch_profiler_dir": folder}).to_string();
            let mut command = Command::new(program);
            succeeded(command.args(["--profiler-config", &config, "--output"]).arg(bench.place("video.mp4")))?;
            found.note("pipeline", "wan_i2v", "");
        }
        Err(why) => {
            succeeded(&mut bench.part("recorded_story", &folder))?;
            found.note("pipeline", format!("the small one, because {why}"), "");
        }
    }
    let session = std::fs::read_dir(&folder).into_iter().flatten().flatten().next();
    let timing = timing(&session.ok_or("the pipeline wrote nothing")?.path());
    let gpu = &timing["gpu"];
    found.demand("source", gpu["source"].clone(), "", ("cupti", gpu["source"] == "cupti"));
    found.note("busy", gpu["gpu_busy_ns"].as_f64().map(millis), "ms");
    found.note("work", gpu["gpu_ops"].clone(), "");
    let stage = |name: &str| {
        let stages = timing["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
        stages.iter().find(|stage| stage["name"] == name).cloned().unwrap_or(Value::Null)
    };
    for name in ["denoise_step", "transformer", "transformer.forward", "vae.decode"] {
        let stage = stage(name);
        if !stage.is_null() {
            let busy = stage["gpu_busy_ns"].as_f64().map_or(0.0, millis);
            found.demand(format!("busy time of `{name}`"), busy, "ms", ("> 0", busy > 0.0));
        }
    }
    if stage("transformer").is_object() {
        found.demand_count("work of `transformer`", stage("transformer")["gpu_ops"].clone(), (STEPS * OPS) as u64);
    }
    Ok(found)
}

/// Returns the program, or the reason why there is none.
fn wan() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os(WAN) {
        return Ok(named.into());
    }
    let folders: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    for tool in ["nvcc", "cargo"] {
        if !folders.iter().any(|folder| folder.join(tool).is_file()) {
            return Err(format!("`{tool}` is not here to build `wan_i2v` for a GPU, and `{WAN}` names none"));
        }
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--offline", "--release", "-p", "profiler-examples", "--features", "cuda"]);
    let build = cargo.args(["--example", "wan_i2v"]).spawn();
    let mut build = build.map_err(|error| format!("`cargo` does not start: {error}"))?;
    let deadline = Instant::now() + BUILD;
    while Instant::now() < deadline {
        match build.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(100)),
            Ok(Some(status)) if status.success() => return Ok("target/release/examples/wan_i2v".into()),
            _ => return Err("`wan_i2v` does not build here with the feature `cuda`".to_owned()),
        }
    }
    // The partial build is kept, and the next run continues it.
    let _ = build.kill();
    let _ = build.wait();
    Err(format!("`wan_i2v` was not built with the feature `cuda` within {} s", BUILD.as_secs()))
}
