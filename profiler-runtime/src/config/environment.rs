//! Variables of the environment, as a configuration looks them up.
//!
//! The environment is a closure: tests need no process-wide variables, and a program can pass its
//! own.

use std::ffi::OsString;

use super::error::Problem;
use super::upstream::SGLANG_FOLDERS;

/// The function that looks variables up.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Looks a variable up in the process's own environment.
pub(crate) fn process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Returns the text of a variable that is set and not blank.
pub(super) fn variable(env: Environment<'_>, name: &'static str) -> Result<Option<String>, Problem> {
    match env(name).map(OsString::into_string) {
        Some(Ok(text)) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Some(Err(_)) => Err(Problem::new(name, "expected UTF-8 text, found other bytes")),
        None => Ok(None),
    }
}

/// Returns the folder that a variable names, with the variable.
pub(super) fn folder(env: Environment<'_>, name: &'static str) -> Option<(&'static str, OsString)> {
    env(name).filter(|folder| !folder.is_empty()).map(|folder| (name, folder))
}

/// Returns the folder that one of SGLang's variables names, with the variable.
pub(crate) fn sglang_folder(env: Environment<'_>) -> Option<(&'static str, OsString)> {
    SGLANG_FOLDERS.into_iter().find_map(|name| folder(env, name))
}
