//! Tests of the example program: it prints the paths of its video and its profile, and one line if
//! it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Flags of the shortest video.
const SHORT: [&str; 4] = ["--num-frames", "1", "--num_inference_steps", "1"];

struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    folder: tempfile::TempDir,
}

/// Runs the program, which `cargo test` builds with the tests, in an empty folder.
fn run(flags: &[&str]) -> Run {
    run_with(flags, &[])
}

fn run_with(flags: &[&str], variables: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join("wan_i2v");
    let mut command = Command::new(program);
    for name in ["PROFILER_CONFIG", "VLLM_TORCH_PROFILER_DIR", "VLLM_TORCH_CUDA_PROFILE", "VLLM_PROFILER_MAX_ITERS"] {
        command.env_remove(name);
    }
    let ended = command
        .args(flags)
        .envs(variables.iter().copied())
        .current_dir(&folder)
        .output()
        .expect("`cargo test` without `--test` builds it");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: ended.status.code(), stdout: text(ended.stdout), stderr: text(ended.stderr), folder }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_plain_run_lists_the_video_and_the_artifacts_of_its_profile() {
    let run = run(&SHORT);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let listed = listed(&run);
    assert!(run.stdout.starts_with("video: i2v_output.mp4\n"), "{}", run.stdout);
    assert_eq!(names(run.folder.path()), ["i2v_output.mp4", "perf"]);
    for kind in ["trace", "timing", "summary", "manifest"] {
        assert!(listed[kind].is_file(), "{kind}: {}", listed[kind].display());
    }

    let timing: Value = serde_json::from_slice(&fs::read(&listed["timing"]).unwrap()).unwrap();
    let paths = stage_paths(&timing);
    for path in [
        "load.pipeline/load.text_encoder",
        "load.pipeline/load.transformer_2",
        "load.pipeline/load.vae",
        "diffusion_forward/pipeline.forward",
        "pipeline.forward/input_validation",
        "pipeline.forward/text_encoding/tokenizer.forward",
        "pipeline.forward/text_encoding/text_encoder.forward",
        "pipeline.forward/image_preprocess",
        "pipeline.forward/vae.encode/vae.encode.chunk",
        "pipeline.forward/latent_preparation",
        "pipeline.forward/timestep_preparation",
        "pipeline.forward/diffuse/denoise_step/transformer.forward",
        "pipeline.forward/diffuse/denoise_step/scheduler.step",
        "pipeline.forward/vae.decode/vae.decode.chunk",
        "pipeline.forward/export",
    ] {
        assert!(paths.iter().any(|known| known.ends_with(path)), "no stage `{path}` in {paths:?}");
    }
}

/// Returns the files that the program has written, by kind.
fn listed(run: &Run) -> BTreeMap<&str, PathBuf> {
    let mut lines = run.stdout.lines().skip_while(|line| !line.starts_with("artifacts in "));
    let folder = Path::new(lines.next().unwrap().strip_prefix("artifacts in ").unwrap());
    let named = lines.filter_map(|line| line.trim().split_once("  "));
    named.map(|(kind, name)| (kind, run.folder.path().join(folder).join(name.trim()))).collect()
}

/// Counts each name in the trace that the program has written.
fn counts(run: &Run) -> BTreeMap<String, usize> {
    let path = &listed(run)["trace"];
    let mut packed = fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        let unpacked = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
        packed = unpacked.stdout;
    }
    let trace: Value = serde_json::from_slice(&packed).unwrap();
    let mut counts = BTreeMap::new();
    for event in trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X") {
        *counts.entry(event["name"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// D4: an iteration is a forward pass, as in vLLM-Omni, and so a whole video.
#[test]
fn one_iteration_is_a_whole_generation() {
    let steps = ["--num-frames", "1", "--num-inference-steps", "3"];
    for variables in [&[][..], &[("VLLM_TORCH_PROFILER_DIR", "./perf"), ("VLLM_PROFILER_MAX_ITERS", "1")]] {
        let run = run_with(&steps, variables);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let counts = counts(&run);
        let of = |name: &str| counts.get(name).copied().unwrap_or(0);
        assert_eq!((of("ProfilerStep#0"), of("ProfilerStep#1")), (1, 0), "{variables:?}");
        assert_eq!((of("denoise_step"), of("vae.decode"), of("export")), (3, 1, 1), "{variables:?}");
    }
}

/// D4: `--profile` is SGLang's, which counts denoising steps.
#[test]
fn the_profile_flag_counts_denoising_steps() {
    let steps = ["--num-frames", "1", "--num-inference-steps", "4", "--profile", "--num-profiled-timesteps", "2"];
    let run = run(&steps);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let counts = counts(&run);
    let counted = counts.keys().filter(|name| name.starts_with("ProfilerStep#")).count();
    assert_eq!((counted, counts.get("scheduler.step")), (2, Some(&2)), "{counts:?}");
}

/// E12: the program prints the stages, the slowest ops, what is missing, then the paths, each once.
#[test]
fn a_plain_run_ends_with_where_its_time_went() {
    let run = run(&SHORT);
    let at = |text: &str| run.stdout.find(text).unwrap_or_else(|| panic!("no `{text}` in\n{}", run.stdout));
    let places = ["\nstage ", "\n    vae.decode ", "\nop ", "\ncausal_conv3d ", "GPU: ", "\nartifacts in "].map(at);
    assert!(places.is_sorted(), "{places:?}\n{}", run.stdout);
    assert_eq!(run.stdout.matches("artifacts in ").count(), 1);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

/// Returns the path of each stage, with the names of its ancestors joined by `/`.
fn stage_paths(timing: &Value) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for stage in timing["stages"].as_array().unwrap() {
        let around = stage["parent"].as_u64().map(|parent| paths[parent as usize].clone() + "/").unwrap_or_default();
        paths.push(around + stage["name"].as_str().unwrap());
    }
    paths
}

#[test]
fn an_empty_configuration_switches_the_profiler_off() {
    let run = run(&[&SHORT[..], &["--profiler-config", "{}", "--output", "frames/"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stdout, "video: frames/\n");
    assert_eq!(names(run.folder.path()), ["frames"]);
}

#[test]
fn a_failing_profiler_does_not_stop_the_generation() {
    let run = run(&[&SHORT[..], &["--profiler_config", "{\"profiler\": \"torhc\"}"]].concat());
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("running without the profiler") && run.stderr.contains("torhc"), "{}", run.stderr);
    assert_eq!(names(run.folder.path()), ["i2v_output.mp4"]);
}

#[test]
fn a_mistake_ends_the_program_with_one_line_and_no_output() {
    let run = run(&["--image", "missing.png"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.starts_with("error: cannot read the image `missing.png`"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(names(run.folder.path()).is_empty());
}
