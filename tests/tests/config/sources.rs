//! Sources of a configuration: text, files in three formats, and the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use profiler_runtime::ProfilerConfig;
use profiler_runtime::config::{ConfigError, Origin, ParsedConfig, Profiler};
use tempfile::TempDir;

const JSON: &str = r#"{"profiler": "torch", "torch_profiler_dir": "~/perf", "torch_profiler_with_stack": true,
    "max_iterations": 12, "delay_secs": 1.5, "stages": ["vae.*", "diffuse"], "step_of": "5"}"#;
const YAML: &str = "# one of each type\nprofiler: torch\ntorch_profiler_dir: ~/perf\ntorch_profiler_with_stack: true\n\
    max_iterations: 12\ndelay_secs: 1.5\nstages: [vae.*, \"diffuse\"]\nstep_of: '5'\n";
const TOML: &str = "profiler = 'torch'\ntorch_profiler_dir = '~/perf'\ntorch_profiler_with_stack = true\n\
    max_iterations = 12\ndelay_secs = 1.5\nstages = ['vae.*', 'diffuse']\nstep_of = '5'\n";

fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    (dir, path)
}

fn read(name: &str, content: impl AsRef<[u8]>) -> Result<ParsedConfig, ConfigError> {
    let (_dir, path) = file(name, content);
    ProfilerConfig::from_file(path)
}

/// Reads the configuration from an environment with these variables and a home directory.
fn env(variables: &[(&str, &str)]) -> Result<Option<ParsedConfig>, ConfigError> {
    ProfilerConfig::from_env_with(|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value);
        found.map(OsString::from).or_else(|| (name == "HOME").then(|| "/users/me".into()))
    })
}

#[test]
fn the_three_formats_give_the_same_configuration() {
    let read = |name: &str, content: &str| {
        let (_dir, path) = file(name, content);
        env(&[("PROFILER_CONFIG", path.to_str().unwrap())]).unwrap().unwrap().config
    };
    let json = read("c.json", JSON);
    assert_eq!(read("c.yaml", YAML), json);
    assert_eq!(read("c.YML", YAML), json);
    assert_eq!(read("c.toml", TOML), json);
    assert_eq!(read("c.json", &format!("\u{feff}{JSON}")), json);
    assert_eq!(read("also_yaml.yaml", JSON), json);
    assert_eq!((json.max_iterations, json.delay_secs, json.step_of.as_deref()), (12, 1.5, Some("5")));
}

#[test]
fn the_three_formats_give_the_same_problems() {
    let json = read("c.json", r#"{"profiler": "cuda", "max_iterations": -1, "stages": ["a", 1], "colour": true}"#);
    let yaml = read("c.yaml", "profiler: cuda\nmax_iterations: -1\nstages:\n- a\n- 1\ncolour: true\n");
    let toml = read("c.toml", "profiler = 'cuda'\nmax_iterations = -1\nstages = ['a', 1]\ncolour = true\n");
    let expected = json.unwrap_err().problems;
    assert_eq!(expected.len(), 3);
    assert_eq!(yaml.unwrap_err().problems, expected);
    assert_eq!(toml.unwrap_err().problems, expected);
}

#[test]
fn broken_text_says_where_and_what_was_expected() {
    for (name, text, place, message) in [
        ("c.json", "{\"profiler\": \"cuda\",\n  \"stages\" [] }", "line 2, column 12", "expected `:`"),
        ("c.json", "", "line 1, column 0", "EOF while parsing a value"),
        ("c.json", "{\"profiler\": \"cuda\"} x", "line 1, column 22", "trailing characters"),
        ("c.yaml", "profiler: cuda\nstages: [a\n", "line 2, column 9", "unclosed bracket"),
        ("c.yaml", "a: &x 1\nstages: [*x]\n", "line 2, column 10", "found an alias"),
        ("c.yaml", "profiler: !secret x\n", "line 1, column", "with a tag"),
        ("c.yaml", "profiler: cuda\n---\nprofiler: cuda\n", "line 3, column 1", "one document"),
        ("c.toml", "profiler = 'cuda'\nstages = [\n", "line 2, column 11", "broken TOML"),
        ("c.toml", "profiler = 'cuda'\nprofiler = 'cuda'\n", "line 2, column 1", "duplicate key"),
    ] {
        let error = read(name, text).expect_err(text);
        assert_eq!(error.problems.len(), 1, "{error}");
        let problem = error.problems[0].to_string();
        assert!(problem.starts_with(place) && problem.contains(message), "{text:?}: {problem}");
    }
}

#[test]
fn a_key_given_twice_is_a_problem_and_not_a_guess() {
    for (name, text) in [
        ("c.json", r#"{"profiler": "cuda", "max_iterations": 5, "max_iterations": 50}"#),
        ("c.yaml", "profiler: cuda\nmax_iterations: 5\nmax_iterations: 50\n"),
    ] {
        assert_eq!(
            read(name, text).unwrap_err().problems[0].to_string(),
            "max_iterations: given twice; keep one of the two"
        );
    }
}

#[test]
fn what_is_not_an_object_is_told_so() {
    for (name, text, found) in [
        ("c.json", "[1, 2]", "found a list of 2"),
        ("c.json", "null", "found null"),
        ("c.yaml", "", "found null"),
        ("c.yaml", "just words", "found the string \"just words\""),
    ] {
        let error = read(name, text).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(
            error.to_string().contains("expected an object such as") && error.to_string().contains(found),
            "{error}"
        );
    }
}

#[test]
fn yaml_words_and_numbers_follow_the_core_schema() {
    assert!(read("c.yaml", "profiler: ~\nduration_secs: 1e1\nmax_iterations: +3\n").is_ok());
    for text in
        ["torch_profiler_with_stack: yes", "torch_profiler_with_stack: \"true\"", "delay_secs: .nan", "delay_secs: inf"]
    {
        assert_eq!(read("c.yaml", text).expect_err(text).problems.len(), 1, "{text}");
    }
    assert!(read("c.toml", "delay_secs = nan").unwrap_err().to_string().contains("NaN"));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder.json");
    std::fs::create_dir(&folder).unwrap();
    for (path, expected) in [
        (dir.path().join("absent.json"), "cannot read the file"),
        (folder, "expected a file, found a folder"),
        (dir.path().join("config"), "does not say which format"),
        (dir.path().join("config.ini"), "does not say which format"),
    ] {
        let error = ProfilerConfig::from_file(&path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains(path.to_str().unwrap()), "{text}");
        assert!(error.problems[0].suggestion.is_some(), "{text}");
    }
    assert!(read("c.json", vec![b' '; (1 << 20) + 1]).unwrap_err().to_string().contains("at most 1048576 bytes"));
    assert!(read("c.json", b"{\"profiler\": \"\xff\"}").unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn deep_nesting_is_an_error_and_not_a_full_stack() {
    for (name, text) in [
        ("c.json", "[".repeat(100_000)),
        ("c.yaml", "[".repeat(100_000)),
        ("c.yaml", format!("stages: {}{}", "[".repeat(50), "]".repeat(50))),
        ("c.toml", format!("stages = {}", "[".repeat(100_000))),
    ] {
        assert!(read(name, text).is_err());
    }
}

#[test]
fn an_empty_environment_asks_for_nothing() {
    for variables in
        [&[][..], &[("PROFILER_CONFIG", " ")], &[("VLLM_TORCH_CUDA_PROFILE", "0"), ("VLLM_PROFILER_MAX_ITERS", "3")]]
    {
        assert_eq!(env(variables).unwrap(), None, "{variables:?}");
    }
}

#[test]
fn profiler_config_holds_json_or_a_path() {
    let inline = env(&[("PROFILER_CONFIG", &format!("  {JSON}"))]).unwrap().unwrap();
    assert_eq!(inline.config.torch_profiler_dir, Some("/users/me/perf".into()));
    assert_eq!(inline.origin(), &Origin::Variable("PROFILER_CONFIG"));
    let (_dir, path) = file("c.yaml", YAML);
    let from_file = env(&[("PROFILER_CONFIG", path.to_str().unwrap())]).unwrap().unwrap();
    assert_eq!(from_file.config, inline.config);
    assert_eq!(from_file.origin(), &Origin::File(path));
    let misspelt = env(&[("PROFILER_CONFIG", "~/absent.json")]).unwrap_err().to_string();
    assert!(
        misspelt.contains("/users/me/absent.json") && misspelt.contains("PROFILER_CONFIG: cannot read"),
        "{misspelt}"
    );
    let word = env(&[("PROFILER_CONFIG", "torch")]).unwrap_err().to_string();
    assert!(word.contains("PROFILER_CONFIG: `torch` does not say") && word.contains("has to begin with `{`"), "{word}");
}

#[test]
fn older_switches_work_alone_and_lose_to_profiler_config() {
    let dir = ("VLLM_TORCH_PROFILER_DIR", "/old");
    let cuda = ("VLLM_TORCH_CUDA_PROFILE", "1");
    let limit = ("VLLM_PROFILER_MAX_ITERS", "7");
    let torch = env(&[dir, limit]).unwrap().unwrap().config;
    assert_eq!(torch, ProfilerConfig::torch("/old").max_iterations(7));
    assert_eq!(env(&[cuda]).unwrap().unwrap().config.profiler, Profiler::Cuda);
    let new = env(&[dir, ("VLLM_PROFILER_MAX_ITERS", "abc"), ("PROFILER_CONFIG", r#"{"profiler":"cuda"}"#)]);
    assert_eq!(new.unwrap().unwrap().config, ProfilerConfig::cuda());
}

/// D5: SGLang's variables set the folder and the contents of ranges, and a variable without effect
/// gives a warning.
#[test]
fn sglangs_variables_are_taken_too() {
    let dir = ("SGLANG_TORCH_PROFILER_DIR", "/sglang");
    let stack = ("SGLANG_PROFILE_WITH_STACK", "true");
    let shapes = ("SGLANG_PROFILE_RECORD_SHAPES", "1");
    let alone = env(&[dir, stack, shapes]).unwrap().unwrap();
    let expected = ProfilerConfig::torch("/sglang").torch_profiler_with_stack(true).torch_profiler_record_shapes(true);
    assert_eq!((alone.config, alone.warnings.len()), (expected, 0));
    let second =
        env(&[dir, ("SGLANG_PROFILE_V2", "1"), ("VLLM_TORCH_PROFILER_DISABLE_ASYNC_LLM", "0")]).unwrap().unwrap();
    let told: Vec<String> = second.warnings.iter().map(ToString::to_string).collect();
    assert!(
        told.len() == 1 && told[0].starts_with("SGLANG_PROFILE_V2: `SGLANG_PROFILE_V2` does nothing here"),
        "{told:?}"
    );
    assert_eq!(env(&[stack]).unwrap(), None, "asks for no session");
    let torch = ("PROFILER_CONFIG", r#"{"profiler":"torch"}"#);
    assert_eq!(env(&[dir, torch]).unwrap().unwrap().config, ProfilerConfig::torch("/sglang"));
    let own = ("PROFILER_CONFIG", r#"{"profiler":"torch","torch_profiler_dir":"/own"}"#);
    assert_eq!(env(&[dir, own]).unwrap().unwrap().config, ProfilerConfig::torch("/own"));
    let cuda = env(&[dir, ("VLLM_TORCH_CUDA_PROFILE", "1")]).unwrap().unwrap().config;
    assert_eq!(cuda, ProfilerConfig::cuda());
}

/// D5: a name that is cut short or misspelt, and one that only requests have, lead to the field.
#[test]
fn names_of_requests_lead_to_their_fields() {
    for (name, field) in [
        ("with_stak", "torch_profiler_with_stack"),
        ("use_gzp", "torch_profiler_use_gzip"),
        ("num_steps", "max_iterations"),
        ("num_stesp", "max_iterations"),
    ] {
        for (file, text) in [
            ("c.json", format!("{{\"{name}\": 1}}")),
            ("c.yaml", format!("{name}: 1\n")),
            ("c.toml", format!("{name} = 1\n")),
        ] {
            let error = read(file, &text).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean `{field}`?")), "{error}");
        }
    }
}

/// D8: the error shows the whole path that was tried for a relative one.
#[test]
fn a_missing_file_is_named_by_its_whole_path() {
    let error = env(&[("PROFILER_CONFIG", "conf-that-is-absent.json")]).unwrap_err().to_string();
    let tried = std::env::current_dir().unwrap().join("conf-that-is-absent.json");
    assert!(error.contains(&format!("`{}`", tried.display())), "{error}");
}

#[test]
fn a_wrong_switch_is_named_even_if_it_would_do_nothing() {
    for (variables, expected) in [
        (&[("VLLM_PROFILER_MAX_ITERS", "abc")][..], "VLLM_PROFILER_MAX_ITERS: expected a whole number"),
        (&[("VLLM_TORCH_CUDA_PROFILE", "maybe")], "VLLM_TORCH_CUDA_PROFILE: expected 1 or 0"),
        (
            &[("VLLM_TORCH_PROFILER_DIR", "/x"), ("VLLM_TORCH_CUDA_PROFILE", "1")],
            "cannot be combined with `VLLM_TORCH_PROFILER_DIR`",
        ),
    ] {
        let error = env(variables).expect_err(expected);
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_an_error_and_a_folder_may_be() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(b"/perf\xff".to_vec());
    let lookup = |wanted: &'static str| move |name: &str| (name == wanted).then(bytes);
    assert!(ProfilerConfig::from_env_with(lookup("PROFILER_CONFIG")).unwrap_err().to_string().contains("UTF-8"));
    let parsed = ProfilerConfig::from_env_with(lookup("VLLM_TORCH_PROFILER_DIR")).unwrap().unwrap();
    assert_eq!(parsed.config.torch_profiler_dir, Some(bytes().into()));
}
