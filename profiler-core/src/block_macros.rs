//! Block forms of the attributes: macros that return a guard for a part of a function.
//!
//! They pass their tokens to the macro crate, which reads the options as it reads an attribute's.
//! Its expansion calls the macros below, because site and guard depend on the features of this
//! crate.

/// Begins a stage that lasts until the guard drops: `let _vae = stage!("vae.decode");`.
///
/// The options are those of [`profiled_stage`](crate::profiled_stage), in any order after the name:
/// `stage!("prefill", args(tokens = ids.len(), layers = 32))`. The name is a literal or another
/// constant, as in `stage!(concat!(module_path!(), "::decode"))`; for one that is known at run time
/// there is [`stage`](fn@crate::stage).
///
/// The guard stays on its thread, so a spawned task must not hold it across an `.await`: see
/// [`Range`](crate::Range#in-async-code).
///
/// Costs as much as `#[profiled_stage]` while something records. While nothing records it costs one
/// load, two branches and a word for the guard: 10 to 17 instructions, where the attribute takes 5.
#[macro_export]
macro_rules! stage {
    ($($option:tt)*) => { $crate::__private::block!($crate, Stage, [$($option)*]) };
}

/// Begins a step that lasts until the guard drops: `let _step = step!("denoise");`. An expression
/// after the name is the step's index: `step!("decode", i, args(tokens = n))`, or `index = i`. See
/// [`stage!`](crate::stage!).
#[macro_export]
macro_rules! step {
    ($($option:tt)*) => { $crate::__private::block!($crate, Step, [$($option)*]) };
}

/// Begins an op that lasts until the guard drops: `let _op = op!("matmul");`. Takes the shapes of
/// its inputs, `op!("matmul", shapes(a, b))`, and its FLOPs, which are computed as
/// [`profiled_op`](crate::profiled_op) computes them: `op!("matmul", flops = 2 * m * n * k)`. See
/// [`stage!`](crate::stage!).
#[macro_export]
macro_rules! op {
    ($($option:tt)*) => { $crate::__private::block!($crate, Op, [$($option)*]) };
}

/// Declares a site and adds it to the list of all sites.
#[cfg(feature = "std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_site {
    ($site:ident, $kind:ident, $name:expr $(, [$($argument:expr),*])?) => {
        static $site: $crate::__private::Site = $crate::__private::Site::new(
            $crate::__private::Kind::$kind,
            $name,
            ::core::file!(),
            ::core::line!(),
            ::core::module_path!(),
        )
        $(.with_arguments(&[$($argument),*]))?;
        $crate::__private::inventory::submit! { $crate::__private::Registered(&$site) }
    };
}

/// Declares a site and evaluates to a reference to it. Where this macro is not defined, it is the
/// only unresolved name in an attribute's expansion.
#[cfg(feature = "std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_site_reference {
    ($($site:tt)+) => {{
        $crate::__profiler_site!(__PROFILER_SITE, $($site)+);
        &__PROFILER_SITE
    }};
}

/// Creates the guard of a block macro's site, with the description of the call.
#[cfg(feature = "std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_guard {
    ($kind:ident, $name:expr, [$($argument:expr),*]) => {{
        $crate::__profiler_site!(__PROFILER_SITE, $kind, $name, [$($argument),*]);
        $crate::__private::Range::enter(&__PROFILER_SITE)
    }};
    ($kind:ident, $name:expr, [$($argument:expr),*], $describe:expr) => {{
        $crate::__profiler_site!(__PROFILER_SITE, $kind, $name, [$($argument),*]);
        $crate::__private::Range::enter_described(&__PROFILER_SITE, $describe)
    }};
}

#[cfg(not(feature = "std"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_guard {
    ($kind:ident, $name:expr, [$($argument:expr),*]) => {{
        const _: &str = $name;
        $crate::__private::Range::nothing()
    }};
    ($kind:ident, $name:expr, [$($argument:expr),*], $describe:expr) => {{
        const _: &str = $name;
        $crate::__private::Range::described($describe)
    }};
}
