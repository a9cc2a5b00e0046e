//! Options that a program sets by a chain of calls: each is a row with its default, and its setter
//! has its name.

/// Makes a struct of options, its default and its setters. Fields behind `with` have a setter of
/// their own, or none.
macro_rules! options {
    (
        $(#[$about:meta])*
        pub struct $options:ident with { $($(#[$own_about:meta])* $own:ident: $own_type:ty = $own_default:expr,)* }
        $($(#[$field_about:meta])* $field:ident: $type:ty = $default:expr,)+
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        #[must_use]
        pub struct $options {
            $($(#[$own_about])* pub(super) $own: $own_type,)*
            $(pub(super) $field: $type,)+
        }

        impl Default for $options {
            fn default() -> Self {
                Self { $($own: $own_default,)* $($field: $default,)+ }
            }
        }

        impl $options {
            $(
                $(#[$field_about])*
                pub const fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }
    };
}

pub(super) use options;
