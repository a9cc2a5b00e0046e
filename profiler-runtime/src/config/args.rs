//! Command-line flags of the profiler, for a program to flatten into its own.
//!
//! There are two families: vLLM-Omni's `--profiler-config`, whole or field by field, and SGLang's
//! `--profile`, a preset of the same fields. Both produce a
//! [`ProfilerConfig`](crate::ProfilerConfig), so that no other code depends on which one was used.
//! Flags take precedence over the environment.

mod fields;
mod preset;

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::config::{self, ConfigError, Draft, Environment, Origin, ParsedConfig, Problem};

use self::fields::FieldFlags;

const CONFIG: &str = "--profiler-config";
const PROFILE: &str = "--profile";
const STEPS: &str = "--num-profiled-timesteps";
const ALL_STAGES: &str = "--profile-all-stages";
const DUMP: &str = "--perf-dump-path";
const PIPELINE: &str = "--enable-diffusion-pipeline-profiler";

/// The profiler's command-line flags.
///
/// ```
/// use clap::Parser;
///
/// #[derive(Parser)]
/// struct Cli {
///     #[command(flatten)]
///     profiler: profiler_runtime::config::ProfilerArgs,
/// }
///
/// let cli = Cli::parse_from(["generate", "--profile", "--num-profiled-timesteps", "3"]);
/// let parsed = cli.profiler.into_config(|name| std::env::var_os(name))?.expect("`--profile` asks for a session");
/// assert_eq!(parsed.config.active_iterations, 3);
/// # Ok::<(), profiler_runtime::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Profiling")]
#[non_exhaustive]
pub struct ProfilerArgs {
    /// Configuration: a JSON object such as '{"profiler":"torch","torch_profiler_dir":"./perf"}',
    /// or the path of a JSON, YAML or TOML file.
    #[arg(long, alias = "profiler_config", value_name = "JSON|PATH")]
    pub profiler_config: Option<String>,
    /// Trace the denoising steps into ./logs: one warm-up step, then the recorded ones.
    #[arg(long)]
    pub profile: bool,
    /// Steps that `--profile` records; -1 records all, without a warm-up [default: 5]
    #[arg(long, alias = "num_profiled_timesteps", value_name = "N", allow_negative_numbers = true)]
    pub num_profiled_timesteps: Option<i64>,
    /// Together with `--profile`: trace the whole pipeline instead of the denoising steps.
    #[arg(long, alias = "profile_all_stages")]
    pub profile_all_stages: bool,
    /// Write a light JSON report of stage and step times to this file.
    #[arg(long, alias = "perf_dump_path", value_name = "FILE")]
    pub perf_dump_path: Option<PathBuf>,
    /// Log the duration of every pipeline stage.
    #[arg(long, alias = "enable_diffusion_pipeline_profiler")]
    pub enable_diffusion_pipeline_profiler: bool,
    #[command(flatten)]
    fields: FieldFlags,
}

impl ProfilerArgs {
    /// Returns the configuration of the flags, or else that of the environment, read by `env`;
    /// `None` if there is neither.
    ///
    /// `--profiler-config` and `--profile` replace the environment's configuration as a whole; the
    /// other flags change single fields of it.
    ///
    /// # Errors
    ///
    /// Returns all problems at once, each with its flag, variable or field.
    pub fn into_config(self, env: impl Fn(&str) -> Option<OsString>) -> Result<Option<ParsedConfig>, ConfigError> {
        self.draft(&env).map(|draft| draft.finish(&env)).transpose()
    }

    fn draft(self, env: Environment<'_>) -> Option<Draft> {
        let mut draft = match (&self.profiler_config, self.profile) {
            (Some(text), both) => {
                let mut draft = config::inline_or_file(text, CONFIG, Origin::Flag(CONFIG.into()), env);
                if both {
                    draft.add_problem(both_given());
                }
                Some(draft)
            }
            (None, true) => Some(self.preset(env)),
            (None, false) => config::from_environment(env),
        };
        self.apply_fields(&mut draft);
        draft
    }

    /// Applies the flags that set single fields.
    fn apply_fields(self, draft: &mut Option<Draft>) {
        for (name, text) in &self.fields.given {
            let flag = format!("{CONFIG}.{name}");
            let (draft, origin) = begin(draft, flag.clone());
            draft.set_text(name, text, &flag, origin);
        }
        if let Some(path) = self.perf_dump_path {
            let (draft, origin) = begin(draft, DUMP);
            draft.preset(&["perf_dump_path"], &origin, |config| {
                config.perf_dump_path = Some(path);
            });
        }
        if self.enable_diffusion_pipeline_profiler {
            let (draft, origin) = begin(draft, PIPELINE);
            draft.preset(&["pipeline_profiler"], &origin, |config| {
                config.pipeline_profiler = true;
            });
        }
        let needing_profile = [(STEPS, self.num_profiled_timesteps.is_some()), (ALL_STAGES, self.profile_all_stages)];
        for (flag, given) in needing_profile {
            if given && !self.profile {
                let problem = Problem::new(flag, format!("does nothing without `{PROFILE}`"));
                begin(draft, flag).0.add_problem(problem.suggest(format!("add `{PROFILE}`")));
            }
        }
    }
}

/// Returns the draft so far or a new one that `flag` begins, and `flag` as an origin.
fn begin(draft: &mut Option<Draft>, flag: impl Into<Cow<'static, str>>) -> (&mut Draft, Origin) {
    let origin = Origin::Flag(flag.into());
    (draft.get_or_insert_with(|| Draft::new(origin.clone())), origin)
}

fn both_given() -> Problem {
    Problem::new(PROFILE, format!("cannot be combined with `{CONFIG}`: each says what to record")).suggest(format!(
        "drop `{PROFILE}` to record what `{CONFIG}` says, or drop `{CONFIG}` and change single fields of `{PROFILE}` \
         with flags such as `{CONFIG}.max_buffer_mb=64`"
    ))
}
