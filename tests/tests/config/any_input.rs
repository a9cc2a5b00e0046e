//! Whatever a configuration holds, reading it ends with a configuration or with problems, never
//! with a panic.

use profiler_runtime::ProfilerConfig;
use proptest::prelude::*;
use serde_json::{Map, Number, Value};

/// Generates any JSON value, a few levels deep.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
        any::<String>().prop_map(Value::String),
        "[{}a-z_./~*?:-]{0,20}".prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// Generates an object whose keys are fields, or nearly so.
fn any_config() -> impl Strategy<Value = Value> {
    let defaults = serde_json::to_value(ProfilerConfig::default()).unwrap();
    let fields: Vec<String> = defaults.as_object().unwrap().keys().cloned().collect();
    let key = prop_oneof![4 => prop::sample::select(fields), 1 => "[a-z_]{0,30}"];
    prop::collection::btree_map(key, any_value(), 0..8).prop_map(|members| Value::Object(Map::from_iter(members)))
}

/// Asserts that the outcome is a valid configuration that stays valid, or problems that each say
/// something.
fn check(outcome: Result<profiler_runtime::config::ParsedConfig, profiler_runtime::config::ConfigError>) {
    match outcome {
        Ok(parsed) => {
            assert!(!parsed.explain().is_empty());
            let again = parsed.config.clone().validate().unwrap();
            assert_eq!(again.config, parsed.config);
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(error.problems.iter().all(|problem| !problem.message.is_empty()));
            assert!(error.to_string().lines().count() > error.problems.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_answered(value in prop_oneof![any_value(), any_config()]) {
        check(ProfilerConfig::from_json(&value.to_string()));
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check(ProfilerConfig::from_json(&text));
    }

    #[test]
    fn any_file_is_answered(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[ \\n:{}\\[\\],\"'&*!|>#%@a-z0-9=.-]{0,200}".prop_map(String::into_bytes),
            any_config().prop_map(|value| value.to_string().into_bytes()),
        ],
        extension in prop::sample::select(vec!["json", "yaml", "toml"]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config").with_extension(extension);
        std::fs::write(&path, bytes).unwrap();
        check(ProfilerConfig::from_file(path));
    }

    #[test]
    fn any_flag_text_is_answered(
        field in prop_oneof!["[a-z_]{0,30}", Just("stages".to_owned())],
        text in any::<String>(),
    ) {
        let mut config = ProfilerConfig::torch("/perf");
        if let Err(error) = config.set(&field, &text) {
            assert_eq!(config, ProfilerConfig::torch("/perf"), "{error}");
        }
    }
}
