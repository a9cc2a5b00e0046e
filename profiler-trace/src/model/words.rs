//! Enums whose values are words in configurations, files and messages.

/// Defines an enum from rows of `Variant = "word",`, with the conversion to its words. Messages
/// list the words in the same order.
#[doc(hidden)]
#[macro_export]
macro_rules! __words {
    (
        $(#[$about:meta])*
        pub enum $type:ident { $( $(#[$doc:meta])+ $variant:ident = $word:literal, )+ }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[non_exhaustive]
        pub enum $type {
            $( $(#[$doc])+ $variant, )+
        }

        impl $type {
            /// All values, in the order of [`NAMES`](Self::NAMES).
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Names of the values in a configuration.
            pub const NAMES: &[&str] = &[$($word),+];

            /// Returns the name of the value in a configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub use __words as words;
