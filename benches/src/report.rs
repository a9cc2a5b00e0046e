//! Output of results: Markdown to standard output, and JSON into a file shared by several benches.

use crate::Result;
use crate::child;
use crate::subject::Subject;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Runs the main function of a bench: a child serves its order, any other process runs `bench`.
pub fn main(subjects: &[&dyn Subject], bench: impl FnOnce(&[String]) -> Result<()>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match child::serve(subjects, &arguments) {
        Ok(true) => Ok(()),
        Ok(false) => bench(&arguments),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints one section of Markdown.
///
/// # Errors
/// Returns an error if standard output is closed.
pub fn section(text: impl std::fmt::Display) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Stores `results` under the key `bench` in the JSON object in `file`, keeping other benches'
/// results.
///
/// # Errors
/// Returns an error if the file cannot be written, or is not a JSON object.
pub fn save(file: &Path, bench: &str, results: &impl Serialize) -> Result<()> {
    let mut all: Map<String, Value> = match fs::read_to_string(file) {
        Ok(text) => {
            serde_json::from_str(&text).map_err(|_| format!("`{}` exists and is not a JSON object", file.display()))?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error.into()),
    };
    all.insert(bench.to_owned(), serde_json::to_value(results)?);
    fs::write(file, serde_json::to_string_pretty(&all)?)?;
    Ok(())
}
