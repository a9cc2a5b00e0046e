//! Names of artifacts outside a session's folder: their uniqueness, and the replacement of earlier
//! files.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::Parser;
use profiler_runtime::config::ProfilerArgs;
use profiler_runtime::{ProfilerConfig, profiled_stage, profiled_step, start_profile_with, stop_profile};
use profiler_tests::{Bench, child_of, in_child, manifest, succeeded};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    profiler: ProfilerArgs,
}

#[profiled_step("denoise_step")]
fn denoise_step() {}

#[profiled_stage("diffuse")]
fn diffuse() {
    (0..4).for_each(|_| denoise_step());
}

/// Returns the configuration that `--profile` and these flags give, in this folder.
fn preset(folder: &Path, flags: &[&str]) -> ProfilerConfig {
    let arguments = [&["generate", "--profile"], flags].concat();
    let folder = OsString::from(folder);
    let env = |name: &str| (name == "SGLANG_TORCH_PROFILER_DIR").then(|| folder.clone());
    Cli::parse_from(arguments).profiler.into_config(env).unwrap().unwrap().config
}

fn run(config: ProfilerConfig, request: &str) -> std::path::PathBuf {
    start_profile_with(config).unwrap();
    {
        let _request = profiler_runtime::request(request);
        diffuse();
    }
    let stopped = stop_profile().unwrap();
    assert_eq!(stopped.wait().unwrap().errors, [""; 0]);
    stopped.folder().unwrap().to_owned()
}

fn traces(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name.contains("trace.json")).collect();
    names.sort();
    names
}

/// E17: the trace has SGLang's name, with the request's id.
#[test]
fn the_trace_of_one_request_has_its_id() {
    let bench = Bench::alone();
    run(preset(bench.path(), &["--num-profiled-timesteps", "2"]), "video_gen_7");
    assert_eq!(traces(bench.path()), ["video_gen_7-2_steps-global-rank0.trace.json.gz"]);
}

/// B4: a generated name is not used twice.
#[test]
fn a_request_of_the_same_id_keeps_both_traces() {
    let bench = Bench::alone();
    for _ in 0..3 {
        run(preset(bench.path(), &["--profile-all-stages"]), "wan");
    }
    let names =
        ["wan-2-full", "wan-3-full", "wan-full"].map(|name| format!("{name}_stages-global-rank0.trace.json.gz"));
    assert_eq!(traces(bench.path()), names);
}

/// B4: a file that the user named is replaced, and the manifest of the session that wrote it says
/// so.
#[test]
fn a_replaced_trace_is_missing_in_the_first_manifest() {
    let bench = Bench::alone();
    let config = || bench.config().trace_file("mine.json").perf_dump_path(bench.path().join("dump.json"));
    let first = run(config(), "one");
    let before = fs::read_to_string(first.join("manifest_rank0.json")).unwrap();
    let second = run(config(), "two");
    let (old, new) = (manifest(&first), manifest(&second));
    let listed = |manifest: &serde_json::Value, kind: &str| {
        manifest["artifacts"].as_array().unwrap().iter().any(|artifact| artifact["kind"] == kind)
    };
    for kind in ["trace", "perf_dump"] {
        assert!(!listed(&old, kind) && listed(&new, kind), "{kind}: {old}");
    }
    let missing = old["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 2, "{old}");
    let reason = missing[0]["reason"].as_str().unwrap();
    assert!(reason.contains(second.file_name().unwrap().to_str().unwrap()), "{reason}");
    // The rest of the manifest is unchanged.
    let after = fs::read_to_string(first.join("manifest_rank0.json")).unwrap();
    let rest = |text: &str| text.split_once("\"losses\"").unwrap().1.to_owned();
    assert_eq!(rest(&before), rest(&after));
    assert!(after.starts_with("{\n  \"schema\": \"manifest\""), "{after}");
    // A listed checksum is that of the file.
    let traces = new["artifacts"].as_array().unwrap().iter().filter(|artifact| artifact["kind"] == "trace");
    for trace in traces {
        let mut crc = flate2::Crc::new();
        crc.update(&fs::read(trace["name"].as_str().unwrap()).unwrap());
        assert_eq!(trace["crc32"], format!("{:08x}", crc.sum()));
    }
}

/// E13: the help shows the values of each flag, and its default.
#[test]
fn the_help_has_values_and_defaults() {
    let help = <Cli as clap::CommandFactory>::command().render_long_help().to_string();
    let after = |flag: &str| help.split_once(flag).unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ");
    for (flag, told) in [
        ("--profiler-config.max_buffer_mb", "[a whole number from 1 to 65536; default: 256]"),
        ("--profiler-config.trace_format", "[\"chrome\", \"perfetto\" or \"both\"; default: \"chrome\"]"),
        ("--profiler-config.gpu ", "[true or false; default: true]"),
    ] {
        let text = after(flag);
        assert!(text.find(told).is_some_and(|place| place < 600), "{flag}: {}", &text[..600]);
    }
}

/// Runs as one of two ranks whose traces would have the same name.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn rank_of_a_job() {
    if !in_child() {
        return;
    }
    let config = |name: &str| ProfilerConfig::torch("perf").trace_file(name);
    let error = start_profile_with(config("mine.json")).unwrap_err().to_string();
    assert!(error.contains("trace_file: is \"mine.json\", which is one file for all ranks of this job"), "{error}");
    assert!(error.contains("put `{rank}` into the name"), "{error}");
    start_profile_with(config("mine{rank}.json")).unwrap();
    drop(stop_profile().unwrap().wait().unwrap());
}

/// B4: ranks that would replace each other's trace do not start.
#[test]
fn two_ranks_with_one_trace_name_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = child_of("rank_of_a_job");
    let child = child.current_dir(folder.path()).env("RANK", "1").env("WORLD_SIZE", "2").env("LOCAL_RANK", "1");
    succeeded(child.env("PROFILER_SESSION_ID", "job"));
    assert!(folder.path().join("perf").join("mine1.json").is_file());
}
