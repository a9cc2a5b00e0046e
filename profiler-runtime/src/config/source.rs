//! Reads a configuration from JSON text, a file, or the environment.
//!
//! This is the configuration's only input: one read of one file, with a maximum size, so that a
//! path to a device or a dump produces an error instead of exhausting memory. `PROFILER_CONFIG`
//! takes precedence over the older `VLLM_*` switches, which are then not read at all.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::choice::Profiler;
use super::draft::Draft;
use super::environment::{self, Environment, folder, sglang_folder, variable};
use super::error::{ConfigError, Origin, Problem};
use super::format::Format;
use super::kind::boolean;
use super::parsed::ParsedConfig;
use super::paths;
use super::settings::ProfilerConfig;
use super::upstream::{Location, SGLANG_FOLDERS, Treatment, UpstreamName};

/// Variable with inline JSON, or the path of a file.
const CONFIG: &str = "PROFILER_CONFIG";
const TORCH_DIR: &str = "VLLM_TORCH_PROFILER_DIR";
const CUDA: &str = "VLLM_TORCH_CUDA_PROFILE";
/// Maximum size of a file in bytes; real configurations are below 4 KiB.
const MAX_BYTES: u64 = 1 << 20;

impl ProfilerConfig {
    /// Reads a configuration from the text of a JSON object.
    ///
    /// # Errors
    ///
    /// Returns all problems at once, each with its place and a correction.
    pub fn from_json(text: &str) -> Result<ParsedConfig, ConfigError> {
        parsed(Format::Json, text, Origin::Json).finish(&environment::process)
    }

    /// Reads a configuration from a JSON, YAML or TOML file, recognized by the extension.
    ///
    /// Reads at most 1 MiB.
    ///
    /// # Errors
    ///
    /// Returns a problem with the file, or all problems of the configuration in it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<ParsedConfig, ConfigError> {
        file(path.as_ref(), "").finish(&environment::process)
    }

    /// Reads `PROFILER_CONFIG`: a JSON object, or the path of a JSON, YAML or TOML file. Returns
    /// `Ok(None)` if nothing is set.
    ///
    /// Without `PROFILER_CONFIG`, the older variables are read: `VLLM_TORCH_PROFILER_DIR=DIR`
    /// (`torch` into that folder) or `VLLM_TORCH_CUDA_PROFILE=1` (`cuda`), together with
    /// `VLLM_PROFILER_MAX_ITERS=N` (`max_iterations`) and vLLM's other switches of that time, such
    /// as `VLLM_TORCH_PROFILER_WITH_STACK=1`. SGLang's `SGLANG_TORCH_PROFILER_DIR=DIR` and
    /// `SGLANG_DIFFUSION_TORCH_PROFILER_DIR=DIR` have the same effect as vLLM's; with a
    /// `PROFILER_CONFIG` for `torch` that names no folder, they provide it. An empty variable
    /// counts as unset.
    ///
    /// # Errors
    ///
    /// Returns all problems at once, each with its place and a correction.
    pub fn from_env() -> Result<Option<ParsedConfig>, ConfigError> {
        Self::from_env_with(environment::process)
    }

    /// Reads like [`ProfilerConfig::from_env`], but looks up variables with `env`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ProfilerConfig::from_env`].
    pub fn from_env_with(env: impl Fn(&str) -> Option<OsString>) -> Result<Option<ParsedConfig>, ConfigError> {
        from_environment(&env).map(|draft| draft.finish(&env)).transpose()
    }
}

/// Reads the value of `PROFILER_CONFIG` or `--profiler-config`, whose name is `setting`: JSON if it
/// begins with `{`, otherwise the path of a file.
pub(crate) fn inline_or_file(text: &str, setting: &str, origin: Origin, env: Environment<'_>) -> Draft {
    let text = text.trim();
    if text.starts_with('{') {
        return parsed(Format::Json, text, origin);
    }
    match paths::expand(Path::new(text), env) {
        Ok(path) => file(&path, setting),
        Err(problem) => failed(origin, Problem { path: setting.into(), ..problem }),
    }
}

/// Reads a file. `setting` is the name of the setting with its path, if the setting could also hold
/// JSON text.
fn file(path: &Path, setting: &str) -> Draft {
    let origin = Origin::File(path.to_owned());
    match Format::from_path(path).and_then(|format| Ok((format, read(path)?))) {
        Ok((format, text)) => parsed(format, &text, origin),
        Err(problem) if setting.is_empty() => failed(origin, problem),
        Err(problem) => {
            let remedy = problem.suggestion.iter().map(String::as_str).chain(["JSON text has to begin with `{`"]);
            let suggestion = Some(remedy.collect::<Vec<_>>().join("; "));
            failed(origin, Problem { path: setting.into(), suggestion, ..problem })
        }
    }
}

fn parsed(format: Format, text: &str, origin: Origin) -> Draft {
    match format.parse(text) {
        Ok(document) => {
            let mut draft = Draft::new(origin);
            draft.apply(document);
            draft
        }
        Err(problem) => failed(origin, problem),
    }
}

fn failed(origin: Origin, problem: Problem) -> Draft {
    let mut draft = Draft::new(origin);
    draft.fail(problem);
    draft
}

/// Returns the configuration in the environment, if there is one.
pub(crate) fn from_environment(env: Environment<'_>) -> Option<Draft> {
    match variable(env, CONFIG) {
        Ok(None) => older_switches(env),
        Ok(Some(text)) => Some(inline_or_file(&text, CONFIG, Origin::Variable(CONFIG), env)),
        Err(problem) => Some(failed(Origin::Variable(CONFIG), problem)),
    }
}

fn older_switches(env: Environment<'_>) -> Option<Draft> {
    let cuda = variable(env, CUDA).and_then(|text| text.map_or(Ok(false), |text| switch(&text)));
    let vllm = folder(env, TORCH_DIR);
    // SGLang's variables only name a folder; they start no session if vLLM's chose `cuda`.
    let folder = vllm.or_else(|| sglang_folder(env).filter(|_| cuda == Ok(false)));
    let wants_session = folder.is_some() || cuda != Ok(false);
    let first = match &folder {
        Some((name, _)) => name,
        None if wants_session => CUDA,
        None => "VLLM_PROFILER_MAX_ITERS",
    };
    let mut draft = Draft::new(Origin::Variable(first));
    match cuda {
        Ok(false) => {}
        Ok(true) if folder.is_some() => {
            let message = format!("cannot be combined with `{TORCH_DIR}`: a session has one profiler");
            draft.refuse(CUDA, message, "unset one of the two");
        }
        Ok(true) => {
            draft.preset(&["profiler"], &Origin::Variable(CUDA), |config| config.profiler = Profiler::Cuda);
        }
        Err(problem) => draft.add_problem(problem),
    }
    if let Some((name, folder)) = folder {
        draft.preset(&["profiler", "torch_profiler_dir"], &Origin::Variable(name), |config| {
            config.profiler = Profiler::Torch;
            config.torch_profiler_dir = Some(folder.into());
        });
    }
    let are_valid = single_fields(&mut draft, env);
    // Such a variable alone starts no session, but an invalid one is still reported.
    (wants_session || !are_valid).then_some(draft)
}

/// Sets single fields from their variables; returns false if one is invalid.
fn single_fields(draft: &mut Draft, env: Environment<'_>) -> bool {
    let mut are_valid = true;
    let chosen = [TORCH_DIR, CUDA, SGLANG_FOLDERS[0], SGLANG_FOLDERS[1]];
    for row in UpstreamName::all(Location::Variable).filter(|row| !chosen.contains(&row.name)) {
        match (variable(env, row.name), row.treatment) {
            (Ok(Some(text)), Treatment::Sets(field)) => {
                are_valid &= draft.set_text(field, &text, row.name, Origin::Variable(row.name));
            }
            // A setting that is switched off needs no warning.
            (Ok(Some(text)), _) if boolean(text.trim()) != Some(false) => draft.accept(row, row.name),
            (Ok(_), _) => {}
            (Err(problem), _) => {
                draft.add_problem(problem);
                are_valid = false;
            }
        }
    }
    are_valid
}

fn switch(text: &str) -> Result<bool, Problem> {
    boolean(text.trim()).ok_or_else(|| Problem::new(CUDA, format!("expected 1 or 0, found the string {text:?}")))
}

fn read(path: &Path) -> Result<String, Problem> {
    if path.is_dir() {
        return Err(Problem::new("", "expected a file, found a folder").suggest("name the file in it"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::new("", format!("expected at most {MAX_BYTES} bytes, found more")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new("", format!("expected UTF-8 text, found other bytes after the first {at}"))
    })
}

/// Returns the problem that a file cannot be read. Shows the absolute path, because a relative one
/// is meaningless without the working directory.
fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let tried = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let problem = Problem::new("", format!("cannot read the file `{}`: {error}", tried.display()));
    match error.kind() {
        std::io::ErrorKind::NotFound => problem.suggest("check the path"),
        std::io::ErrorKind::PermissionDenied => problem.suggest("allow this user to read it"),
        _ => problem,
    }
}
