//! The NVTX ranges and the CUDA capture range that tools see.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::bench::{Bench, succeeded, this_program};
use crate::findings::{Findings, Outcome};

use super::nsys::nsys;
use super::parts::{OPS, RANGES, STEPS};

/// Variable with the path of the tests' NVTX tool.
const TOOL: &str = "GPU_NVTX_TOOL";

/// Runs the program with the tests' own tool. Nsight Systems has a separate step.
pub(super) fn nvtx(bench: &Bench) -> Outcome {
    let beside = this_program().with_file_name("libnvtx_tool.so");
    let tool = std::env::var_os(TOOL).map_or(beside, PathBuf::from);
    if !tool.exists() {
        return Err(format!("`{TOOL}` names no tool: build it with `tests/gpu/run.sh prepare`"));
    }
    let log = bench.place("nvtx.jsonl");
    let mut command = bench.part("story", bench.out.as_path());
    succeeded(command.env("NVTX_INJECTION64_PATH", tool).env("NVTX_TOOL_LOG", &log))?;
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let count = |op: &str, name: Option<&str>| {
        lines.iter().filter(|line| line["op"] == op && name.is_none_or(|name| line["name"] == name)).count()
    };
    let mut found = Findings::default();
    found.note("attached tool", "the tests' own (`tests/nvtx_tool`)", "");
    for (name, known) in
        [("denoise_step", STEPS), ("transformer", STEPS), ("attention", STEPS * OPS), ("vae.decode", 1)]
    {
        found.demand_count(format!("ranges called `{name}`"), count("push", Some(name)), known as u64);
    }
    found.demand_count("ranges that ended", count("pop", None), count("push", None) as u64);
    Ok(found)
}

/// Checks that the program opens the range for each recording. With Nsight Systems, each is a
/// report.
pub(super) fn capture_range(bench: &Bench) -> Outcome {
    let mut found = Findings::default();
    // The double of libcuda logs the calls.
    let log = std::env::var_os("CUDA_DOUBLE_LOG").map(PathBuf::from);
    let calls = |what: &str| {
        let text = log.as_ref().and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
        text.lines().filter(|line| *line == what).count()
    };
    let before = ["cuProfilerStart", "cuProfilerStop"].map(calls);
    let output = succeeded(&mut bench.part("ranges", bench.out.as_path()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let unopened = |line: &&str| line.starts_with("warning: ") && line.contains("capture range");
    let warnings: Vec<&str> = printed.lines().filter(unopened).collect();
    found.demand_count("recordings that could not open it", warnings.len(), 0);
    if !warnings.is_empty() {
        found.note("warnings", warnings.join("; "), "");
    }
    if log.is_some() {
        found.demand_count("calls of `cuProfilerStart`", calls("cuProfilerStart") - before[0], RANGES as u64);
        found.demand_count("calls of `cuProfilerStop`", calls("cuProfilerStop") - before[1], RANGES as u64);
    }
    let nsys = match nsys() {
        Ok(nsys) => nsys,
        Err(reason) => {
            found.note("Nsight Systems", format!("whether it captures is not known: {reason}"), "");
            return Ok(found);
        }
    };
    let reports = bench.place("captured");
    fs::create_dir_all(&reports).map_err(|error| error.to_string())?;
    let mut command = std::process::Command::new(nsys);
    command.args([
        "profile",
        "--trace=cuda,nvtx",
        "--sample=none",
        "--cpuctxsw=none",
        "--capture-range=cudaProfilerApi",
    ]);
    command.arg("--capture-range-end=repeat").arg("-o").arg(reports.join("range"));
    succeeded(command.arg(this_program()).args(["part", "ranges"]).arg(&bench.out))?;
    let written = fs::read_dir(&reports).into_iter().flatten().count();
    found.demand_count("reports of Nsight Systems", written, RANGES as u64);
    Ok(found)
}
