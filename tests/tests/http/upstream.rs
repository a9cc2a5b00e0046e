//! Names of vLLM, vLLM-Omni and SGLang: a configuration or a request with these names profiles.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use profiler_runtime::config::{Activities, Profiler};
use profiler_runtime::http::{HttpOptions, Server};
use profiler_runtime::job::LocalController;
use profiler_runtime::{ProfilerConfig, configure, profiled_step, stage, start_profile_with, status, step};
use profiler_tests::http::{Reply, listen, post};
use profiler_tests::{Bench, Trace, manifest};
use serde_json::{Value, json};

#[profiled_step("denoise_step")]
fn denoise_step() {
    drop(stage!("batch"));
}

fn local(bench: &Bench) -> Server {
    configure(bench.config()).unwrap();
    listen(Arc::new(LocalController::new()), HttpOptions::new())
}

fn folder(reply: &Reply) -> PathBuf {
    PathBuf::from(reply.json()["folder"].as_str().expect("a folder"))
}

/// Starts with this body, runs six steps and stops. Returns the answer to the start, and the
/// folder.
fn session(bench: &Bench, body: &Value) -> (Reply, PathBuf) {
    let server = local(bench);
    let started = post(server.local_addr(), "/start_profile", &body.to_string());
    assert_eq!(started.status, 200, "{body}: {}", started.json());
    (0..6).for_each(|_| denoise_step());
    let stopped = post(server.local_addr(), "/stop_profile", "");
    assert_eq!(stopped.status, 200, "{}", stopped.json());
    (started, folder(&stopped))
}

/// D5: every field of proton is known, and all of them together give one warning.
#[test]
fn a_configuration_for_proton_profiles_as_torch() {
    let fields = ["context", "data", "backend", "mode", "hook", "output_format", "graph_attribution", "flush_interval"];
    let mut object = json!({"profiler": "proton", "proton_profiler_dir": "/perf"});
    for field in fields {
        object[format!("proton_profiler_{field}")] = json!("any");
    }
    let parsed = ProfilerConfig::from_json(&object.to_string()).unwrap();
    assert_eq!(parsed.config.profiler, Profiler::Torch);
    assert_eq!(parsed.config.torch_profiler_dir.as_deref(), Some(Path::new("/perf")));
    assert_eq!(parsed.warnings.len(), 1, "{:?}", parsed.warnings);
    assert!(parsed.warnings[0].message.contains("recorded as with `torch`"), "{:?}", parsed.warnings);
    let alone = ProfilerConfig::from_json(r#"{"profiler":"proton","torch_profiler_dir":"/x"}"#).unwrap();
    assert_eq!((alone.config.profiler, alone.warnings.len()), (Profiler::Torch, 1));
    // A folder of the configuration's own comes before proton's.
    let both = r#"{"profiler":"torch","torch_profiler_dir":"/x","proton_profiler_dir":"/y"}"#;
    let both = ProfilerConfig::from_json(both).unwrap();
    assert_eq!(both.config.torch_profiler_dir.as_deref(), Some(Path::new("/x")));
}

/// D5: the activities of vLLM's configurations and of SGLang's requests select what is recorded.
#[test]
fn activities_say_what_is_recorded() {
    let parsed = |words: &str| {
        let text = format!(r#"{{"profiler":"torch","torch_profiler_dir":"/x","torch_profiler_activities":{words}}}"#);
        ProfilerConfig::from_json(&text)
    };
    for (words, expected, warnings) in [
        (r#"["CPU", "CUDA"]"#, Activities::default(), 0),
        ("null", Activities::default(), 0),
        (r#"["CPU"]"#, Activities::CPU, 0),
        (r#"["CUDA"]"#, Activities::CUDA, 0),
        (r#"["GPU"]"#, Activities::CUDA, 0),
    ] {
        let parsed = parsed(words).unwrap();
        let found = (parsed.config.torch_profiler_activities, parsed.warnings.len());
        assert_eq!(found, (expected, warnings), "{words}");
    }
    let xpu = parsed(r#"["CPU", "XPU"]"#).unwrap();
    assert!(xpu.config.torch_profiler_activities.xpu && xpu.warnings.len() == 1, "{xpu:?}");
    assert!(parsed(r#"["CPU", "CUDE"]"#).unwrap_err().to_string().contains("did you mean `CUDA`?"));
    assert!(parsed("[]").is_err());
}

#[test]
fn activities_without_the_cpu_leave_its_ranges_out() {
    let bench = Bench::alone();
    let work = || (0..3).for_each(|_| denoise_step());
    let cuda = bench.record(bench.config().torch_profiler_activities(Activities::CUDA).max_iterations(2), work);
    assert_eq!((cuda.count("batch"), cuda.steps().len()), (0, 0));
    assert_eq!(cuda.ended_by(), "iterations", "steps count without being recorded");
    let cpu = bench.record(bench.config().torch_profiler_activities(Activities::CPU), work);
    assert_eq!(cpu.count("batch"), 3);
}

/// D5: the body that SGLang's client sends is understood.
#[test]
fn a_body_of_sglangs_client_profiles_as_it_says() {
    let bench = Bench::alone();
    let body = json!({
        "output_dir": null, "num_steps": 2, "start_step": 1, "activities": ["CPU", "GPU"], "with_stack": false,
        "record_shapes": true, "profile_by_stage": true, "profile_id": "night-7", "profile_prefix": "wan",
        "merge_profiles": false, "profile_stages": null,
    });
    let (started, folder) = session(&bench, &body);
    assert_eq!(folder, bench.path().join("wan-night-7"));
    assert_eq!(Trace::read(&folder).steps().len(), 2);
    let manifest = manifest(&folder);
    let config = &manifest["config"];
    assert_eq!((&config["max_iterations"], &config["delay_iterations"]), (&json!(2), &json!(1)));
    assert_eq!(config["torch_profiler_record_shapes"], true);
    let told = started.json()["warnings"].clone();
    assert!(told.as_array().unwrap().len() == 1 && told[0].as_str().unwrap().contains("profile_by_stage"), "{told}");
    let about = |warning: &Value| warning.as_str().unwrap().contains("profile_by_stage");
    assert_eq!(manifest["warnings"].as_array().unwrap().iter().filter(|warning| about(warning)).count(), 1);
}

/// B4: a session whose name is taken gets a folder of its own, and a request's changes end with its
/// session.
#[test]
fn a_session_named_twice_has_a_folder_for_each() {
    let bench = Bench::alone();
    let body = json!({"profile_id": "mine", "delay_steps": 4});
    assert_eq!(session(&bench, &body).1, bench.path().join("mine"));
    assert_eq!(session(&bench, &body).1, bench.path().join("mine-2"));
    let (_, plain) = session(&bench, &json!({}));
    assert_eq!(Trace::read(&plain).steps().len(), 6);
    let (_, prefixed) = session(&bench, &json!({"profile_prefix": "wan", "profile_stages": ["batch"]}));
    assert!(prefixed.file_name().unwrap().to_str().unwrap().starts_with("wan-"), "{}", prefixed.display());
    assert_eq!(Trace::read(&prefixed).count("batch"), 6);
}

#[test]
fn merged_profiles_are_there_after_the_session() {
    let bench = Bench::alone();
    // The session ends by itself, and is merged although nobody asks for it.
    let (_, folder) = session(&bench, &json!({"merge_profiles": true, "num_steps": 1}));
    let (merged, begin) = (folder.join("trace_merged.json.gz"), Instant::now());
    while !merged.exists() {
        assert!(begin.elapsed() < Duration::from_secs(60), "never merged");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// D5: a request cannot name a path.
#[test]
fn a_body_that_asks_for_a_path_is_refused() {
    let bench = Bench::alone();
    let server = local(&bench);
    for (body, part) in [
        (json!({"output_dir": "/etc"}), "a request cannot choose a path"),
        (json!({"profile_id": "../x"}), "is no plain name"),
        (json!({"profile_prefix": "a/b"}), "is no plain name"),
        (json!({"profile_id": ".."}), "is no plain name"),
        (json!({"profile_id": "-rf"}), "is no plain name"),
        (json!({"num_steps": "five"}), "num_steps: expected a whole number"),
        (json!({"num_steps": "-1"}), "num_steps: expected a whole number"),
        (json!({"start_step": 1, "delay_steps": 2}), "say the same"),
        (json!({"activities": []}), "activities: expected at least one activity"),
        (json!({"torch_profiler_with_stack": true}), "did you mean `with_stack`?"),
        (json!({"max_buffer_mb": 1}), "is a field of the configuration, and of no request"),
        (json!({"stages": ["batch"], "profile_stages": ["batch"]}), "`profile_stages` and `stages` say the same"),
        (json!({"num_step": 5}), "did you mean `num_steps`?"),
        (json!({"activities": ["TPU"]}), "activities[0]: expected"),
    ] {
        let reply = post(server.local_addr(), "/start_profile", &body.to_string());
        assert_eq!(reply.refusal(), (400, "bad_body".into()), "{body}");
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains(part), "{body}: {}", reply.json());
    }
    assert_eq!(fs::read_dir(bench.path()).unwrap().count(), 0);
}

/// D5: a value that only the rules of configurations refuse is an error of the body, in the body's
/// words.
#[test]
fn what_the_rules_refuse_is_the_bodys_fault() {
    let bench = Bench::alone();
    configure(bench.config().delay_secs(60.0)).unwrap();
    let server = listen(Arc::new(LocalController::new()), HttpOptions::new());
    let reply = post(server.local_addr(), "/start_profile", r#"{"start_step": 3}"#);
    assert_eq!(reply.refusal(), (400, "bad_body".into()));
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("delay_secs: cannot be combined with `start_step`"), "{message}");
    assert!(message.starts_with("the profiler configuration from the request"), "{message}");
}

/// D5: all problems of a body are reported together, in the body's order.
#[test]
fn all_problems_of_a_body_come_together() {
    let bench = Bench::alone();
    let server = local(&bench);
    let body =
        r#"{"with_stack": 1, "stages": [true, "batch", -1], "output_dir": "/x", "num_step": 5, "merge_profiles": 2}"#;
    let reply = post(server.local_addr(), "/start_profile", body);
    assert_eq!(reply.refusal(), (400, "bad_body".into()));
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    let told: Vec<&str> = message.lines().collect();
    let expected = [
        "the body has 6 problems:",
        "with_stack: expected",
        "`stages[0]` is neither",
        "`stages[2]` is not the number",
        "`output_dir` is not taken here",
        "`num_step` is not a field",
        "`merge_profiles` is neither",
    ];
    assert_eq!(told.len(), expected.len(), "{message}");
    assert!(told.iter().zip(expected).all(|(told, expected)| told.trim().starts_with(expected)), "{message}");
    let known = post(server.local_addr(), "/start_profile", r#"{"tenant": 1}"#).json();
    assert!(!known["error"]["message"].as_str().unwrap().contains("output_dir"), "{known}");
    let query = post(server.local_addr(), "/start_profile?num_steps=5", "");
    assert_eq!(query.refusal(), (400, "bad_query".into()));
    assert!(query.json()["error"]["message"].as_str().unwrap().starts_with("`num_steps` belongs into the body"));
}

/// D5: whole numbers may be strings, which SGLang's client sends.
#[test]
fn whole_numbers_of_a_body_may_be_strings() {
    let bench = Bench::alone();
    let body = json!({"num_steps": "2", "start_step": "3", "profile_stages": null, "stages": ["denoise_step"]});
    let (_, folder) = session(&bench, &body);
    assert_eq!(Trace::read(&folder).step_numbers(), [3, 4]);
    let file = ProfilerConfig::from_json(r#"{"profiler":"torch","torch_profiler_dir":"/x","max_iterations":"2"}"#);
    assert!(file.unwrap_err().to_string().contains("write 2, without quotes"), "files stay strict");
}

/// D2, D6: the warnings of a start are in its answer and in the manifest, once each, under the
/// names of the request.
#[test]
fn warnings_of_a_start_are_in_the_answer() {
    let bench = Bench::alone();
    let body =
        json!({"num_steps": 5, "profile_stages": [0, "prefill", "batch", "decode"], "activities": ["CPU", "XPU"]});
    let (started, folder) = session(&bench, &body);
    let told = started.json()["warnings"].clone();
    let told: Vec<&str> = told.as_array().expect("warnings").iter().map(|told| told.as_str().unwrap()).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("activities: `XPU` does nothing here"), "{told:?}");
    assert!(told[1].starts_with("profile_stages[3]: `decode` matches no registered"), "{told:?}");
    assert!(told[2].starts_with("profile_stages[1]: `prefill` matches no registered"), "{told:?}");
    let manifest = manifest(&folder);
    let about = |warning: &&Value| warning.as_str().unwrap().contains("`prefill` matches no");
    assert_eq!(manifest["warnings"].as_array().unwrap().iter().filter(about).count(), 1, "{manifest:#}");
}

/// D3: a misspelt name is refused before the session starts, unless the request insists on it.
#[test]
fn a_name_near_one_that_exists_is_refused() {
    let bench = Bench::alone();
    let server = local(&bench);
    drop(stage!("batch"));
    let refused = post(server.local_addr(), "/start_profile", r#"{"stages": ["batchh"]}"#);
    assert_eq!(refused.refusal(), (400, "no_such_name".into()));
    let message = refused.json()["error"]["message"].clone();
    assert!(message.as_str().unwrap().contains("did you mean `batch`?"), "{message}");
    assert!(message.as_str().unwrap().contains("write `batchh*`"), "{message}");
    for insisted in ["batchh*", "nothing_like_it"] {
        let body = json!({ "stages": [insisted] }).to_string();
        assert_eq!(post(server.local_addr(), "/start_profile", &body).status, 200, "{insisted}");
        assert_eq!(post(server.local_addr(), "/stop_profile", "").status, 200);
    }
}

/// D2: an empty session that a request has started gets no advice about guards.
#[test]
fn an_empty_session_of_a_request_has_no_guard_to_bind() {
    let bench = Bench::alone();
    let server = local(&bench);
    assert_eq!(post(server.local_addr(), "/start_profile", "").status, 200);
    let folder = folder(&post(server.local_addr(), "/stop_profile", ""));
    let warnings = manifest(&folder)["warnings"].to_string();
    assert!(warnings.contains("nothing was recorded") && !warnings.contains("let _"), "{warnings}");
}

/// D3: `step_of` cannot be a stage, because a stage ends no iteration.
#[test]
fn a_step_of_that_is_a_stage_is_an_error() {
    let bench = Bench::alone();
    drop(stage!("only_a_stage"));
    let error = start_profile_with(bench.config().step_of("only_a_stage")).unwrap_err().to_string();
    assert!(error.contains("step_of: `only_a_stage` is a stage or an op, and no step"), "{error}");
    assert!(error.contains("`denoise_step`"), "{error}");
    assert_eq!(status(), profiler_runtime::session::Status::Idle);
    drop(step!("made_in_time"));
    drop(bench.record(bench.config().step_of("made_in_time"), || {}));
}

/// D6: the answer names the artifacts that the session was asked for and did not write.
#[test]
fn an_answer_says_what_is_missing() {
    let bench = Bench::alone();
    configure(bench.config().torch_profiler_with_memory(true)).unwrap();
    let server = listen(Arc::new(LocalController::new()), HttpOptions::new());
    post(server.local_addr(), "/start_profile", "");
    denoise_step();
    let answer = post(server.local_addr(), "/stop_profile", "").json();
    let missing = &answer["workers"][0]["missing"];
    assert_eq!(missing[0]["name"], "memory_snapshot_rank0.pickle", "{answer}");
    assert!(missing[0]["reason"].as_str().unwrap().contains("global_allocator"), "{answer}");
}

/// D4: the part that a schedule leaves out is reported once, in the summary too, and not as a
/// warning.
#[test]
fn what_a_schedule_leaves_out_is_said() {
    let bench = Bench::alone();
    let config = bench.config().delay_iterations(1).max_iterations(2);
    start_profile_with(config).unwrap();
    (0..6).for_each(|_| denoise_step());
    let stopped = profiler_runtime::stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    let told = "left out, as the configuration asks: the first iteration of `denoise_step`; what came after the 2 \
                iterations of `denoise_step` that were recorded";
    assert_eq!((manifest.notes.as_slice(), manifest.warnings.len()), (&[told.to_owned()][..], 0));
    let summary = fs::read_to_string(stopped.folder().unwrap().join("summary_rank0.md")).unwrap();
    assert!(summary.contains("## Notes\n\n- left out, as the configuration asks"), "{summary}");
    assert!(!summary.contains("## Warnings"), "{summary}");
    assert!(manifest.summary().to_string().contains("\nnotes\n  left out"), "{}", manifest.summary());
    let whole = bench.record(bench.config(), denoise_step);
    assert!(whole.warnings().is_empty());
}
