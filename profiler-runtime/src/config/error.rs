//! Problems and warnings of a configuration, and the origin of each value.
//!
//! A user repairs a configuration by hand. A message therefore names the place, the mistake and the
//! correction, and all messages are reported together, so that one round of repairs is enough.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use profiler_trace::text;

/// The names by which the user wrote fields, by the fields' own paths.
pub(crate) type Aliases = BTreeMap<String, String>;

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

/// One mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Place of the mistake: a field (`stages[1]`), a flag, a variable, or `line 3, column 7`.
    /// Empty for the whole text.
    pub path: String,
    /// Mistake, with the expected and the found value.
    pub message: String,
    /// Correction, if there is a good guess.
    pub suggestion: Option<String>,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), suggestion: None }
    }

    /// Creates a problem at a position of a text, counted from 1.
    pub(crate) fn at(line: usize, column: usize, message: String) -> Self {
        Self::new(format!("line {line}, column {column}"), message)
    }

    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Adds "did you mean" if a known name is near.
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

/// A valid setting that its author should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Field, flag or variable.
    pub path: String,
    /// Missing effect and its reason.
    pub message: String,
}

impl Warning {
    /// Returns the warning with the user's names for fields.
    pub(crate) fn with_aliases(self, aliases: &Aliases) -> Self {
        Self { path: path_with_aliases(aliases, self.path), message: text_with_aliases(aliases, self.message) }
    }
}

fn path_with_aliases(aliases: &Aliases, path: String) -> String {
    let field = path.split('[').next().unwrap_or_default();
    match (aliases.get(&path), aliases.get(field)) {
        (Some(alias), _) => alias.clone(),
        (None, Some(alias)) => format!("{alias}{}", &path[field.len()..]),
        (None, None) => path,
    }
}

/// Replaces the quoted names of fields in a message.
fn text_with_aliases(aliases: &Aliases, message: String) -> String {
    let replace =
        |text: String, (field, alias): (&String, &String)| text.replace(&format!("`{field}`"), &format!("`{alias}`"));
    aliases.iter().fold(message, replace)
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// A configuration that cannot be used, with all of its problems.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// Problems, at least one: first those of single fields, then those of several together.
    pub problems: Vec<Problem>,
    /// Origin of the configuration.
    pub origin: Origin,
}

impl ConfigError {
    /// Returns the error of a request, with the request's names for fields.
    pub(crate) fn for_request(self, aliases: &Aliases) -> Self {
        let problems = self.problems.into_iter().map(|problem| Problem {
            path: path_with_aliases(aliases, problem.path),
            message: text_with_aliases(aliases, problem.message),
            suggestion: problem.suggestion.map(|remedy| text_with_aliases(aliases, remedy)),
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
