//! The command-line flags, as seen by a program that flattens them into its own.

use std::ffi::OsString;

use clap::{CommandFactory, Parser};
use profiler_runtime::ProfilerConfig;
use profiler_runtime::config::{ConfigError, Origin, ParsedConfig, Profiler, ProfilerArgs};

#[derive(Parser)]
struct Cli {
    #[arg(long)]
    prompt: Option<String>,
    #[command(flatten)]
    profiler: ProfilerArgs,
    image: Option<String>,
}

type Outcome = Result<Option<ParsedConfig>, ConfigError>;

fn run_in(variables: &[(&str, &str)], flags: &[&str]) -> Outcome {
    let cli =
        Cli::try_parse_from(["generate"].iter().chain(flags)).unwrap_or_else(|error| panic!("{flags:?}: {error}"));
    cli.profiler.into_config(|name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
    })
}

fn run(flags: &[&str]) -> Outcome {
    run_in(&[], flags)
}

fn config(flags: &[&str]) -> ProfilerConfig {
    run(flags).unwrap_or_else(|error| panic!("{flags:?}: {error}")).expect("a session").config
}

fn error(flags: &[&str]) -> String {
    run(flags).expect_err("an error").to_string()
}

#[test]
fn no_flag_asks_for_nothing_and_then_the_environment_counts() {
    assert_eq!(run(&["--prompt", "a cat", "in.png"]).unwrap(), None);
    let parsed = run_in(&[("PROFILER_CONFIG", r#"{"profiler":"cuda"}"#)], &[]).unwrap().unwrap();
    assert_eq!(parsed.config.profiler, Profiler::Cuda);
}

#[test]
fn a_flag_beats_the_environment() {
    let variables = [("PROFILER_CONFIG", r#"{"profiler":"cuda","max_iterations":3,"colour":1}"#)];
    let flag = r#"--profiler-config={"profiler":"torch","torch_profiler_dir":"/perf"}"#;
    let parsed = run_in(&variables, &[flag]).unwrap().unwrap();
    assert_eq!(parsed.config, ProfilerConfig::torch("/perf"));
    assert!(run_in(&variables, &["--profile"]).is_ok());
}

#[test]
fn a_dotted_flag_changes_one_field_of_what_is_set_otherwise() {
    let variables = [("PROFILER_CONFIG", r#"{"profiler":"cuda","max_iterations":3}"#)];
    let parsed = run_in(&variables, &["--profiler-config.max_iterations=4"]).unwrap().unwrap();
    assert_eq!(parsed.config, ProfilerConfig::cuda().max_iterations(4));
    let text = parsed.explain();
    assert!(text.contains("profiler = \"cuda\"  (from `PROFILER_CONFIG`)"), "{text}");
    assert!(text.contains("max_iterations = 4  (from `--profiler-config.max_iterations`)"), "{text}");
    let flags = [
        "--profiler-config",
        r#"{"profiler":"torch","torch_profiler_dir":"/a"}"#,
        "--profiler-config.torch_profiler_dir",
        "/b",
    ];
    assert_eq!(config(&flags), ProfilerConfig::torch("/b"));
}

#[test]
fn every_field_has_its_dotted_flag_in_all_spellings() {
    let fields = serde_json::to_value(ProfilerConfig::default()).unwrap();
    let command = Cli::command();
    for field in fields.as_object().unwrap().keys() {
        let flag = format!("profiler-config.{field}");
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag.as_str())).expect(&flag);
        let aliases = arg.get_all_aliases().unwrap();
        assert!(aliases.contains(&format!("profiler_config.{field}").as_str()), "{aliases:?}");
        assert!(aliases.contains(&format!("profiler-config.{}", field.replace('_', "-")).as_str()), "{aliases:?}");
    }
    command.debug_assert();
}

#[test]
fn dotted_flags_alone_make_a_configuration() {
    let flags = [
        "--profiler-config.profiler=torch",
        "--profiler-config.torch_profiler_dir=/perf",
        "--profiler-config.torch_profiler_with_stack=false",
        "--profiler_config.torch_profiler_use_gzip=True",
        "--profiler-config.active-iterations",
        "5",
        "--profiler-config.warmup_iterations=1",
        "--profiler-config.stages=vae.*,diffuse",
    ];
    let expected =
        ProfilerConfig::torch("/perf").torch_profiler_use_gzip(true).active_iterations(5).warmup_iterations(1);
    assert_eq!(config(&flags), expected.stages(["vae.*", "diffuse"]));
}

#[test]
fn a_wrong_dotted_flag_is_named_as_it_was_written() {
    let text = error(&["--profiler-config.max_iterations=-1", "--profiler-config.torch_profiler_with_stack=maybe"]);
    assert!(text.contains("--profiler-config.max_iterations: expected a whole number"), "{text}");
    assert!(text.contains("--profiler-config.torch_profiler_with_stack: expected true or false"), "{text}");
    let unknown = Cli::try_parse_from(["generate", "--profiler-config.max_iteration=1"]).err().unwrap().to_string();
    assert!(unknown.contains("--profiler-config.max_iterations"), "{unknown}");
}

#[test]
fn a_vllm_flag_without_a_counterpart_is_a_warning() {
    let parsed =
        run(&["--profiler-config.profiler=cuda", "--profiler-config.ignore_frontend", "True"]).unwrap().unwrap();
    assert_eq!(parsed.warnings.len(), 1);
    assert_eq!(parsed.warnings[0].path, "--profiler-config.ignore_frontend");
}

#[test]
fn profile_traces_five_denoising_steps_after_a_warm_up() {
    let config = config(&["--profile"]);
    assert_eq!((config.profiler, config.warmup_iterations, config.active_iterations), (Profiler::Torch, 1, 5));
    assert!(config.torch_profiler_dir.as_ref().unwrap().is_absolute());
    assert!(config.torch_profiler_dir.as_ref().unwrap().ends_with("logs"));
    assert_eq!(config.trace_file_name(0, "r1"), "r1-5_steps-global-rank0.trace.json.gz");
    assert!(config.selects("diffuse") && config.selects("denoise_step") && !config.selects("vae.decode"));
    assert_eq!(config.step_of.as_deref(), Some("denoise_step"));
}

#[test]
fn the_number_of_steps_can_be_chosen_or_be_all() {
    let three = config(&["--profile", "--num-profiled-timesteps", "3"]);
    assert_eq!(
        (three.active_iterations, three.trace_file_name(1, "r").as_str()),
        (3, "r-3_steps-global-rank1.trace.json.gz")
    );
    let all = config(&["--profile", "--num_profiled_timesteps", "-1"]);
    assert_eq!((all.warmup_iterations, all.max_iterations), (0, 0));
    for wrong in ["0", "-2", "4294967296"] {
        let text = error(&["--profile", "--num-profiled-timesteps", wrong]);
        assert!(text.contains("--num-profiled-timesteps: expected a number of steps from 1"), "{text}");
    }
}

#[test]
fn all_stages_are_traced_without_a_schedule() {
    let config = config(&["--profile", "--profile-all-stages"]);
    assert!(config.selects("vae.decode"));
    assert_eq!((config.warmup_iterations, config.wait_iterations, config.max_iterations), (0, 0, 0));
    assert_eq!(config.trace_file_name(0, "r"), "r-full_stages-global-rank0.trace.json.gz");
    let packets = self::config(&["--profile", "--profile-all-stages", "--profiler-config.trace-format=perfetto"]);
    assert_eq!(packets.trace_file_name(0, "r"), "r-full_stages-global-rank0.trace.pftrace.gz");
}

#[test]
fn the_folder_of_profile_comes_from_sglangs_variables() {
    let general = ("SGLANG_TORCH_PROFILER_DIR", "/general");
    let special = ("SGLANG_DIFFUSION_TORCH_PROFILER_DIR", "/special");
    for (variables, folder) in [(&[general][..], "/general"), (&[general, special], "/special")] {
        let parsed = run_in(variables, &["--profile"]).unwrap().unwrap();
        assert_eq!(parsed.config.torch_profiler_dir, Some(folder.into()));
        assert_eq!(parsed.origin(), &Origin::Flag("--profile".into()));
    }
}

#[test]
fn profile_and_profiler_config_together_say_which_to_drop() {
    let flag = r#"--profiler-config={"profiler":"torch","torch_profiler_dir":"/perf"}"#;
    let text = error(&["--profile", flag]);
    assert!(text.contains("drop `--profile`") && text.contains("drop `--profiler-config`"), "{text}");
    let tuned = config(&["--profile", "--profiler-config.max_buffer_mb=64"]);
    assert_eq!(tuned.max_buffer_mb, 64);
}

#[test]
fn flags_that_refine_profile_need_it() {
    for flags in [&["--profile-all-stages"][..], &["--num-profiled-timesteps=2"]] {
        assert!(error(flags).contains("does nothing without `--profile`"), "{flags:?}");
    }
}

#[test]
fn timings_can_be_asked_for_alone_or_beside_a_trace() {
    let alone = config(&["--perf-dump-path", "/dump.json", "--enable-diffusion-pipeline-profiler"]);
    assert_eq!(alone, ProfilerConfig::default().perf_dump_path("/dump.json").pipeline_profiler(true));
    let beside = config(&["--profile", "--perf_dump_path=/dump.json", "--enable_diffusion_pipeline_profiler"]);
    assert!(beside.profiler == Profiler::Torch && beside.pipeline_profiler && beside.perf_dump_path.is_some());
}

#[test]
fn help_is_short_by_default_and_complete_when_asked() {
    let short = Cli::command().render_help().to_string();
    assert!(
        short.contains("--profiler-config <JSON|PATH>") && !short.contains("--profiler-config.max_buffer_mb"),
        "{short}"
    );
    let long = Cli::command().render_long_help().to_string();
    assert!(long.contains("--profiler-config.max_buffer_mb") && !long.contains("ignore_frontend"), "{long}");
}
