//! Tests of profiling a running server over HTTP: each worker writes its own artifacts, and so does
//! the server's process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use profiler_runtime::merge::{MergeOptions, merge};
use serde_json::{Value, json};
use server::{QUICK, Server, double, signal};

fn torch(folder: &Path) -> String {
    json!({"profiler": "torch", "torch_profiler_dir": folder.join("perf"), "torch_profiler_record_shapes": true})
        .to_string()
}

/// Returns the folder of the only session.
fn session(folder: &Path) -> PathBuf {
    let mut sessions = fs::read_dir(folder.join("perf")).unwrap();
    let session = sessions.next().expect("a session").unwrap().path();
    assert!(sessions.next().is_none(), "one session, one folder");
    session
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// Returns the ids of the processes in a trace.
fn pids(trace: &Value) -> BTreeSet<u64> {
    let events = trace["traceEvents"].as_array().unwrap().iter();
    events.filter(|event| event["name"] == "diffusion_forward").map(|event| event["pid"].as_u64().unwrap()).collect()
}

fn count(trace: &Value, name: &str) -> usize {
    let events = trace["traceEvents"].as_array().unwrap().iter();
    events.filter(|event| event["name"] == name && event["ph"] == "X").count()
}

#[test]
fn one_session_has_both_ranks_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--workers", "2", "--profiler-config", &torch(folder.path())], &[]);
    let workers: BTreeSet<u64> = server.workers().into_iter().map(|(pid, _)| pid).collect();
    server.post("/start_profile").ok();
    assert_eq!(server.post("/start_profile").error(409).0, "already_active");
    let answer = server.post_form("/v1/videos/sync", &QUICK, None).ok();
    let id = answer.header("x-request-id").unwrap();
    let report = server.post("/stop_profile").ok().json();
    assert_eq!(server.post("/stop_profile").error(409).0, "not_active");

    let states: Vec<_> = report["workers"].as_array().unwrap().iter().map(|worker| &worker["state"]).collect();
    assert_eq!(states, ["written", "written"], "{report}");
    let session = session(folder.path());
    let mut recorded = BTreeSet::new();
    for rank in 0..2 {
        let trace = read(&session.join(format!("trace_rank{rank}.json")));
        recorded.extend(pids(&trace));
        assert_eq!((count(&trace, "cfg.exchange"), count(&trace, "transformer.forward")), (2, 2), "one a step");
        assert_eq!(count(&trace, "vae.decode"), usize::from(rank == 0), "decoded once");
        assert_eq!(count(&trace, "ProfilerStep#0"), 1, "one forward pass is one iteration");
        let timing = read(&session.join(format!("timing_rank{rank}.json")));
        assert!(timing["requests"].to_string().contains(id), "{}", timing["requests"]);
        let manifest = read(&session.join(format!("manifest_rank{rank}.json")));
        assert_eq!((&manifest["rank"], &manifest["world_size"]), (&json!(rank), &json!(2)), "{manifest}");
    }
    assert_eq!(recorded, workers, "each worker records its own work");
    let frontend = read(&session.join("trace_frontend.json"));
    assert_eq!((count(&frontend, "diffusion_forward"), report["frontend"]["state"].as_str()), (0, Some("written")));
    let timing = read(&session.join("timing_frontend.json")).to_string();
    assert!(timing.contains(id) && timing.contains("frontend.wait"), "D6: the front-end is in the session: {timing}");

    let merged = folder.path().join("merged.json");
    let ranks = merge(&[&session], &merged, &MergeOptions::default()).unwrap().ranks;
    assert_eq!(ranks.iter().map(|rank| rank.rank).collect::<Vec<_>>(), [0, 1]);
    let merged = read(&merged);
    assert_eq!((pids(&merged).len(), count(&merged, "cfg.exchange")), (2, 4), "both ranks side by side");
}

/// D6: the server's allocator reports what each stage allocates.
#[test]
fn with_memory_each_worker_writes_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut config: Value = serde_json::from_str(&torch(folder.path())).unwrap();
    config["torch_profiler_with_memory"] = json!(true);
    let server = Server::start(&["--profiler-config", &config.to_string()], &[]);
    server.post("/start_profile").ok();
    server.post_form("/v1/videos/sync", &QUICK, None).ok();
    server.post("/stop_profile").ok();
    assert!(session(folder.path()).join("memory_snapshot_rank0.pickle").is_file());
}

/// Loading is profiled in a separate session, before clients can start one.
#[test]
fn the_loading_of_the_model_can_be_profiled() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--workers", "2", "--profile-startup", "--profiler-config", &torch(folder.path())];
    let server = Server::start(&flags, &[]);
    let session = session(folder.path());
    for rank in 0..2 {
        let trace = read(&session.join(format!("trace_rank{rank}.json")));
        for stage in ["load.pipeline", "load.text_encoder", "load.transformer", "load.vae"] {
            assert_eq!(count(&trace, stage), 1, "{stage} in rank {rank}");
        }
    }
    server.post("/start_profile").ok();
    server.post("/stop_profile").ok();
}

#[test]
fn a_session_that_is_active_at_ctrl_c_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--profiler-config", &torch(folder.path())], &[]);
    server.post("/start_profile").ok();
    server.post_form("/v1/videos/sync", &QUICK, None).ok();
    assert!(server.interrupt().success());
    let trace = read(&session(folder.path()).join("trace_rank0.json"));
    assert_eq!(count(&trace, "diffusion_forward"), 1);
}

#[test]
fn a_worker_that_dies_is_reported_and_the_other_rank_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--workers", "2", "--profiler-config", &torch(folder.path())], &[]);
    server.post("/start_profile").ok();
    server.post_form("/v1/videos/sync", &QUICK, None).ok();
    signal("KILL", server.workers()[1].0);
    server.wait_for_health("degraded");
    let answer = server.post("/stop_profile");
    assert_eq!(answer.status, 502, "a partial failure is no success");
    let report = answer.json();
    assert_eq!(report["workers"][1]["state"], "lost", "{report}");
    let trace = read(&session(folder.path()).join("trace_rank0.json"));
    assert_eq!(count(&trace, "cfg.exchange"), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn with_cuda_each_worker_has_its_range_and_the_server_none() {
    let folder = tempfile::tempdir().unwrap();
    let libraries = folder.path().join("libraries");
    fs::create_dir(&libraries).unwrap();
    fs::copy(double("cuda_double"), libraries.join("libcuda.so.1")).unwrap();
    let log = folder.path().join("{pid}.log");
    let variables =
        [("LD_LIBRARY_PATH", &*libraries), ("CUDA_DOUBLE_LOG", &log), ("CUDA_DOUBLE_CONTEXT", Path::new("1"))];
    let server = Server::start(&["--workers", "2", "--profiler-config", "{\"profiler\": \"cuda\"}"], &variables);
    for _ in 0..2 {
        server.post("/start_profile").ok();
        server.post_form("/v1/videos/sync", &QUICK, None).ok();
        server.post("/stop_profile").ok();
    }
    let calls = |pid: u64| fs::read_to_string(folder.path().join(format!("{pid}.log"))).unwrap_or_default();
    let once = "cuProfilerStart\ncuCtxSynchronize\ncuProfilerStop\n";
    for (worker, _) in server.workers() {
        assert_eq!(calls(worker), once.repeat(2));
    }
    assert_eq!(calls(server.pid()), "");
}
