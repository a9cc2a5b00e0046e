//! Where a configuration is read from: JSON text, or a file.
//!
//! The only input of this room is here: one read of one file, with a bound on its size, so that a path that names a
//! device or a dump is a message and not a full memory.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::draft::Draft;
use super::env::{self, Environment};
use super::error::{ConfigError, Origin, Parsed, Problem};
use super::format::Format;
use super::paths;
use super::settings::ProfilerConfig;

/// Far above any real configuration, which is under 4 KiB.
const MOST_BYTES: u64 = 1 << 20;

impl ProfilerConfig {
    /// Reads a configuration from the text of a JSON object.
    ///
    /// # Errors
    ///
    /// Every problem at once, each with its place and what would be right.
    pub fn from_json(text: &str) -> Result<Parsed, ConfigError> {
        parsed(Format::Json, text, Origin::Json).finish(&env::process)
    }

    /// Reads a configuration from a JSON, YAML or TOML file, told apart by the extension.
    ///
    /// Costs one read of at most 1 MiB.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, or every problem of the configuration in it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Parsed, ConfigError> {
        file(path.as_ref(), "").finish(&env::process)
    }
}

/// Reads what `PROFILER_CONFIG` and `--profiler-config` hold: JSON if it begins with `{`, else the path of a file.
///
/// `place` is the name of the one that holds it.
pub(crate) fn inline_or_file(text: &str, place: &str, origin: Origin, env: Environment<'_>) -> Draft {
    let text = text.trim();
    if text.starts_with('{') {
        return parsed(Format::Json, text, origin);
    }
    match paths::expand(Path::new(text), env) {
        Ok(path) => file(&path, place),
        Err(problem) => failed(origin, Problem { path: place.into(), ..problem }),
    }
}

/// `place` is what named the file, if that could also have held JSON text.
fn file(path: &Path, place: &str) -> Draft {
    let origin = Origin::File(path.to_owned());
    match Format::of(path).and_then(|format| Ok((format, read(path)?))) {
        Ok((format, text)) => parsed(format, &text, origin),
        Err(problem) if place.is_empty() => failed(origin, problem),
        Err(problem) => {
            let remedy = problem.suggestion.iter().map(String::as_str).chain(["JSON text has to begin with `{`"]);
            let suggestion = Some(remedy.collect::<Vec<_>>().join("; "));
            failed(origin, Problem { path: place.into(), suggestion, ..problem })
        }
    }
}

fn parsed(format: Format, text: &str, origin: Origin) -> Draft {
    match format.parse(text) {
        Ok(document) => {
            let mut draft = Draft::new(origin);
            draft.absorb(document);
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

fn read(path: &Path) -> Result<String, Problem> {
    if path.is_dir() {
        return Err(Problem::new("", "expected a file, found a folder").suggest("name the file in it"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Problem::new("", format!("expected at most {MOST_BYTES} bytes, found more")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new("", format!("expected UTF-8 text, found other bytes after the first {at}"))
    })
}

/// `path` is shown as it was tried: a relative one says nothing without the folder that the program was started in.
fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let tried = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let problem = Problem::new("", format!("cannot read the file `{}`: {error}", tried.display()));
    match error.kind() {
        std::io::ErrorKind::NotFound => problem.suggest("check the path"),
        std::io::ErrorKind::PermissionDenied => problem.suggest("allow this user to read it"),
        _ => problem,
    }
}
