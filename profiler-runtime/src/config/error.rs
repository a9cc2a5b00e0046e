//! The problems and warnings of a configuration, and the origin of each value.
//!
//! A configuration is repaired by a person, so a message names the place, what is wrong, and what
//! would be right; and all messages come together, so that one round of repair is enough.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use profiler_trace::text;

/// The user's words for places of a configuration, by the names here.
pub(crate) type Places = BTreeMap<String, String>;

/// The origin of a configuration, or of one value of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Origin {
    /// A value set by the program.
    #[default]
    Code,
    /// JSON text handed to [`ProfilerConfig::from_json`](crate::ProfilerConfig::from_json).
    Json,
    /// An environment variable, by name.
    Variable(&'static str),
    /// A file.
    File(PathBuf),
    /// The body of a request to start.
    Request,
    /// A command-line flag, with its dashes.
    Flag(Cow<'static, str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code => f.write_str("the program"),
            Self::Json => f.write_str("JSON text"),
            Self::Request => f.write_str("the request"),
            Self::Variable(name) => write!(f, "`{name}`"),
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Flag(flag) => write!(f, "`{flag}`"),
        }
    }
}

/// One thing that is wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Place: a field (`stages[1]`), a flag, a variable, or `line 3, column 7`. Empty for the whole
    /// text.
    pub path: String,
    /// Mistake there, with what was expected and what was found.
    pub message: String,
    /// Correction, where there is a good guess.
    pub suggestion: Option<String>,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), suggestion: None }
    }

    /// Creates a problem of a text, at this position counted from 1.
    pub(crate) fn at(line: usize, column: usize, message: String) -> Self {
        Self::new(format!("line {line}, column {column}"), message)
    }

    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Adds "did you mean" if one of the known names is near.
    pub(crate) fn did_you_mean(mut self, nearest: Option<&str>) -> Self {
        self.suggestion = nearest.map(|name| format!("did you mean `{name}`?"));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// Something valid in a configuration that its author should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Field, flag or variable that it is about.
    pub path: String,
    /// Effect that is missing, and why.
    pub message: String,
}

impl Warning {
    /// Returns the warning in the user's words for the places.
    pub(crate) fn in_words_of(self, places: &Places) -> Self {
        Self { path: in_words_of(places, self.path), message: quoted_in_words_of(places, self.message) }
    }
}

fn in_words_of(places: &Places, path: String) -> String {
    let field = path.split('[').next().unwrap_or_default();
    match (places.get(&path), places.get(field)) {
        (Some(written), _) => written.clone(),
        (None, Some(written)) => format!("{written}{}", &path[field.len()..]),
        (None, None) => path,
    }
}

/// Returns a message with the user's names of fields.
fn quoted_in_words_of(places: &Places, message: String) -> String {
    places
        .iter()
        .fold(message, |message, (field, written)| message.replace(&format!("`{field}`"), &format!("`{written}`")))
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// A configuration that cannot be used, with everything that is wrong in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// At least one problem: those of single fields first, then those of several together.
    pub problems: Vec<Problem>,
    /// Origin of the configuration.
    pub origin: Origin,
}

impl ConfigError {
    /// Returns the error as one of a request, in the request's words.
    pub(crate) fn of_request(self, places: &Places) -> Self {
        let problems = self.problems.into_iter().map(|problem| Problem {
            path: in_words_of(places, problem.path),
            message: quoted_in_words_of(places, problem.message),
            suggestion: problem.suggestion.map(|remedy| quoted_in_words_of(places, remedy)),
        });
        Self { problems: problems.collect(), origin: Origin::Request }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "the profiler configuration from {} has a problem:", self.origin)?,
            count => write!(f, "the profiler configuration from {} has {count} problems:", self.origin)?,
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {}", text::plain(&problem.to_string())))
    }
}

impl std::error::Error for ConfigError {}
