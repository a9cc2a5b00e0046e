//! Defines option structs with chained setters. Each option is a row with its default; its setter
//! has the same name.

/// Defines a struct of options with its default and its setters. Fields after `with` get no setter.
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
