//! One row of the table of fields, and the macro that turns the table into code.
//!
//! The macro exists so that a field is written down once: its doc comment is both its rustdoc and its line in
//! `explain`, its default both `Default` and what `explain` shows. `settings.rs` is the only caller.

use serde_json::Value;

use super::kind::Kind;
use super::settings::{FIELDS, ProfilerConfig};

/// One field of the configuration, as the reader, the flags and `explain` see it.
#[derive(Debug)]
pub(crate) struct Field {
    /// The name in JSON, YAML, TOML and after `--profiler-config.`
    pub(crate) name: &'static str,
    /// The doc comment, one entry a line.
    pub(crate) doc: &'static [&'static str],
    /// What a value has to be.
    pub(crate) kind: Kind,
    /// Stores a value that `kind` has accepted; false if it does not fit after all.
    pub(crate) set: fn(&mut ProfilerConfig, &Value) -> bool,
    /// The value in effect.
    pub(crate) get: fn(&ProfilerConfig) -> Value,
}

impl Field {
    /// The row of the field called `name`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// The meaning as one paragraph, without Markdown's link brackets.
    pub(crate) fn meaning(&self) -> String {
        let lines: Vec<&str> = self.doc.iter().map(|line| line.trim()).collect();
        lines.join(" ").replace("[`", "`").replace("`]", "`")
    }
}

/// Makes `ProfilerConfig`, its `Default` and the table `FIELDS` from rows of
/// `name: type = default, kind;`, each under its doc comment.
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct ProfilerConfig {
            $( $(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $kind:expr; )+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct ProfilerConfig {
            $( $(#[doc = $doc])+ pub $name: $type, )+
        }

        impl Default for ProfilerConfig {
            fn default() -> Self {
                Self { $( $name: $default, )+ }
            }
        }

        /// Every field, in the order in which `explain` and the manifest list them.
        pub(crate) const FIELDS: &[Field] = &[
            $( Field {
                name: stringify!($name),
                doc: &[$($doc),+],
                kind: $kind,
                set: |config, value| match <$type as Setting>::from_value(value) {
                    Some(fitting) => {
                        config.$name = fitting;
                        true
                    }
                    None => false,
                },
                get: |config| Setting::to_value(&config.$name),
            }, )+
        ];
    };
}

pub(crate) use settings;
