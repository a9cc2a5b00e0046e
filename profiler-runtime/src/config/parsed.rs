//! A valid configuration, with the origins of its values and its warnings, and the text that
//! explains every field.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::error::{Aliases, ConfigError, Origin, Warning};
use super::settings::{FIELDS, ProfilerConfig};

/// A valid configuration that was read from a source.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ParsedConfig {
    /// Effective configuration, with absolute paths.
    pub config: ProfilerConfig,
    /// Warnings about valid settings that have no effect, or an unexpected one. The caller decides
    /// where to show them.
    pub warnings: Vec<Warning>,
    /// Origin of each field that was set.
    pub(crate) origins: Origins,
    /// Origin of the configuration as a whole.
    pub(crate) origin: Origin,
    /// Names by which the user wrote fields: a request's `profile_stages[1]` may be `stages[0]`
    /// here.
    pub(crate) aliases: Aliases,
}

/// A configuration to start with: a [`ProfilerConfig`], which is checked then, or a
/// [`ParsedConfig`], whose warnings go into the log and the manifest. No other type implements it.
pub trait IntoConfig: sealed::Sealed {
    /// Returns the checked configuration.
    #[doc(hidden)]
    fn into_parsed(self) -> Result<ParsedConfig, ConfigError>;
}

impl IntoConfig for ProfilerConfig {
    fn into_parsed(self) -> Result<ParsedConfig, ConfigError> {
        self.validate()
    }
}

impl IntoConfig for ParsedConfig {
    fn into_parsed(self) -> Result<ParsedConfig, ConfigError> {
        Ok(self)
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::ProfilerConfig {}
    impl Sealed for super::ParsedConfig {}
}

/// Origins of fields, by name.
pub(crate) type Origins = BTreeMap<&'static str, Origin>;

impl ParsedConfig {
    /// Returns the origin of the configuration.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns a text that lists every field with its value and the value's origin.
    #[must_use]
    pub fn explain(&self) -> String {
        explain(&self.config, &self.origins)
    }
}

impl ProfilerConfig {
    /// Returns a text that lists every field with its value.
    ///
    /// [`ParsedConfig::explain`] also shows the origin of each value.
    #[must_use]
    pub fn explain(&self) -> String {
        explain(self, &self.changed().map(|field| (field.name, Origin::Code)).collect())
    }
}

fn explain(config: &ProfilerConfig, origins: &Origins) -> String {
    let default = ProfilerConfig::default();
    let mut text = String::new();
    for field in FIELDS {
        let (value, usual) = ((field.get)(config), (field.get)(&default));
        let (kind, meaning) = (field.kind.expects(), field.meaning());
        let from = origins.get(field.name).map_or("default".to_owned(), |origin| format!("from {origin}"));
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{} = {value}  ({from})\n    {kind}; default {usual}\n    {meaning}\n", field.name);
    }
    text
}
