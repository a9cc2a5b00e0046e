//! Parses the three formats of a configuration into a [`Document`].
//!
//! Every parser's error becomes a [`Problem`] at `line 3, column 7`, counted from 1.

use std::path::Path;

use super::document::Document;
use super::error::Problem;
#[cfg(feature = "yaml")]
use super::yaml;

/// A format of configuration files, recognized by the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
    Toml,
}

impl Format {
    /// Returns the format of the file at `path`, or a problem with its extension.
    pub(crate) fn from_path(path: &Path) -> Result<Self, Problem> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("json") => Ok(Self::Json),
            Some("yaml" | "yml") => Ok(Self::Yaml),
            Some("toml") => Ok(Self::Toml),
            _ => Err(Problem::new("", format!("`{}` does not say which format it has", path.display()))
                .suggest("name it `.json`, `.yaml`, `.yml` or `.toml`")),
        }
    }

    /// Parses a whole text.
    pub(crate) fn parse(self, text: &str) -> Result<Document, Problem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match self {
            Self::Json => json(text),
            #[cfg(feature = "yaml")]
            Self::Yaml => yaml::parse(text),
            #[cfg(not(feature = "yaml"))]
            Self::Yaml => Err(without_feature("yaml")),
            #[cfg(feature = "toml")]
            Self::Toml => toml(text),
            #[cfg(not(feature = "toml"))]
            Self::Toml => Err(without_feature("toml")),
        }
    }
}

/// Returns the problem that the feature for reading a format is off.
#[cfg(not(all(feature = "toml", feature = "yaml")))]
fn without_feature(feature: &str) -> Problem {
    let message = format!("its format is not read, because the crate feature `{feature}` of `profiler-runtime` is off");
    Problem::new("", message).suggest("switch it on, or write the configuration as JSON")
}

fn json(text: &str) -> Result<Document, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let document = Document::read(&mut deserializer);
    document.and_then(|document| deserializer.end().map(|()| document)).map_err(|error| {
        let whole = error.to_string();
        let message = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(message, _)| message);
        let problem = Problem::at(error.line(), error.column(), format!("broken JSON: {message}"));
        if message.starts_with("key must be") {
            problem.suggest("put names and texts in double quotes")
        } else {
            problem
        }
    })
}

#[cfg(feature = "toml")]
fn toml(text: &str) -> Result<Document, Problem> {
    toml::de::Deserializer::parse(text).and_then(Document::read).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Problem::at(line, column, format!("broken TOML: {}", error.message().replace('\n', ", ")))
    })
}
