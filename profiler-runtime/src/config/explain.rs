//! Every field in words: its type, default and meaning, the value in effect, and where that came from.
//!
//! Made from the table of fields, so it is complete by construction.

use std::fmt::Write as _;

use super::error::{Origin, Parsed};
use super::settings::{FIELDS, ProfilerConfig};

impl Parsed {
    /// A text for people that lists every field with its value and where the value came from.
    #[must_use]
    pub fn explain(&self) -> String {
        explain(&self.config, |name| self.origins.get(name).unwrap_or(&Origin::Default))
    }
}

impl ProfilerConfig {
    /// A text for people that lists every field with its value.
    ///
    /// [`Parsed::explain`] also knows where each value came from.
    #[must_use]
    pub fn explain(&self) -> String {
        let default = Self::default();
        explain(self, |name| {
            let changed = FIELDS.iter().any(|field| field.name == name && (field.get)(self) != (field.get)(&default));
            if changed { &Origin::Code } else { &Origin::Default }
        })
    }
}

fn explain<'a>(config: &ProfilerConfig, origin: impl Fn(&str) -> &'a Origin) -> String {
    let default = ProfilerConfig::default();
    let mut text = String::new();
    for field in FIELDS {
        let (value, usual) = ((field.get)(config), (field.get)(&default));
        let kind = field.kind.expects();
        let from = match origin(field.name) {
            Origin::Default => "default".to_owned(),
            given => format!("from {given}"),
        };
        // Writing to a `String` cannot fail.
        let _ =
            write!(text, "{} = {value}  ({from})\n    {kind}; default {usual}\n    {}\n", field.name, field.meaning());
    }
    text
}
