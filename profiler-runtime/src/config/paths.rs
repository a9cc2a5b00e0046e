//! Resolves the paths of a configuration to absolute ones.
//!
//! Paths are resolved once, when the configuration is read, so that a program may change its
//! working directory later.

use std::path::{Path, PathBuf};

use super::choice::Profiler;
use super::environment::Environment;
use super::error::Problem;
use super::settings::ProfilerConfig;

/// Default folder of a `cuda` session.
const DEFAULT: &str = "profiler_out";

/// The folder in which sessions create their own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Folder {
    /// Folder that the user chose.
    Chosen(PathBuf),
    /// Default, because the user chose no folder.
    Default(PathBuf),
}

impl Folder {
    /// Returns the folder, chosen or not.
    pub(crate) fn path(&self) -> &Path {
        let (Self::Chosen(path) | Self::Default(path)) = self;
        path
    }
}

impl ProfilerConfig {
    /// Returns the folder in which sessions create their own; `None` if the profiler writes none.
    pub(crate) fn folder(&self) -> Option<Folder> {
        match self.profiler {
            Profiler::None => None,
            Profiler::Torch => self.torch_profiler_dir.clone().map(Folder::Chosen),
            Profiler::Cuda => Some(match &self.output_dir {
                Some(folder) => Folder::Chosen(folder.clone()),
                None => Folder::Default(std::path::absolute(DEFAULT).unwrap_or_else(|_| DEFAULT.into())),
            }),
        }
    }
}

/// Returns `path` as an absolute path with `~` expanded; returns a URI unchanged.
pub(crate) fn resolve(field: &str, path: &Path, env: Environment<'_>) -> Result<PathBuf, Problem> {
    if is_uri(path) {
        return Ok(path.to_owned());
    }
    let expanded = expand(path, env).map_err(|problem| Problem { path: field.to_owned(), ..problem })?;
    std::path::absolute(&expanded).map_err(|error| {
        Problem::new(field, format!("cannot make `{}` absolute: {error}", expanded.display()))
            .suggest("write the full path")
    })
}

/// Returns whether `path` is a URI, such as `s3://…`, but not `C:\…`.
pub(crate) fn is_uri(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let Some((scheme, _)) = text.split_once("://") else {
        return false;
    };
    let mut letters = scheme.chars();
    scheme.len() > 1
        && letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}

/// Returns `path` with a leading `~` replaced by the home directory.
pub(crate) fn expand(path: &Path, env: Environment<'_>) -> Result<PathBuf, Problem> {
    let Ok(below) = path.strip_prefix("~") else {
        // In `~name` the whole name is one component, which `strip_prefix` does not split.
        return match path.to_string_lossy().strip_prefix('~') {
            Some(_) => Err(unexpanded(path, "the homes of other users are not looked up")),
            None => Ok(path.to_owned()),
        };
    };
    let home = ["HOME", "USERPROFILE"].into_iter().filter_map(env).find(|home| !home.is_empty());
    match home {
        Some(home) => Ok(Path::new(&home).join(below)),
        None => Err(unexpanded(path, "`HOME` is not set, or empty")),
    }
}

fn unexpanded(path: &Path, why: &str) -> Problem {
    Problem::new("", format!("cannot expand `{}`: {why}", path.display())).suggest("write the full path")
}
