//! Device memory as CUPTI reports it, everywhere that the host's memory is shown: timing report,
//! summary, chart and snapshot. On a machine made of doubles.

use std::fs;

use profiler_runtime::{ProfilerConfig, op, stage, start_profile_with, stop_profile};
use profiler_tests::gpu::{Device, machine, make_context, perf, session};
use profiler_tests::{in_child, stage_paths, succeeded, timing, unpickle};
use serde_json::{Value, json};
use tempfile::tempdir;

const MIB: u64 = 1 << 20;

/// Allocates weights that stay, and activations that are freed.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn pipeline() {
    if !in_child() {
        return;
    }
    make_context();
    start_profile_with(ProfilerConfig::torch(perf()).torch_profiler_with_memory(true)).unwrap();
    let device = Device::open();
    {
        let _load = stage("load");
        device.memory(1, 0x100_0000, 8 * MIB);
    }
    {
        let _diffuse = stage("diffuse");
        {
            let _op = op("attention");
            device.memory(1, 0x200_0000, 24 * MIB);
        }
        device.memory(2, 0x200_0000, 24 * MIB);
    }
    stop_profile().unwrap().wait().unwrap();
}

/// A13: the reports have the peaks of device memory, of the session and of each stage.
#[test]
fn device_memory_is_reported_beside_the_hosts() {
    let folder = tempdir().unwrap();
    succeeded(&mut machine("pipeline", folder.path()));
    let session = session(folder.path());
    let report = timing(&session);
    let devices = report["memory"]["devices"].as_array().unwrap();
    let cuda = devices.iter().find(|device| device["source"] == "cupti").unwrap();
    assert_eq!((&cuda["device"], &cuda["peak_bytes"]), (&json!("cuda:0"), &json!(32 * MIB)));
    assert_eq!((&cuda["begin_bytes"], &cuda["end_bytes"]), (&json!(0), &json!(8 * MIB)));
    let paths = stage_paths(&report);
    let id = |name: &str| paths.iter().position(|path| path == name).unwrap();
    let stage =
        |name: &str| cuda["stages"].as_array().unwrap().iter().find(|stage| stage["stage"] == id(name)).unwrap();
    let peaks = |name: &str| (stage(name)["peak_bytes"].clone(), stage(name)["peak_growth_bytes"].clone());
    assert_eq!(peaks("load"), (json!(8 * MIB), json!(8 * MIB)));
    assert_eq!(peaks("diffuse"), (json!(32 * MIB), json!(24 * MIB)));
    let listed = &report["stages"][id("diffuse")]["memory_peaks"];
    let seen = json!({"device": "cuda:0", "source": "cupti", "bytes": 32 * MIB});
    assert!(listed.as_array().unwrap().contains(&seen), "{listed}");
    let text = |name: &str| fs::read_to_string(session.join(name)).unwrap();
    let summary = text("summary_rank0.md");
    assert!(summary.contains("`cuda:0 (CUPTI)`: peak 32.00 MiB after "), "{summary}");
    let row = summary.lines().find(|line| line.starts_with("| diffuse") && line.contains("cuda:0 (CUPTI)")).unwrap();
    assert!(row.contains("32.00 MiB") && row.contains("24.00 MiB"), "{row}");
    assert!(text("memory_rank0.svg").contains("Memory of cuda:0 as CUPTI saw it: peak 32.00 MiB"));
    let snapshot = unpickle(&fs::read(session.join("memory_snapshot_rank0.pickle")).unwrap());
    let events = snapshot["device_traces"][0].as_array().unwrap();
    let actions: Vec<&Value> = events.iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, ["alloc", "alloc", "free_requested", "free_completed"]);
    let names: Vec<&Value> = events[1]["frames"].as_array().unwrap().iter().map(|frame| &frame["name"]).collect();
    assert_eq!(names, ["attention", "diffuse"]);
    let segments = snapshot["segments"].as_array().unwrap().iter().filter(|segment| segment["device"] == 0);
    assert_eq!(segments.map(|segment| segment["active_size"].as_u64().unwrap()).sum::<u64>(), 8 * MIB);
}
