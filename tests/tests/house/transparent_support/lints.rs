//! Lints of rustc and clippy for a program, in a form in which two programs can be compared.

use std::fmt::{self, Display};

use serde_json::Value;

use super::Programs;

/// Lint of rustc or clippy; two are equal if they say the same about the same place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lint {
    /// Name, as in `unused_variables` and `clippy::needless_return`.
    pub(crate) name: String,
    /// File and function, as in `lints::needless_return`.
    pub(crate) function: String,
    /// File, line and column of every primary span.
    places: String,
    text: String,
}

impl Lint {
    /// Reads a lint from a message. Returns `None` for other messages, and for lints about the
    /// options of an attribute.
    pub(super) fn read(message: &Value, programs: &Programs) -> Option<Self> {
        let name = message["code"]["code"].as_str()?.to_owned();
        let spans = message["spans"].as_array()?.iter().filter(|span| span["is_primary"] == true);
        let places: Vec<Place> = spans.map(Place::of).collect();
        let first = places.first()?;
        let source = programs.sources.get(&first.file)?;
        if source.is_in_options(first.line, first.column) {
            return None;
        }
        let function = format!("{}::{}", first.file.trim_end_matches(".rs"), source.function_at(first.line));
        let places = places.iter().map(Place::to_string).collect::<Vec<_>>().join(", ");
        Some(Self { name, function, places, text: message["message"].as_str()?.to_owned() })
    }
}

impl Display for Lint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, function, places, text } = self;
        write!(out, "{name} in {function} ({places}): {text}")
    }
}

struct Place {
    file: String,
    line: usize,
    column: usize,
}

impl Place {
    /// Reads the place in the program's own files. A span in a macro of another crate counts where
    /// that macro is used.
    fn of(span: &Value) -> Self {
        let path = span["file_name"].as_str().unwrap_or_default();
        if !path.starts_with(super::ANNOTATED) && !path.starts_with(super::PLAIN) && span["expansion"].is_object() {
            return Self::of(&span["expansion"]["span"]);
        }
        let number = |key: &str| span[key].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(1);
        let file = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        Self { file, line: number("line_start"), column: number("column_start") }
    }
}

impl Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}
