//! A session's folder: what is in it for which configuration, and what happens when something
//! cannot be written.

use crate::export::ArtifactKind;
use std::fs;
use std::path::{Path, PathBuf};

use flate2::Crc;
use serde_json::{Value, json};

use crate::model::testing::Script;
use crate::model::{Content, ExportOptions, MemoryLog, Trace};
use profiler_core::memory::Levels;
use profiler_core::site::Kind;

use super::{Gauge, Manifest, write_session};

/// A pipeline: a stage called twice, and three steps.
fn pipeline(options: ExportOptions) -> Script {
    let mut script = Script::new();
    script.context.options = options;
    let [generate, text, diffuse] =
        ["generate", "text_encoder.forward", "diffuse"].map(|name| script.site(Kind::Stage, name));
    let step = script.site(Kind::Step, "denoise_step");
    script.context.step_site = Some(step);
    script.begin(generate, 1_000);
    script.begin(text, 2_000).end(text, 5_000).begin(text, 6_000).end(text, 7_000);
    script.begin(diffuse, 10_000);
    for at in [20_000, 30_000, 40_000] {
        script.begin(step, at).end(step, at + 5_000);
    }
    script.end(diffuse, 50_000).end(generate, 60_000).thread("main");
    script
}

fn torch(folder: &Path) -> ExportOptions {
    ExportOptions {
        content: Content::Everything,
        torch_profiler_dir: Some(folder.into()),
        configuration: vec![("profiler", json!("torch"))],
        ..ExportOptions::default()
    }
}

fn write(script: Script, folder: &Path) -> Manifest {
    write_session(&mut Trace::build(script.finish()), folder, &Gauge::default()).0
}

fn json_of(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// D2: an allocator that reports nothing is distinguished from one that is not installed.
#[test]
fn an_installed_allocator_is_not_asked_for_again() {
    let base = tempfile::tempdir().unwrap();
    let missing = |levels: Levels| {
        let mut script = pipeline(ExportOptions { torch_profiler_with_memory: true, ..torch(base.path()) });
        script.memory = Some(MemoryLog { begin: levels.clone(), end: levels });
        let manifest = write(script, &base.path().join("session"));
        manifest.missing.iter().map(|file| file.reason.clone()).next().unwrap()
    };
    assert!(missing(Levels::default()).contains("#[global_allocator]"));
    let installed = missing(Levels { has_allocator: true, least_bytes: 1024, ..Levels::default() });
    assert!(installed.starts_with("no block of 1024 bytes or more was allocated or freed: lower"), "{installed}");
}

/// E12: the summary fits the terminal whatever its content, and leaves out the least important
/// parts.
#[test]
fn the_printed_summary_fits_its_width_and_tells_all() {
    let base = tempfile::tempdir().unwrap();
    let mut script = pipeline(ExportOptions { torch_profiler_with_memory: true, ..torch(base.path()) });
    let op = script.site(Kind::Op, "an operator with a name that no column of a terminal has room for");
    script.begin(op, 70_000).end(op, 90_000).thread("other");
    script.context.warnings.push("the user should know of this, which is a long sentence".to_owned());
    let manifest = write(script, &base.path().join("session"));
    for width in [40, 80, 120] {
        let text = manifest.summary().width(width).ascii().to_string();
        let has_path = |line: &&str| line.starts_with("artifacts in") || line.contains("_rank0.");
        let long: Vec<&str> = text.lines().filter(|line| line.len() > width && !has_path(line)).collect();
        assert!(long.is_empty() && text.is_ascii(), "{width}: {long:?}\n{text}");
        for said in
            ["generate ", "    denoise_step ", "(unaccounted)", "an operator", "no allocation", "warnings", "manifest"]
        {
            assert!(
                text.contains(said) || said.starts_with("no a") && text.contains("nothing was"),
                "{width}: no `{said}` in\n{text}"
            );
        }
        assert_eq!(text.contains("##"), width >= 80, "{text}");
    }
}

#[test]
fn a_torch_session_is_the_five_files_of_its_manifest() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("session");
    let manifest = write(pipeline(torch(base.path())), &folder);
    let written: Vec<&str> = manifest.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    let expected =
        ["trace_rank0.json", "ops_rank0.xlsx", "timing_rank0.json", "summary_rank0.md", "manifest_rank0.json"];
    assert_eq!(written, expected);
    let mut expected = expected.to_vec();
    expected.push("traces");
    expected.sort_unstable();
    assert_eq!(names(&folder), expected);
    let file = json_of(folder.join("manifest_rank0.json"));
    for listed in file["artifacts"].as_array().unwrap() {
        let contents = fs::read(folder.join(listed["name"].as_str().unwrap())).unwrap();
        let mut crc = Crc::new();
        crc.update(&contents);
        assert_eq!(listed["bytes"], contents.len());
        assert_eq!(listed["crc32"], format!("{:08x}", crc.sum()));
    }
    assert_eq!(file["missing"], json!([]));
    assert_eq!(file["config"]["profiler"], "torch");
}

/// E1, E2: TensorBoard requires its own names, HTA a folder that contains only traces.
#[test]
fn a_trace_has_a_second_name_where_only_traces_are() {
    for gzip in [false, true] {
        let base = tempfile::tempdir().unwrap();
        let options = ExportOptions { torch_profiler_use_gzip: gzip, ..torch(base.path()) };
        let manifest = write(pipeline(options), base.path());
        let trace = manifest.artifact(ArtifactKind::Trace).unwrap();
        let suffix = if gzip { ".gz" } else { "" };
        let second = format!("rank0.pt.trace.json{suffix}");
        assert_eq!(trace.second_name, Some(format!("traces/{second}")));
        assert_eq!(names(&base.path().join("traces")), [second.as_str()]);
        assert_eq!(fs::read(base.path().join("traces").join(&second)).unwrap(), fs::read(&trace.path).unwrap());
        let listed = json_of(base.path().join("manifest_rank0.json"));
        assert_eq!(listed["artifacts"][0]["second_name"], json!(trace.second_name));
    }
}

#[test]
fn a_trace_whose_name_the_user_chose_has_no_other() {
    let base = tempfile::tempdir().unwrap();
    let options = ExportOptions { trace_file: Some("mine.json".into()), ..torch(base.path()) };
    let manifest = write(pipeline(options), &base.path().join("session"));
    assert_eq!(manifest.artifact(ArtifactKind::Trace).unwrap().second_name, None);
    assert!(!base.path().join("session").join("traces").exists());
}

#[test]
fn what_was_asked_for_and_not_written_is_missing_and_says_why() {
    let base = tempfile::tempdir().unwrap();
    let options =
        ExportOptions { torch_profiler_with_stack: true, torch_profiler_with_memory: true, ..torch(base.path()) };
    let mut script = pipeline(options);
    script.context.rank = 2;
    let manifest = write(script, base.path());
    let missing: Vec<&str> = manifest.missing.iter().map(|missing| missing.name.as_str()).collect();
    for name in ["stacks_cuda_rank2.txt", "memory_snapshot_rank2.pickle"] {
        assert!(missing.contains(&name), "`{name}` in {missing:?}");
    }
    assert!(base.path().join("trace_rank2.json").exists());
}

#[test]
fn a_file_that_cannot_be_written_costs_the_others_nothing() {
    let base = tempfile::tempdir().unwrap();
    fs::create_dir(base.path().join("timing_rank0.json")).unwrap();
    let manifest = write(pipeline(torch(base.path())), base.path());
    assert_eq!(manifest.missing[0].name, "timing_rank0.json");
    assert!(manifest.errors[0].starts_with("cannot write `"), "{}", manifest.errors[0]);
    assert!(manifest.artifact(ArtifactKind::Summary).is_some() && manifest.artifact(ArtifactKind::Timing).is_none());
    assert_eq!(json_of(base.path().join("manifest_rank0.json"))["errors"], json!(manifest.errors));
    assert!(!names(base.path()).iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn the_manifest_in_memory_names_a_folder_that_cannot_be_made() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    fs::write(&file, "").unwrap();
    let manifest = write(pipeline(torch(base.path())), &file.join("session"));
    assert!(manifest.artifacts.is_empty());
    assert_eq!(manifest.errors.len(), 5, "{:?}", manifest.errors);
}

#[test]
fn the_profiler_decides_what_is_written() {
    let base = tempfile::tempdir().unwrap();
    let perf = base.path().join("deep/perf.json");
    for (content, expected) in [
        (Content::Nothing, ["perf_dump"].as_slice()),
        (Content::Reports, ["timing", "perf_dump", "summary", "manifest"].as_slice()),
    ] {
        let options = ExportOptions { content, perf_dump_path: Some(perf.clone()), ..ExportOptions::default() };
        let manifest = write(pipeline(options), base.path());
        let kinds: Vec<&str> = manifest.artifacts.iter().map(|artifact| artifact.kind.as_str()).collect();
        assert_eq!((kinds.as_slice(), manifest.missing.len()), (expected, 0));
    }
    let options = ExportOptions { content: Content::Reports, ..ExportOptions::default() };
    assert!(write(pipeline(options), Path::new("")).artifacts.is_empty(), "no folder, no files");
}

#[test]
fn a_trace_with_a_name_of_its_own_lies_in_the_configured_folder() {
    let base = tempfile::tempdir().unwrap();
    let options = ExportOptions {
        trace_file: Some("{request_id}-global-rank{rank}.trace.json.gz".into()),
        torch_profiler_use_gzip: true,
        ..torch(base.path())
    };
    let mut script = pipeline(options);
    script.context.rank = 1;
    let manifest = write(script, &base.path().join("session"));
    let trace = manifest.artifact(ArtifactKind::Trace).unwrap();
    assert_eq!(trace.path, base.path().join("test-global-rank1.trace.json.gz"));
    assert!(fs::read(&trace.path).unwrap().starts_with(&[0x1f, 0x8b]));
}

#[test]
fn every_rank_has_a_performance_report_of_its_own() {
    let base = tempfile::tempdir().unwrap();
    let options = ExportOptions { perf_dump_path: Some(base.path().join("perf.json")), ..ExportOptions::default() };
    for rank in 0..2 {
        let mut script = pipeline(options.clone());
        script.context.rank = rank;
        write(script, Path::new(""));
    }
    assert_eq!(names(base.path()), ["perf.json", "perf_rank1.json"]);
    let report = json_of(base.path().join("perf.json"));
    // One stage encloses all others, so the pipeline's stages are the ones inside it.
    let steps: Vec<&Value> = report["steps"].as_array().unwrap().iter().map(|step| &step["name"]).collect();
    assert_eq!(steps, ["text_encoder.forward", "diffuse"]);
    assert_eq!(report["steps"][0]["duration_ms"], 0.004, "both calls");
    assert_eq!(report["denoise_steps_ms"][2], json!({"step": 2, "duration_ms": 0.005}));
    let (tag, empty) = (&report["tag"], &report["memory_checkpoints"]);
    assert_eq!((tag, empty), (&json!("benchmark_dump"), &json!({})));
}

#[test]
fn timing_counts_every_call_and_leaves_nothing_unaccounted() {
    let base = tempfile::tempdir().unwrap();
    let options = ExportOptions {
        pipeline_profiler: true,
        pipeline_targets: ["text_encoder.forward", "diffuse"].map(String::from).to_vec(),
        ..torch(base.path())
    };
    let mut script = pipeline(options);
    let request = script.site(Kind::Request, "request");
    script.request_id(request, "r-1");
    script.begin(request, 70_000).end(request, 80_000).thread("other");
    let manifest = write(script, base.path());
    let timing = json_of(base.path().join("timing_rank0.json"));
    let text = &timing["stages"][1];
    assert_eq!((&text["name"], &text["calls"]), (&json!("text_encoder.forward"), &json!(2)));
    assert_eq!((&text["id"], &text["parent"]), (&json!(1), &json!(0)));
    assert_eq!((&text["sum_ns"], &text["min_ns"], &text["max_ns"]), (&json!(4_000), &json!(1_000), &json!(3_000)));
    assert_eq!((&text["p50_ns"], &text["p999_ns"]), (&json!(1_000), &json!(3_000)));
    let request = &timing["requests"]["kept"][0];
    assert_eq!((&request["request_id"], &request["unaccounted_ns"]), (&json!("r-1"), &json!(10_000)));
    assert_eq!((&timing["requests"]["count"], &timing["requests"]["p99_ns"]), (&json!(1), &json!(10_000)));
    assert_eq!(timing["loops"][0]["steps"].as_array().unwrap().len(), 3);
    assert_eq!(timing["gpu"]["source"], "none");
    let lines = ["generate.text_encoder.forward took 0.000004s in 2 calls", "generate.diffuse took 0.000040s"];
    assert_eq!(manifest.pipeline_lines, lines.map(|line| format!("[DiffusionTiming] {line}")));
}

#[test]
fn a_summary_is_under_4_kb_and_says_what_it_leaves_out() {
    let base = tempfile::tempdir().unwrap();
    let mut script = pipeline(torch(base.path()));
    script.context.warnings = vec!["語".repeat(2000); 50];
    for stage in 0..200 {
        let site = script.site(Kind::Stage, &format!("{}{stage}", "層".repeat(60)));
        script.begin(site, 100_000 + stage * 100).end(site, 100_000 + stage * 100 + 50);
    }
    script.thread("other");
    write(script, base.path());
    let summary: PathBuf = base.path().join("summary_rank0.md");
    let text = fs::read_to_string(summary).unwrap();
    assert!(text.len() < 4096, "{} bytes", text.len());
    assert!(text.contains("shorter stages are left out"), "{text}");
    assert!(text.contains("| (unaccounted)") && text.contains("generate"), "{text}");
}
