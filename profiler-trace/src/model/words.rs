//! Types whose values are a few words: in a configuration, in a file, in a message.

/// Makes an enum of `Variant = "word",` rows, with its words there and back, in the order in which
/// messages list them.
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
            /// Every one of them, in the order of their words.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The names in a configuration.
            pub const NAMES: &[&str] = &[$($word),+];

            /// Returns the name in a configuration.
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
