//! The configuration that the environment asks for.
//!
//! `PROFILER_CONFIG` wins over the older `VLLM_*` switches, which then are not even read. The environment comes in as
//! a closure: tests need no process-wide variables, and a program can hand in its own.

use std::ffi::OsString;

use super::choice::Profiler;
use super::draft::Draft;
use super::error::{ConfigError, Origin, Parsed, Problem};
use super::kind::boolean;
use super::settings::ProfilerConfig;
use super::source::inline_or_file;
use super::upstream::{Fate, Name, SGLANG_FOLDERS};

/// How variables are looked up.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Inline JSON, or the path of a file.
const CONFIG: &str = "PROFILER_CONFIG";
const TORCH_DIR: &str = "VLLM_TORCH_PROFILER_DIR";
const CUDA: &str = "VLLM_TORCH_CUDA_PROFILE";

impl ProfilerConfig {
    /// Reads `PROFILER_CONFIG`: a JSON object, or the path of a JSON, YAML or TOML file.
    ///
    /// Without it, the older `VLLM_TORCH_PROFILER_DIR=DIR` (`torch` into that folder), `VLLM_TORCH_CUDA_PROFILE=1`
    /// (`cuda`) count, and beside them `VLLM_PROFILER_MAX_ITERS=N` (`max_iterations`) and vLLM's other switches of that
    /// time, such as `VLLM_TORCH_PROFILER_WITH_STACK=1`. SGLang's `SGLANG_TORCH_PROFILER_DIR=DIR` and
    /// `SGLANG_DIFFUSION_TORCH_PROFILER_DIR=DIR` are the same as vLLM's; beside a `PROFILER_CONFIG` for `torch` that names
    /// no folder, they give that. An empty variable is an unset one. Nothing set is `Ok(None)`.
    ///
    /// # Errors
    ///
    /// Every problem at once, each with its place and what would be right.
    pub fn from_env() -> Result<Option<Parsed>, ConfigError> {
        Self::from_env_with(process)
    }

    /// [`ProfilerConfig::from_env`] with variables looked up by `env` instead of in the process.
    ///
    /// # Errors
    ///
    /// As [`ProfilerConfig::from_env`].
    pub fn from_env_with(env: impl Fn(&str) -> Option<OsString>) -> Result<Option<Parsed>, ConfigError> {
        draft(&env).map(|draft| draft.finish(&env)).transpose()
    }
}

/// The process's own environment.
pub(crate) fn process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// What the environment asks for, if anything.
pub(crate) fn draft(env: Environment<'_>) -> Option<Draft> {
    match variable(env, CONFIG) {
        None => older_switches(env),
        Some(Ok(text)) => Some(inline_or_file(&text, CONFIG, Origin::Variable(CONFIG), env)),
        Some(Err(problem)) => {
            let mut draft = Draft::new(Origin::Variable(CONFIG));
            draft.fail(problem);
            Some(draft)
        }
    }
}

fn older_switches(env: Environment<'_>) -> Option<Draft> {
    let cuda = variable(env, CUDA).map_or(Ok(false), |text| switch(&text?));
    let vllm = set_folder(env, TORCH_DIR);
    // SGLang's names where a session would go, and asks for none beside another profiler.
    let folder = vllm.or_else(|| sglang_folder(env).filter(|_| cuda == Ok(false)));
    let asked = folder.is_some() || cuda != Ok(false);
    let first = match (&folder, asked) {
        (Some((name, _)), _) => name,
        (None, true) => CUDA,
        (None, false) => "VLLM_PROFILER_MAX_ITERS",
    };
    let mut draft = Draft::new(Origin::Variable(first));
    match cuda {
        Ok(false) => {}
        Ok(true) if folder.is_some() => draft.problem(
            Problem::new(CUDA, format!("cannot be combined with `{TORCH_DIR}`: a session has one profiler"))
                .suggest("unset one of the two"),
        ),
        Ok(true) => {
            draft.preset(&["profiler"], &Origin::Variable(CUDA), |config| config.profiler = Profiler::Cuda);
        }
        Err(problem) => draft.problem(problem),
    }
    if let Some((name, folder)) = folder {
        draft.preset(&["profiler", "torch_profiler_dir"], &Origin::Variable(name), |config| {
            config.profiler = Profiler::Torch;
            config.torch_profiler_dir = Some(folder.into());
        });
    }
    let right = single_fields(&mut draft, env);
    // Such a variable alone asks for no session, but a wrong one is still a mistake to report.
    (asked || !right).then_some(draft)
}

/// Sets what variables say about single fields; false if one of them is wrong.
fn single_fields(draft: &mut Draft, env: Environment<'_>) -> bool {
    let mut right = true;
    let chosen = [TORCH_DIR, CUDA, SGLANG_FOLDERS[0], SGLANG_FOLDERS[1]];
    for row in Name::variables().filter(|row| !chosen.contains(&row.name)) {
        match (variable(env, row.name), row.fate) {
            (Some(Ok(text)), Fate::Sets(field)) => {
                right &= draft.set_text(field, &text, row.name, Origin::Variable(row.name));
            }
            // What is switched off does not miss.
            (Some(Ok(text)), _) if boolean(text.trim()) != Some(false) => draft.accept(row),
            (Some(Err(problem)), _) => {
                draft.problem(problem);
                right = false;
            }
            _ => {}
        }
    }
    right
}

/// Returns the folder that one of SGLang's variables names, and which does.
pub(crate) fn sglang_folder(env: Environment<'_>) -> Option<(&'static str, OsString)> {
    SGLANG_FOLDERS.into_iter().find_map(|name| set_folder(env, name))
}

fn set_folder(env: Environment<'_>, name: &'static str) -> Option<(&'static str, OsString)> {
    env(name).filter(|folder| !folder.is_empty()).map(|folder| (name, folder))
}

/// The text of a variable that is set and not blank.
fn variable(env: Environment<'_>, name: &'static str) -> Option<Result<String, Problem>> {
    let value = env(name)?;
    match value.into_string() {
        Ok(text) if text.trim().is_empty() => None,
        Ok(text) => Some(Ok(text)),
        Err(_) => Some(Err(Problem::new(name, "expected UTF-8 text, found other bytes"))),
    }
}

fn switch(text: &str) -> Result<bool, Problem> {
    boolean(text.trim()).ok_or_else(|| Problem::new(CUDA, format!("expected 1 or 0, found the string {text:?}")))
}
