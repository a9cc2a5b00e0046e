//! Contents of the artifacts of a run, and the errors of artifacts that cannot be written.

use std::fs;
use std::io::Read;
use std::thread::sleep;
use std::time::Duration;

use flate2::bufread::GzDecoder;
use profiler_runtime::artifacts::{ArtifactKind, Manifest};
use profiler_runtime::{ProfilerConfig, op, request, stage, start_profile_with, step, stop_profile};
use profiler_tests::{Bench, Trace, child_of, in_child, succeeded, timing};
use serde_json::{Value, json};

/// Runs two calls of a stage, and three steps with an op each, inside a request.
fn pipeline() {
    let _request = request("request-7");
    let _generate = stage!("generate");
    for _ in 0..2 {
        text_encoder();
    }
    let _diffuse = stage!("diffuse");
    for index in 0..3u64 {
        let _step = step!("denoise_step", index);
        let input = [[1.0f32; 8]; 4].concat();
        let _op = op!("linear", shapes(input), flops = 64u64);
        sleep(Duration::from_micros(200));
    }
}

fn text_encoder() {
    let _stage = stage!("text_encoder.forward");
    sleep(Duration::from_micros(300));
}

fn session(config: ProfilerConfig, work: impl FnOnce()) -> Manifest {
    start_profile_with(config).unwrap();
    work();
    stop_profile().unwrap().wait().unwrap()
}

fn text_of(manifest: &Manifest, kind: ArtifactKind) -> String {
    fs::read_to_string(&manifest.artifact(kind).unwrap().path).unwrap()
}

#[test]
fn trace_timing_and_summary_tell_the_same_times() {
    let bench = Bench::alone();
    let manifest = session(bench.config(), pipeline);
    let folder = manifest.artifact(ArtifactKind::Trace).unwrap().path.parent().unwrap().to_owned();
    let (trace, timing) = (Trace::read(&folder), timing(&folder));
    let stages = timing["stages"].as_array().unwrap();
    let summary = text_of(&manifest, ArtifactKind::Summary);
    for (name, in_trace, calls) in [
        ("text_encoder.forward", "text_encoder.forward", 2),
        ("diffuse", "diffuse", 1),
        ("denoise_step", "ProfilerStep#", 3),
    ] {
        let stage = stages.iter().find(|stage| stage["name"] == name).unwrap();
        let slices = if calls == 3 { trace.steps() } else { trace.named(in_trace) };
        let traced: f64 = slices.iter().map(|slice| slice.end - slice.begin).sum();
        let reported = stage["sum_ns"].as_f64().unwrap() / 1e6;
        assert_eq!((stage["calls"].as_u64().unwrap(), slices.len()), (calls, calls as usize));
        assert!((traced / 1000.0 - reported).abs() < 1e-5, "`{name}`: {traced} us, {reported} ms");
        let row = summary.lines().find(|line| line.contains(&format!(" {name} "))).unwrap();
        assert!(row.contains(&format!(" {reported:.3} ")), "{row}");
    }
    let request = &timing["requests"]["kept"][0];
    assert_eq!(request["request_id"], "request-7");
    let in_request = request["stages"].as_array().unwrap();
    let generate = in_request.iter().find(|row| stages[row["stage"].as_u64().unwrap() as usize]["name"] == "generate");
    let generate = generate.unwrap()["sum_ns"].as_u64().unwrap();
    let [unaccounted, total] = ["unaccounted_ns", "duration_ns"].map(|key| request[key].as_u64().unwrap());
    assert_eq!(total, generate + unaccounted);
}

#[test]
fn shapes_and_flops_are_in_the_trace_when_they_are_asked_for() {
    let bench = Bench::alone();
    let asked = bench.config().torch_profiler_record_shapes(true).torch_profiler_with_flops(true);
    for (config, there) in [(bench.config(), false), (asked, true)] {
        let args = bench.record(config, pipeline).named("linear").remove(0).args;
        assert_eq!(args.get("Input Dims"), there.then(|| json!([[32]])).as_ref());
        assert_eq!(args.get("Input type"), there.then(|| json!(["float"])).as_ref());
        assert_eq!(args.get("flops"), there.then(|| json!(64)).as_ref());
    }
}

#[test]
fn names_made_at_run_time_arrive_whatever_they_hold() {
    let bench = Bench::alone();
    let names = ["\u{65e5}\u{672c} \u{1f680}", "\"quoted\" \\", "line\nbreak\ttab", "nul \0", "\u{feff}\u{202e}"];
    let trace = bench.record(bench.config(), || names.iter().for_each(|name| drop(stage(name))));
    for name in names {
        assert_eq!(trace.count(name), 1, "{name:?}");
    }
}

#[test]
fn a_compressed_trace_is_the_trace() {
    let bench = Bench::alone();
    let manifest = session(bench.config().torch_profiler_use_gzip(true), pipeline);
    let trace = manifest.artifact(ArtifactKind::Trace).unwrap();
    assert_eq!(trace.name, "trace_rank0.json.gz");
    let packed = fs::read(&trace.path).unwrap();
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["schemaVersion"], 1);
    assert_eq!(trace.bytes, packed.len() as u64);
}

#[test]
fn the_performance_report_and_the_pipeline_lines_need_no_trace() {
    let bench = Bench::alone();
    let path = bench.path().join("perf.json");
    let manifest = session(ProfilerConfig::default().perf_dump_path(&path).pipeline_profiler(true), pipeline);
    let report: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let keys =
        ["timestamp", "request_id", "commit_hash", "tag", "total_duration_ms", "steps", "denoise_steps_ms", "meta"];
    assert!(keys.iter().all(|key| report.get(key).is_some()), "{report}");
    assert_eq!((&report["request_id"], &report["memory_checkpoints"]), (&json!("request-7"), &json!({})));
    let names: Vec<&Value> = report["steps"].as_array().unwrap().iter().map(|step| &step["name"]).collect();
    assert_eq!(names, ["text_encoder.forward", "diffuse"]);
    assert_eq!(report["denoise_steps_ms"].as_array().unwrap().len(), 3);
    let [text, diffuse] = &*manifest.pipeline_lines else { panic!("two lines: {:?}", manifest.pipeline_lines) };
    assert!(
        text.starts_with("[DiffusionTiming] generate.text_encoder.forward took 0.") && text.ends_with("s in 2 calls"),
        "{text}"
    );
    assert!(diffuse.starts_with("[DiffusionTiming] generate.diffuse took 0."), "{diffuse}");
    assert_eq!(manifest.artifacts.len(), 1, "only the report is written");
}

#[test]
fn a_lost_folder_costs_the_artifacts_not_the_program() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    pipeline();
    let stopped = {
        let folder = fs::read_dir(bench.path()).unwrap().next().unwrap().unwrap().path();
        fs::remove_dir_all(&folder).unwrap();
        fs::write(&folder, "in the way").unwrap();
        stop_profile().unwrap()
    };
    let manifest = stopped.wait().unwrap();
    assert!(manifest.artifacts.is_empty());
    assert_eq!(manifest.errors.len(), 5, "{:?}", manifest.errors);
    assert!(manifest.errors[0].contains("trace_rank0.json"), "{}", manifest.errors[0]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_costs_only_the_file_that_does_not_fit() {
    succeeded(&mut child_of("full_disk"));
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "runs in a process of its own"]
fn full_disk() {
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    (0..10_000).for_each(|_| drop(op!("work")));
    // Simulates a full disk: no file may grow beyond this.
    let most = libc::rlimit { rlim_cur: 100_000, rlim_max: 100_000 };
    // SAFETY: the arguments are valid. With the signal ignored, a write beyond the limit is an
    // error.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const most), 0);
    }
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    assert_eq!(manifest.errors.len(), 1, "{:?}", manifest.errors);
    assert!(manifest.errors[0].contains("trace_rank0.json") && manifest.artifact(ArtifactKind::Trace).is_none());
    for kind in [ArtifactKind::Ops, ArtifactKind::Timing, ArtifactKind::Summary, ArtifactKind::Manifest] {
        assert!(manifest.artifact(kind).is_some(), "{kind}");
    }
    let names = fs::read_dir(stopped.folder().unwrap()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.contains("trace")), "nothing half-written: {names:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn exporting_a_million_ranges_takes_constant_memory() {
    succeeded(&mut child_of("records_a_million_ranges"));
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "runs in a process of its own"]
fn records_a_million_ranges() {
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    let mut seen = Vec::new();
    let (manifest, grown) =
        profiler_tests::million_ranges(|stopped| stopped.wait_with(|progress| seen.push(progress.clone())).unwrap());
    let of_trace = seen.iter().filter(|seen| seen.artifact.as_deref() == Some("trace_rank0.json"));
    let fractions: Vec<f64> = of_trace.map(|seen| seen.fraction).collect();
    assert!(fractions.iter().any(|fraction| (0.01..1.0).contains(fraction)), "{seen:?}");
    assert!(fractions.is_sorted() && seen.is_sorted_by_key(|seen| seen.done), "{seen:?}");
    let last = seen.last().unwrap();
    assert_eq!((last.done, &last.artifact), (last.planned, &None));
    assert!(manifest.artifact(ArtifactKind::Trace).unwrap().bytes > 100_000_000, "{} lost", manifest.ranges_lost);
    assert!(grown < 16 << 20, "the export took {grown} bytes");
}
