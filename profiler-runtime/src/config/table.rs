//! The macro that turns the table of fields into code: `settings.rs` is the only caller.
//!
//! A field is written down once, so the struct, its defaults, the setters, the reader, the flags,
//! the rules, `explain` and the page `docs/configuration.md` cannot disagree.

/// Makes `ProfilerConfig`, its `Default`, its setters and the table `FIELDS` from rows of
/// `name: type = default, in least..=most, rules => option of the exporters;`, each under its doc
/// comment.
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct ProfilerConfig {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ident$(<$inner:ident>)? = $default:expr
                    $(, in $least:literal..=$most:expr)? $(, $rule:expr)* $(=> $exported:ident)?;
            )+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct ProfilerConfig {
            $( $(#[doc = $doc])+ pub $name: $type$(<$inner>)?, )+
        }

        impl Default for ProfilerConfig {
            fn default() -> Self {
                Self { $( $name: $default, )+ }
            }
        }

        /// Setters, one for each field and of the same name.
        impl ProfilerConfig {
            $(
                #[doc = concat!("Sets the field [`", stringify!($name), "`](field@Self::", stringify!($name), ").")]
                #[must_use]
                pub fn $name(mut self, value: argument!($type$(<$inner>)?)) -> Self {
                    self.$name = given!(value, $type$(<$inner>)?);
                    self
                }
            )+

            /// Returns the options that the exporters know by name.
            pub(super) fn exported(&self) -> ExportOptions {
                ExportOptions { $($( $exported: Clone::clone(&self.$name), )?)+ ..ExportOptions::default() }
            }
        }

        /// Every field, in the order in which `explain` and the manifest list them.
        pub(crate) const FIELDS: &[Field] = &[
            $( Field {
                name: stringify!($name),
                doc: &[$($doc),+],
                kind: <$type$(<$inner>)? as Setting>::KIND$(.within($least, $most))?,
                rules: &[$($rule),*],
                set: |config, value| Setting::from_value(value).map(|fitting| config.$name = fitting).is_some(),
                get: |config| config.$name.to_value(),
                path: |config| config.$name.path(),
            }, )+
        ];
    };
}

/// Gives the argument's type of the setter for a field of this type.
macro_rules! argument {
    (Option<$inner:ident>) => { impl Into<$inner> };
    (Vec<$inner:ident>) => { impl IntoIterator<Item = impl Into<$inner>> };
    (String) => { impl Into<String> };
    ($type:ident) => { $type };
}

/// Gives the value for a field of this type, from its setter's argument.
macro_rules! given {
    ($value:ident, Option<$inner:ident>) => {
        Some($value.into())
    };
    ($value:ident, Vec<$inner:ident>) => {
        $value.into_iter().map(Into::into).collect()
    };
    ($value:ident, String) => {
        $value.into()
    };
    ($value:ident, $type:ident) => {
        $value
    };
}

pub(crate) use {argument, given, settings};
