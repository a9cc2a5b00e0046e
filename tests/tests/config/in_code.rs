//! A configuration that a program builds, changes, explains and queries.

use profiler_runtime::ProfilerConfig;
use profiler_runtime::config::Profiler;
use serde_json::Value;

fn as_json(config: &ProfilerConfig) -> Value {
    serde_json::to_value(config).unwrap()
}

#[test]
fn a_built_configuration_equals_one_that_was_read() {
    let built = ProfilerConfig::torch("/perf")
        .torch_profiler_use_gzip(true)
        .warmup_iterations(1)
        .active_iterations(5)
        .stages(["vae.*", "diffuse"])
        .step_of("denoise_step")
        .duration_secs(2.5)
        .perf_dump_path("/dump.json");
    let read = ProfilerConfig::from_json(
        r#"{"profiler": "torch", "torch_profiler_dir": "/perf", "torch_profiler_use_gzip": true, "warmup_iterations": 1,
            "active_iterations": 5, "stages": ["vae.*", "diffuse"], "step_of": "denoise_step", "duration_secs": 2.5,
            "perf_dump_path": "/dump.json"}"#,
    );
    assert_eq!(built.validate().unwrap().config, read.unwrap().config);
}

#[test]
fn what_the_manifest_shows_reads_back_as_the_same_configuration() {
    let config = ProfilerConfig::torch("/perf").max_iterations(3).pipeline_profiler(true).max_buffer_mb(1);
    let read = ProfilerConfig::from_json(&as_json(&config).to_string()).unwrap();
    assert_eq!(read.config, config);
}

#[test]
fn validate_checks_what_the_setters_took() {
    let error = ProfilerConfig::torch("/perf")
        .active_iterations(0)
        .max_buffer_mb(0)
        .delay_secs(f64::NAN)
        .duration_secs(-1.0)
        .stages([""])
        .validate()
        .unwrap_err();
    let mut places: Vec<&str> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["active_iterations", "delay_secs", "duration_secs", "max_buffer_mb", "stages[0]"]);
}

#[test]
fn validating_twice_changes_nothing() {
    let once = ProfilerConfig::torch("perf").validate().unwrap();
    let twice = once.config.clone().validate().unwrap();
    assert_eq!(once.config, twice.config);
}

#[test]
fn set_takes_text_as_a_flag_would() {
    let mut config = ProfilerConfig::torch("/perf");
    for (field, text, expected) in [
        ("torch_profiler_with_stack", "true", Value::Bool(true)),
        ("torch_profiler_with_stack", "False", Value::Bool(false)),
        ("max_iterations", "12", 12.into()),
        ("delay_secs", "0.25", 0.25.into()),
        ("stages", "vae.*, diffuse", ["vae.*", "diffuse"].as_slice().into()),
        ("stages", r#"["a,b"]"#, ["a,b"].as_slice().into()),
        ("stages", "", Vec::<String>::new().into()),
        ("step_of", "5", "5".into()),
        ("profiler", "cuda", "cuda".into()),
    ] {
        config.set(field, text).unwrap_or_else(|error| panic!("{field}={text}: {error}"));
        assert_eq!(as_json(&config)[field], expected, "{field}={text}");
    }
}

#[test]
fn set_leaves_the_configuration_alone_when_it_refuses() {
    let mut config = ProfilerConfig::torch("/perf").max_iterations(7);
    let before = config.clone();
    for (field, text) in [
        ("max_iterations", "-1"),
        ("max_iterations", "many"),
        ("torch_profiler_with_stack", "maybe"),
        ("delay_secs", "NaN"),
        ("stages", "[1]"),
        ("max_iteration", "1"),
    ] {
        assert_eq!(config.set(field, text).expect_err(text).problems.len(), 1, "{field}={text}");
    }
    assert_eq!(config, before);
}

#[test]
fn explain_mentions_every_field_with_its_origin() {
    let parsed = ProfilerConfig::from_json(r#"{"profiler": "cuda", "max_iterations": 9}"#).unwrap();
    let text = parsed.explain();
    for (field, value) in as_json(&parsed.config).as_object().unwrap() {
        let origin =
            if ["profiler", "max_iterations"].contains(&field.as_str()) { "from JSON text" } else { "default" };
        let line = format!("{field} = {value}  ({origin})");
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }
    assert!(text.contains("a whole number from 1 to 65536; default 256"), "{text}");
    assert!(ProfilerConfig::cuda().explain().contains("profiler = \"cuda\"  (from the program)"));
}

#[test]
fn stages_select_by_pattern_and_an_empty_list_selects_all() {
    let config = ProfilerConfig::torch("/perf").stages(["vae.*", "text_encoder.forwar?"]);
    for (name, selected) in
        [("vae.decode", true), ("text_encoder.forward", true), ("diffuse", false), ("my.vae.decode", false)]
    {
        assert_eq!(config.selects(name), selected, "{name}");
    }
    assert!(ProfilerConfig::torch("/perf").selects("anything"));
}

#[test]
fn pipeline_targets_are_timed_only_when_asked() {
    assert!(!ProfilerConfig::default().times("vae.decode"));
    let timing = ProfilerConfig::default().pipeline_profiler(true);
    assert!(timing.times("vae.decode") && timing.times("diffuse") && !timing.times("video.write"));
}

#[test]
fn names_that_no_site_bears_are_reported_with_the_nearest() {
    let sites = ["vae.encode", "vae.decode", "diffuse", "denoise_step"];
    let config = ProfilerConfig::torch("/perf").stages(["vae.*", "vae_decode", "audio"]).step_of("denoise_stpe");
    let found: Vec<String> = config.unmatched(&sites).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("stages[1]: `vae_decode`") && found[0].ends_with("did you mean `vae.decode`?"));
    assert!(found[1].starts_with("stages[2]: `audio`") && !found[1].contains("did you mean"));
    assert!(found[2].ends_with("did you mean `denoise_step`?"));
    assert!(ProfilerConfig::default().pipeline_profiler(true).unmatched(&[]).is_empty());
}

#[test]
fn profiler_names_are_those_of_the_configuration() {
    assert_eq!(
        [Profiler::None, Profiler::Torch, Profiler::Cuda].map(|profiler| profiler.to_string()),
        ["none", "torch", "cuda"]
    );
}
