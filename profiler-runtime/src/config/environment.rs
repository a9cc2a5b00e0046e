//! Looks up environment variables for a configuration.
//!
//! The environment is passed as a closure, so that tests need no process-wide variables and a
//! program can pass its own.

use std::ffi::OsString;

use super::error::Problem;
use super::upstream::SGLANG_FOLDERS;

/// A function that looks up a variable.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Looks up a variable in the process's environment.
pub(crate) fn process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Returns the text of a variable; `None` if it is unset or blank.
pub(super) fn variable(env: Environment<'_>, name: &'static str) -> Result<Option<String>, Problem> {
    match env(name).map(OsString::into_string) {
        Some(Ok(text)) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Some(Err(_)) => Err(Problem::new(name, "expected UTF-8 text, found other bytes")),
        None => Ok(None),
    }
}

/// Returns a variable and the folder that it names; `None` if it is unset or empty.
pub(super) fn folder(env: Environment<'_>, name: &'static str) -> Option<(&'static str, OsString)> {
    env(name).filter(|folder| !folder.is_empty()).map(|folder| (name, folder))
}

/// Returns the first of SGLang's variables that names a folder, and the folder.
pub(crate) fn sglang_folder(env: Environment<'_>) -> Option<(&'static str, OsString)> {
    SGLANG_FOLDERS.into_iter().find_map(|name| folder(env, name))
}
