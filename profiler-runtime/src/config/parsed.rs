//! A configuration that was read: its values, their origins, its warnings, and the page that
//! explains every field.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::error::{ConfigError, Origin, Places, Warning};
use super::settings::{FIELDS, ProfilerConfig};

/// A configuration that was read and is valid.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ParsedConfig {
    /// The effective configuration, with its paths made absolute.
    pub config: ProfilerConfig,
    /// Settings that are valid but have no effect, or another than it seems. The caller decides
    /// where to show them.
    pub warnings: Vec<Warning>,
    /// Origin of each field that was given.
    pub(crate) origins: Origins,
    /// Origin of the configuration as a whole.
    pub(crate) origin: Origin,
    /// Places that the user has written in other words, as a request does: `stages[0]` there is
    /// `profile_stages[1]`.
    pub(crate) places: Places,
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

    /// Returns a text for people that lists every field with its value and where the value came
    /// from.
    #[must_use]
    pub fn explain(&self) -> String {
        explain(&self.config, &self.origins)
    }
}

impl ProfilerConfig {
    /// Returns a text for people that lists every field with its value.
    ///
    /// [`ParsedConfig::explain`] also shows where each value came from.
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
        let from = origins.get(field.name).map_or("default".to_owned(), |given| format!("from {given}"));
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{} = {value}  ({from})\n    {kind}; default {usual}\n    {meaning}\n", field.name);
    }
    text
}
