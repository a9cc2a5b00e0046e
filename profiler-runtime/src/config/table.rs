//! Generates code from the table of fields; only `settings.rs` uses this macro.
//!
//! A field is written once, so the struct, its defaults, the setters, the reader, the flags, the
//! rules, `explain` and the page `docs/configuration.md` cannot disagree.

/// Defines `ProfilerConfig`, its `Default`, its setters and the table `FIELDS`. A row is `name:
/// type = default, in min..=max, rules => option of the exporters;` under its doc comment.
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct ProfilerConfig {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ident$(<$inner:ident>)? = $default:expr
                    $(, in $min:literal..=$max:expr)? $(, $rule:expr)* $(=> $exported:ident)?;
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

        /// Setters, one for each field, with the field's name.
        impl ProfilerConfig {
            $(
                #[doc = concat!("Sets the field [`", stringify!($name), "`](field@Self::", stringify!($name), ").")]
                #[must_use]
                pub fn $name(mut self, value: argument!($type$(<$inner>)?)) -> Self {
                    self.$name = convert!(value, $type$(<$inner>)?);
                    self
                }
            )+

            /// Returns the exporters' options of the same names.
            pub(super) fn exported(&self) -> ExportOptions {
                ExportOptions { $($( $exported: Clone::clone(&self.$name), )?)+ ..ExportOptions::default() }
            }
        }

        /// All fields, in the order of `explain` and the manifest.
        pub(crate) const FIELDS: &[Field] = &[
            $( Field {
                name: stringify!($name),
                doc: &[$($doc),+],
                kind: <$type$(<$inner>)? as Setting>::KIND$(.within($min, $max))?,
                rules: &[$($rule),*],
                set: |config, value| Setting::from_value(value).map(|fitting| config.$name = fitting).is_some(),
                get: |config| config.$name.to_value(),
                path: |config| config.$name.path(),
            }, )+
        ];
    };
}

/// Expands to the argument type of the setter for a field of this type.
macro_rules! argument {
    (Option<$inner:ident>) => { impl Into<$inner> };
    (Vec<$inner:ident>) => { impl IntoIterator<Item = impl Into<$inner>> };
    (String) => { impl Into<String> };
    ($type:ident) => { $type };
}

/// Converts a setter's argument to the field's type.
macro_rules! convert {
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

pub(crate) use {argument, convert, settings};
