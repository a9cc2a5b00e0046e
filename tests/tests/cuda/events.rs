//! GPU time without CUPTI: pairs of CUDA events around ranges that name their stream. Each scenario
//! is a process of its own, on a machine made of doubles whose clock the scenario moves.

#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use crate::events_stories::{MANY, PAIRS, die, story};
use profiler_runtime::config::GpuTiming;
use profiler_runtime::cuda::op_on;
use profiler_runtime::spool::recover;
use profiler_runtime::{ProfilerConfig, stage_on, start_profile_with, step_on, stop_profile};
use profiler_tests::gpu::streams::Cuda;
use profiler_tests::gpu::{calls, machine, perf, session};
use profiler_tests::{Trace, in_child, manifest, succeeded, timing};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// Runs the story that `SCENARIO` names, in a session.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let cuda = Cuda::open();
    let (one, two) = (cuda.stream(), cuda.stream());
    let scenario = std::env::var("SCENARIO").unwrap();
    if scenario == "off" {
        drop((stage_on!(one, "quiet"), op_on(one, "dynamic"), step_on!(one, "counted")));
        return;
    }
    let config = match std::env::var("CONFIG").as_deref() {
        Ok("auto") => ProfilerConfig::torch(perf()),
        Ok("off") => ProfilerConfig::torch(perf()).gpu(false),
        Ok("cuda") => ProfilerConfig::cuda(),
        _ => ProfilerConfig::torch(perf()).gpu_timing(GpuTiming::Events),
    };
    let is_killed = std::env::var_os("KILLED").is_some();
    start_profile_with(config.spool(is_killed)).unwrap();
    let before = cuda.users(0);
    let left_open = story(&scenario, &cuda, one, two);
    if is_killed {
        die();
    }
    let began = Instant::now();
    let stopped = stop_profile().unwrap();
    let took = began.elapsed();
    if scenario == "done later" {
        std::thread::sleep(Duration::from_millis(50));
        cuda.pass(1_000_000_000);
    }
    let manifest = stopped.wait().unwrap();
    manifest.warnings.iter().for_each(|warning| println!("warning: {warning}"));
    // The wait for pending events takes five seconds, in the background.
    assert!(took < Duration::from_secs(4), "stop waits for nothing: {took:?}");
    let open = i64::from(left_open.is_some()) * 2;
    assert_eq!((cuda.events(), cuda.streams()), (open, 2), "everything is given back");
    assert_eq!(cuda.users(0), before, "the context too");
    drop(left_open);
    assert_eq!(cuda.events(), open, "a range that outlives its session is left alone");
}

/// Results of a program.
struct Ran {
    folder: TempDir,
    printed: String,
}

fn run(scenario: &str, variables: &[(&str, &str)]) -> Ran {
    let folder = tempdir().unwrap();
    let mut command = machine("program", folder.path());
    let output = succeeded(command.env("SCENARIO", scenario).envs(variables.iter().copied()));
    Ran { folder, printed: String::from_utf8(output.stdout).unwrap() }
}

impl Ran {
    fn timing(&self) -> Value {
        timing(&session(self.folder.path()))
    }

    fn gpu(&self) -> Value {
        self.timing()["gpu"].clone()
    }

    fn summary(&self) -> String {
        std::fs::read_to_string(session(self.folder.path()).join("summary_rank0.md")).unwrap()
    }

    fn count(&self, call: &str) -> usize {
        calls(self.folder.path(), "cuda.log").iter().filter(|found| *found == call).count()
    }

    /// Returns the only cause of loss, and its count.
    fn loss(&self) -> (String, u64) {
        let losses = self.gpu()["losses"].clone();
        let mut all = losses.as_object().unwrap().iter().filter(|(_, count)| **count != 0);
        let (cause, count) = all.next().unwrap();
        assert!(all.next().is_none(), "{losses}");
        (cause.clone(), count.as_u64().unwrap())
    }
}

fn of<'a>(timing: &'a Value, name: &str) -> &'a Value {
    timing["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap()
}

fn elapsed(stage: &Value) -> f64 {
    stage["gpu_elapsed_ns"].as_f64().unwrap() / 1e6
}

#[test]
fn only_stages_have_the_time_between_their_events() {
    let ran = run("two streams", &[]);
    let timing = ran.timing();
    assert_eq!((&timing["gpu"]["source"], &timing["gpu"]["reason_code"]), (&"events".into(), &"events_wanted".into()));
    for (name, ms, ranges) in [
        ("denoise_step", 0.45, 9),
        ("no_stream_of_its_own", 0.45, 6),
        ("transformer", 0.45, 6),
        ("vae.decode", 0.4, 2),
        ("named_at_run_time", 0.0, 1),
    ] {
        let stage = of(&timing, name);
        assert!((elapsed(stage) - ms).abs() < 1e-6, "{name}: {stage}");
        assert_eq!(stage["gpu_timed_ranges"], ranges, "{name}");
        assert_eq!((stage.get("gpu_ops"), stage.get("gpu_busy_ns")), (None, None), "events do not know these");
    }
    let on_the_host = of(&timing, "on_the_host");
    assert!(on_the_host.as_object().unwrap().keys().all(|key| !key.starts_with("gpu")), "absent, never 0");
    assert!((elapsed(&timing["requests"]["kept"][0]) - 0.85).abs() < 1e-6, "{}", timing["requests"]);
    assert!((elapsed(&timing["gpu"]) - 0.85).abs() < 1e-6, "{}", timing["gpu"]);
    assert_eq!(timing["gpu"]["resolution_ns"], 500);
    let losses = timing["gpu"]["losses"].as_object().unwrap();
    assert!(losses.values().all(|count| *count == 0), "{losses:?}");
    let summary = ran.summary();
    assert!(summary.contains("gpu elapsed") && summary.contains("n/a"), "{summary}");
    assert!(summary.contains("source CUDA events, because the configuration asks for"), "{summary}");
    let manifest = manifest(&session(ran.folder.path()));
    assert_eq!(manifest["gpu"]["source"], "events");
}

#[test]
fn the_trace_has_a_row_for_each_stream_on_which_ranges_nest() {
    let ran = run("two streams", &[]);
    let trace = Trace::read(&session(ran.folder.path()));
    let events = trace.json["traceEvents"].as_array().unwrap();
    let on_gpu: Vec<&Value> = events.iter().filter(|event| event["cat"] == "gpu_user_annotation").collect();
    let named = |name: &str| on_gpu.iter().filter(|event| event["name"] == name).copied().collect::<Vec<_>>();
    let (steps, transformers, ops) = (named("denoise_step"), named("transformer"), named("attention"));
    assert_eq!((steps.len(), transformers.len(), ops.len(), named("vae.decode").len()), (3, 3, 3, 1));
    for (op, transformer) in ops.iter().zip(&transformers) {
        assert_eq!((op["dur"].as_f64(), transformer["dur"].as_f64()), (Some(100.0), Some(150.0)));
        assert_eq!((&op["pid"], &op["tid"]), (&transformer["pid"], &transformer["tid"]));
    }
    assert!(named("vae.decode")[0]["tid"] != ops[0]["tid"], "another stream");
    let host = trace.named("attention").iter().map(|slice| slice.args["External id"].clone()).collect::<Vec<_>>();
    assert!(host.contains(&ops[0]["args"]["External id"]), "joined to the range on the host");
    assert!(trace.json.get("cupti_version").is_none());
    assert!(!on_gpu.iter().any(|event| event["name"].as_str().unwrap().starts_with("ProfilerStep#")));
}

#[test]
fn events_are_taken_only_where_cupti_cannot_record() {
    let by_cupti = run("two streams", &[("CONFIG", "auto")]);
    assert_eq!(by_cupti.gpu()["source"], "cupti");
    assert_eq!(by_cupti.count("cuEventCreate"), 0);
    for (variable, value, reason) in
        [("NSYS_PROFILING_SESSION_ID", "1", "tool_attached"), ("CUPTI_DOUBLE_FAIL", "cuptiSubscribe=39", "occupied")]
    {
        let ran = run("two streams", &[("CONFIG", "auto"), (variable, value)]);
        let gpu = ran.gpu();
        assert_eq!((&gpu["source"], &gpu["reason_code"]), (&"events".into(), &reason.into()), "{gpu}");
        assert!((elapsed(&gpu) - 0.85).abs() < 1e-6, "{gpu}");
    }
    let off = run("two streams", &[("CONFIG", "off")]);
    assert_eq!((&off.gpu()["source"], off.count("cuEventCreate")), (&"none".into(), 0));
    let capture_range = run("two streams", &[("CONFIG", "cuda")]);
    assert_eq!(capture_range.count("cuEventCreate"), 0, "no artifact would show them");
}

#[test]
fn a_range_on_a_stream_calls_no_driver_while_nothing_records() {
    let ran = run("off", &[]);
    assert_eq!(calls(ran.folder.path(), "cuda.log"), ["cuStreamCreate"; 2], "the program's own");
}

#[test]
fn nothing_ever_waits_for_the_gpu() {
    let ran = run("two streams", &[]);
    let waits = calls(ran.folder.path(), "cuda.log").into_iter().filter(|call| call.contains("Synchronize"));
    assert_eq!(waits.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn events_are_used_again() {
    let ran = run("in step", &[]);
    assert!((elapsed(of(&ran.timing(), "in_step")) - MANY as f64 / 1000.0).abs() < 0.01, "{}", ran.gpu());
    assert_eq!(ran.gpu()["gpu_timed_ranges"], MANY);
    let made = ran.count("cuEventCreate");
    assert!(made <= 8, "{made} events for {MANY} ranges");
}

#[test]
fn a_program_far_ahead_of_its_gpu_counts_the_times_it_loses() {
    let ran = run("far ahead", &[]);
    let gpu = ran.gpu();
    let (exhausted, unresolved) = (&gpu["losses"]["exhausted"], &gpu["losses"]["unresolved"]);
    assert_eq!((exhausted, unresolved), (&(MANY - PAIRS).into(), &PAIRS.into()));
    assert!(ran.summary().contains("ranges without a GPU time: 904"), "{}", ran.summary());
}

#[test]
fn events_that_are_open_at_stop_are_awaited_in_the_background() {
    let later = run("done later", &[]);
    assert!((elapsed(of(&later.timing(), "slow")) - 0.7).abs() < 1e-6, "{}", later.timing());
    let never = run("never done", &[]);
    assert_eq!(never.loss(), ("unresolved".into(), 1));
    assert_eq!(of(&never.timing(), "slow").get("gpu_elapsed_ns"), None);
}

#[test]
fn what_cannot_be_timed_is_counted_by_cause() {
    for (scenario, cause, count) in [
        ("captured", "captured", 1),
        ("no context", "failed", 1),
        ("other context", "foreign", 2),
        ("left open", "unfinished", 1),
    ] {
        let ran = run(scenario, &[]);
        assert_eq!(ran.loss(), (cause.into(), count), "{scenario}");
        assert!(ran.summary().contains("ranges without a GPU time"), "{scenario}");
        assert!(!ran.printed.contains("warning: the GPU"), "{}", ran.printed);
    }
}

#[test]
fn a_driver_that_refuses_costs_the_times_and_nothing_else() {
    for call in ["cuEventCreate", "cuEventRecord", "cuEventQuery", "cuEventElapsedTime"] {
        let ran = run("fails", &[("CUDA_DOUBLE_FAIL", call)]);
        assert_eq!(ran.loss(), ("failed".into(), 1), "{call}");
        assert!(ran.summary().contains(&format!("`{call}` failed with CUDA error 719")), "{}", ran.summary());
        assert_eq!(of(&ran.timing(), "unlucky")["calls"], 1);
    }
}

#[test]
fn each_device_has_its_own_events_whatever_is_current() {
    let ran = run("two devices", &[("CUDA_DOUBLE_DEVICES", "2")]);
    let timing = ran.timing();
    assert!((elapsed(of(&timing, "on_zero")) - 0.03).abs() < 1e-6, "{timing}");
    assert!((0.04..0.08).contains(&elapsed(of(&timing, "on_one"))), "{timing}");
    let trace = Trace::read(&session(ran.folder.path()));
    let events = trace.json["traceEvents"].as_array().unwrap();
    let device = |name: &str| {
        let found = events.iter().find(|event| event["cat"] == "gpu_user_annotation" && event["name"] == name);
        found.unwrap()["pid"].as_u64()
    };
    assert_eq!((device("on_zero"), device("on_one")), (Some(0), Some(1)));
}

/// Runs a program that is killed after its story, and recovers its session.
fn run_killed(scenario: &str, variables: &[(&str, &str)]) -> Ran {
    let folder = tempdir().unwrap();
    let mut command = machine("program", folder.path());
    let status = command.env("SCENARIO", scenario).env("KILLED", "1").envs(variables.iter().copied()).status();
    assert!(!status.unwrap().success());
    let found = recover(folder.path().join("perf")).unwrap();
    assert_eq!((found.sessions.len(), found.failed.len()), (1, 0));
    Ran { folder, printed: String::new() }
}

#[test]
fn a_killed_process_leaves_the_times_read_and_counts_the_others() {
    let ran = run_killed("two streams", &[]);
    let (timing, gpu) = (ran.timing(), ran.gpu());
    assert_eq!((&gpu["source"], &gpu["reason_code"]), (&"events".into(), &"process_gone".into()), "{gpu}");
    assert_eq!(gpu["gpu_timed_ranges"], 12, "{gpu}");
    assert!((elapsed(of(&timing, "transformer")) - 0.45).abs() < 1e-6, "{timing}");
    assert!(gpu["clock_uncertainty_ns"].as_u64().unwrap() < 1_000_000, "the journal knows the device's clock: {gpu}");
    assert_eq!(gpu["devices"].as_array().unwrap().len(), 1);
    let never = run_killed("never done", &[]);
    assert_eq!(never.loss(), ("unresolved".into(), 1));
    let sentence = "ranges without a GPU time: 1, the process ended before their events were read";
    assert!(never.summary().contains(sentence), "{}", never.summary());
}

#[test]
fn records_of_cupti_die_with_the_process_and_reports_say_so() {
    let ran = run_killed("two streams", &[("CONFIG", "auto")]);
    let gpu = manifest(&session(ran.folder.path()))["gpu"].clone();
    let reason = "the process ended before the GPU's records were read";
    assert_eq!((&gpu["source"], &gpu["reason"]), (&"none".into(), &reason.into()), "{gpu}");
    assert!(ran.summary().contains(&format!("GPU: not recorded, {reason}.")), "{}", ran.summary());
}
