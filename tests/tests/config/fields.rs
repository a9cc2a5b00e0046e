//! Every field, every rule and every message of a configuration.
//!
//! The cases are tables, so that `every_field_has_cases` finds a field without a case.

use std::collections::BTreeSet;

use profiler_runtime::ProfilerConfig;
use profiler_runtime::config::{ConfigError, ParsedConfig, Profiler};
use serde_json::{Value, json};

/// Returns for each field a valid value that fits the rest, a value of a wrong type, and a value
/// out of range if there is a range.
fn cases() -> Vec<(&'static str, Value, Value, Option<Value>)> {
    let mut cases = vec![
        ("profiler", json!("torch"), json!(1), Some(json!("perf"))),
        ("torch_profiler_dir", json!("/perf"), json!(false), Some(json!("a\0b"))),
        ("output_dir", json!("/perf"), json!(false), Some(json!("a\0b"))),
        ("delay_iterations", json!(3), json!("3"), Some(json!(-1))),
        ("max_iterations", json!(3), json!(1.5), Some(json!(-1))),
        ("wait_iterations", json!(3), json!(true), Some(json!(4_294_967_296_u64))),
        ("warmup_iterations", json!(3), json!([]), Some(json!(-1))),
        ("active_iterations", json!(3), json!(null), Some(json!(0))),
        ("stages", json!(["vae.*"]), json!("vae.*"), Some(json!(["vae.*", ""]))),
        ("step_of", json!("denoise_step"), json!(1), Some(json!("a\0b"))),
        ("delay_secs", json!(0.5), json!("0.5"), Some(json!(-0.5))),
        ("duration_secs", json!(10), json!("soon"), Some(json!(1e300))),
        ("max_buffer_mb", json!(64), json!("64"), Some(json!(65_537))),
        ("ring_secs", json!(2.5), json!("2"), Some(json!(-1))),
        ("ring_steps", json!(3), json!("3"), Some(json!(1_048_577))),
        ("slow_step_ms", json!(500), json!(0.5), Some(json!(86_400_001))),
        ("max_dumps", json!(3), json!(null), Some(json!(0))),
        ("max_spool_mb", json!(64), json!("64"), Some(json!(1))),
        ("trace_file", json!("t{rank}.json"), json!(5), Some(json!("../t{rank}.json"))),
        ("perf_dump_path", json!("/dump.json"), json!({}), Some(json!("s3://bucket/x"))),
        ("trigger_file", json!("/run/profile"), json!(true), Some(json!("s3://bucket/x"))),
        ("gpu_timing", json!("events"), json!(true), Some(json!("event"))),
        ("print_summary", json!("always"), json!(true), Some(json!("sometimes"))),
        ("cuda_api_names", json!("runtime"), json!(true), Some(json!("driver"))),
        ("trace_format", json!("perfetto"), json!(true), Some(json!("json"))),
        ("torch_profiler_activities", json!(["CPU"]), json!("CPU"), Some(json!(["TPU"]))),
        ("nvtx", json!(false), json!("no"), None),
        ("nvtx_domain", json!("mine"), json!(1), Some(json!("a\0b"))),
        ("tracing", json!({"candle_nn": "op", "hyper=info": "off"}), json!("op"), Some(json!({"candle_nn": "ops"}))),
        ("pipeline_targets", json!(["diffuse"]), json!([1]), Some(json!([""]))),
    ];
    for flag in [
        "gpu",
        "ring",
        "spool",
        "cuda_sync_events",
        "stack_std_functions",
        "cpu_time",
        "quiet",
        "torch_profiler_use_gzip",
        "torch_profiler_record_shapes",
        "torch_profiler_with_stack",
        "torch_profiler_with_memory",
        "torch_profiler_with_flops",
        "torch_profiler_dump_cuda_time_total",
        "pipeline_profiler",
        "write_on_exit",
        "write_on_signal",
        "write_on_crash",
        "toggle_on_sigusr2",
    ] {
        cases.push((flag, json!(true), json!("yes"), None));
    }
    cases
}

/// Parses a valid torch configuration with one field changed.
fn with(field: &str, value: &Value) -> Result<ParsedConfig, ConfigError> {
    let mut object = json!({"profiler": "torch", "torch_profiler_dir": "/perf"});
    object[field] = value.clone();
    ProfilerConfig::from_json(&object.to_string())
}

fn effective(config: &ProfilerConfig, field: &str) -> Value {
    serde_json::to_value(config).unwrap()[field].clone()
}

/// Returns the messages of an invalid configuration.
fn problems(text: &str) -> Vec<String> {
    let error = ProfilerConfig::from_json(text).expect_err(text);
    error.problems.iter().map(ToString::to_string).collect()
}

fn warnings(text: &str) -> Vec<String> {
    let parsed = ProfilerConfig::from_json(text).expect(text);
    parsed.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_word_that_is_no_choice_is_told_the_choices() {
    let text = r#"{"profiler":"torch","torch_profiler_dir":"/perf","gpu_timing":"Event"}"#;
    let told =
        "gpu_timing: expected \"auto\", \"cupti\" or \"events\", found the string \"Event\"; did you mean `events`?";
    assert_eq!(problems(text), [told]);
    let off = r#"{"profiler":"torch","torch_profiler_dir":"/perf","gpu":false,"gpu_timing":"events"}"#;
    assert_eq!(warnings(off), ["gpu_timing: does nothing while `gpu` is false"]);
}

#[test]
fn every_field_has_cases() {
    let config = serde_json::to_value(ProfilerConfig::default()).unwrap();
    let fields: BTreeSet<&str> = config.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, cases().iter().map(|case| case.0).collect());
}

#[test]
fn every_field_takes_a_right_value() {
    for (field, right, ..) in cases() {
        let parsed = with(field, &right).unwrap_or_else(|error| panic!("{field}: {error}"));
        let (found, wanted) = (effective(&parsed.config, field), right);
        assert!(found == wanted || found.as_f64() == wanted.as_f64(), "{field}: {found}");
    }
}

#[test]
fn every_field_refuses_a_wrong_type_once_and_by_name() {
    for (field, _, wrong, _) in cases() {
        let error = with(field, &wrong).expect_err(field);
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(error.problems[0].path.starts_with(field), "{error}");
        assert!(error.problems[0].message.starts_with("expected "), "{error}");
    }
}

#[test]
fn every_range_has_an_end() {
    for (field, _, _, outside) in cases() {
        let Some(outside) = outside else { continue };
        let error = with(field, &outside).expect_err(field);
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(error.problems[0].path.starts_with(field), "{error}");
    }
}

#[test]
fn the_defaults_are_those_of_vllm_omni() {
    let expected = json!({
        "profiler": "none", "torch_profiler_dir": null, "torch_profiler_use_gzip": false,
        "torch_profiler_record_shapes": false, "torch_profiler_with_stack": false, "torch_profiler_with_memory": false,
        "torch_profiler_with_flops": false, "torch_profiler_dump_cuda_time_total": false, "delay_iterations": 0,
        "max_iterations": 0, "wait_iterations": 0, "warmup_iterations": 0, "active_iterations": 1,
    });
    let parsed = ProfilerConfig::from_json("{}").unwrap();
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(effective(&parsed.config, field), *value, "{field}");
    }
    assert!(parsed.config.is_off());
}

#[test]
fn all_problems_come_at_once_with_place_and_remedy() {
    let found = problems(
        r#"{"profiler": "torhc", "torch_profiler_use_gzp": true, "torch_profiler_with_stack": "yes", "stages": ["a", 5],
            "active_iterations": 0, "max_iterations": 5, "max_iterations": 6, "with_memory": true}"#,
    );
    let expected = [
        "max_iterations: given twice; keep one of the two",
        "active_iterations: expected a whole number from 1 to 4294967295, found 0",
        "profiler: expected \"torch\", \"cuda\" or \"none\", found the string \"torhc\"; did you mean `torch`?",
        "stages[1]: expected a string, found 5",
        "torch_profiler_use_gzp: unknown field; did you mean `torch_profiler_use_gzip`?",
        "torch_profiler_with_stack: expected true or false, found the string \"yes\"; write true, without quotes",
        "with_memory: unknown field; did you mean `torch_profiler_with_memory`?",
    ];
    assert_eq!(BTreeSet::from_iter(found), BTreeSet::from_iter(expected.map(String::from)));
}

#[test]
fn a_far_name_gets_no_suggestion() {
    assert_eq!(problems(r#"{"colour": 1}"#), ["colour: unknown field"]);
}

#[test]
fn the_message_names_the_source_and_fits_a_terminal() {
    let error = ProfilerConfig::from_json(r#"{"delay_iterations": -1, "colour": 1}"#).unwrap_err();
    let lines: Vec<String> = error.to_string().lines().map(String::from).collect();
    assert_eq!(lines[0], "the profiler configuration from JSON text has 2 problems:");
    assert_eq!(lines.len(), 3);
}

#[test]
fn impossible_combinations_are_errors() {
    for (text, expected) in [
        (r#"{"profiler":"torch"}"#, "torch_profiler_dir: required when `profiler` is `torch`"),
        (r#"{"profiler":"torch","torch_profiler_dir":""}"#, "torch_profiler_dir: required"),
        (r#"{"profiler":"cuda","torch_profiler_dir":"/x"}"#, "torch_profiler_dir: only allowed when"),
        (r#"{"torch_profiler_dir":"/x"}"#, "which is `none` here"),
        (r#"{"output_dir":"/x"}"#, "output_dir: only allowed when `profiler` is `torch` or `cuda`"),
        (
            r#"{"profiler":"torch","torch_profiler_dir":"/x","output_dir":"/y"}"#,
            "output_dir: is another folder than `torch_profiler_dir`, /x; keep one of the two",
        ),
        (r#"{"profiler":"cuda","delay_secs":1,"delay_iterations":1}"#, "delay_secs: cannot be combined"),
        (r#"{"pipeline_profiler":true,"pipeline_targets":[]}"#, "pipeline_targets: expected at least one"),
    ] {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
}

#[test]
fn a_misspelt_profiler_is_not_also_blamed_on_the_folder() {
    assert_eq!(problems(r#"{"profiler":"torhc","torch_profiler_dir":"/x"}"#).len(), 1);
}

#[test]
fn what_does_nothing_is_a_warning() {
    for (text, expected) in [
        (r#"{"profiler":"cuda","torch_profiler_with_stack":true}"#, "torch_profiler_with_stack: does nothing"),
        (r#"{"profiler":"cuda","trace_file":"t{rank}.json"}"#, "trace_file: does nothing"),
        (r#"{"profiler":"cuda","active_iterations":5}"#, "set `max_iterations` to 5"),
        (r#"{"profiler":"cuda","pipeline_targets":["diffuse"]}"#, "pipeline_targets: does nothing"),
        (r#"{"max_iterations":5}"#, "profiler: is `none`"),
    ] {
        let found = warnings(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
}

#[test]
fn a_vllm_configuration_warns_once_of_each_unknown_field() {
    let fields =
        ["ignore_frontend", "capture_torch_profiler", "detailed_trace_annotation", "torch_profiler_execution_trace"];
    let mut object = json!({"profiler": "cuda"});
    for field in fields {
        object[field] = json!(true);
    }
    let found = warnings(&object.to_string());
    assert_eq!(found.len(), fields.len());
    for field in fields {
        assert!(found.iter().any(|warning| warning.starts_with(&format!("{field}: `{field}` does nothing here: "))));
    }
}

#[test]
fn timings_alone_need_no_profiler() {
    for text in [r#"{"perf_dump_path":"/dump.json"}"#, r#"{"pipeline_profiler":true}"#] {
        let parsed = ProfilerConfig::from_json(text).unwrap();
        assert!(!parsed.config.is_off() && parsed.warnings.is_empty(), "{text}");
    }
}

#[test]
fn null_and_empty_text_mean_not_set() {
    let parsed = ProfilerConfig::from_json(r#"{"profiler":null,"torch_profiler_dir":"","step_of":""}"#).unwrap();
    assert_eq!(parsed.config, ProfilerConfig::default());
    let built = ProfilerConfig::default().step_of("").validate().unwrap();
    assert_eq!(built.config, ProfilerConfig::default());
}

#[test]
fn a_folder_is_made_absolute_and_a_uri_is_left_alone() {
    let relative = ProfilerConfig::torch("./perf").validate().unwrap();
    let dir = relative.config.torch_profiler_dir.unwrap();
    assert!(dir.is_absolute() && dir.ends_with("perf"), "{}", dir.display());
    let named = ProfilerConfig::cuda().output_dir("./perf").validate().unwrap();
    assert_eq!(named.config.output_dir, Some(dir.clone()));
    let other_name = ProfilerConfig::default().profiler(Profiler::Torch).output_dir("./perf").validate().unwrap();
    assert_eq!(other_name.config.torch_profiler_dir, Some(dir.clone()), "another name of the same");
    let both = ProfilerConfig::torch(dir).output_dir("./perf").validate().unwrap();
    assert!(both.warnings.is_empty());
    let uri = ProfilerConfig::torch("s3://bucket/perf").validate().unwrap();
    assert_eq!(uri.config.torch_profiler_dir.unwrap().to_str(), Some("s3://bucket/perf"));
    let other_user = ProfilerConfig::torch("~nobody/perf").validate().unwrap_err();
    assert!(other_user.to_string().contains("write the full path"), "{other_user}");
}

#[test]
fn the_trace_is_named_after_rank_and_request() {
    let config = ProfilerConfig::torch("/perf");
    assert_eq!(config.trace_file_name(3, "r"), "trace_rank3.json");
    assert_eq!(config.clone().torch_profiler_use_gzip(true).trace_file_name(0, "r"), "trace_rank0.json.gz");
    let named = config.trace_file("{request_id}-5_steps-global-rank{rank}.trace.json");
    assert_eq!(named.trace_file_name(1, "a/../b c"), "a_.._b_c-5_steps-global-rank1.trace.json");
}

#[test]
fn a_trace_name_that_cannot_work_is_refused() {
    for (name, expected) in [
        ("sub/t{rank}.json", "expected a plain file name"),
        ("..", "expected a plain file name"),
        ("t{rank}.txt", "ends in `.json` or `.json.gz`"),
        ("t{rank}.json.gz", "not compressed"),
        ("t{rnk}.json", "did you mean `rank`?"),
        ("t{rank.json", "not closed"),
        ("manifest_rank{rank}.json", "belong to another artifact"),
    ] {
        let error = ProfilerConfig::torch("/perf").trace_file(name).validate().expect_err(name);
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
}
