//! Block forms of the attributes: a guard for a part of a function.

/// A stage that lasts until the guard drops: `let _vae = stage!("vae.decode");`, or with integers
/// of your own, which the trace shows as `args.tokens` and so on:
/// `stage!("prefill", args(tokens = ids.len(), layers = 32))`. These integers are computed only
/// while the stage is recorded.
///
/// The guard stays on its thread, so a task that is spawned may not hold it across an `.await`: see
/// [`Range`](crate::Range#in-async-code).
///
/// Cost: as `#[profiled_stage]` while something records. While nothing does, one load, two
/// branches, and the word that the function keeps until its end: 10 to 17 instructions, where the
/// attribute takes 5.
#[macro_export]
macro_rules! stage {
    ($name:literal $(, args($($arguments:tt)+))? $(,)?) => {
        $crate::__profiler_block!(Stage, $name, [$($($arguments)+)?])
    };
}

/// A step that lasts until the guard drops: `let _step = step!("denoise");`, or with your own index
/// and with integers as in [`stage!`]: `step!("decode", i, args(tokens = n))`. In async code see
/// [`Range`](crate::Range#in-async-code).
#[macro_export]
macro_rules! step {
    ($name:literal $(, args($($arguments:tt)+))? $(,)?) => {
        $crate::__profiler_block!(Step, $name, [$($($arguments)+)?])
    };
    ($name:literal, $index:expr $(, args($($arguments:tt)+))? $(,)?) => {
        $crate::__profiler_block!(Step, $name, [$($($arguments)+)?], |call| call.index($index))
    };
}

/// An op that lasts until the guard drops: `let _op = op!("matmul");`, with its inputs' shapes
/// `op!("matmul", shapes(a, b))`, and its FLOPs
/// `op!("matmul", shapes(a, b), flops = 2 * m * n * k)`. Shapes and FLOPs are computed only while
/// recorded, in their operands' types: write `2 * m as u64 * …` for small ones (the attribute
/// computes in 128 bits). Integers as in [`stage!`] come last. In async code see
/// [`Range`](crate::Range#in-async-code).
#[macro_export]
macro_rules! op {
    ($name:literal $(, args($($arguments:tt)+))? $(,)?) => {
        $crate::__profiler_block!(Op, $name, [$($($arguments)+)?])
    };
    (
        $name:literal $(, shapes($($input:expr),+ $(,)?))? $(, flops = $flops:expr)? $(, args($($arguments:tt)+))? $(,)?
    ) => {
        $crate::__profiler_block!(Op, $name, [$($($arguments)+)?], |call| {
            $(if call.wants_shapes() { $(call.shape(&$input);)+ })?
            $(if call.wants_flops() { call.flops($flops); })?
        })
    };
}

/// Declares a site and links it into the list of all sites.
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
        $(.with_arguments(&const { $crate::__private::check_names([$($argument),*]) }))?;
        $crate::__private::inventory::submit! { $crate::__private::Registered(&$site) }
    };
}

/// An expression that declares a site, so that where this macro is missing an attribute's code
/// lacks only one name.
#[cfg(feature = "std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_site_reference {
    ($($site:tt)+) => {{
        $crate::__profiler_site!(__PROFILER_SITE, $($site)+);
        &__PROFILER_SITE
    }};
}

/// Creates the guard of a site with its own arguments and the rest of its call's description.
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_block {
    ($kind:ident, $name:literal, [$($key:ident = $value:expr),* $(,)?] $(, |$call:ident| $describe:expr)?) => {{
        const _: () = ::core::assert!(!$name.is_empty(), "the name is empty: write what the trace should show");
        $crate::__profiler_guard!($kind, $name, [$($key = $value),*] $(, |$call| $describe)?)
    }};
}

#[cfg(feature = "std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_guard {
    ($kind:ident, $name:literal, []) => {{
        $crate::__profiler_site!(__PROFILER_SITE, $kind, $name);
        $crate::__private::Range::enter(&__PROFILER_SITE)
    }};
    ($kind:ident, $name:literal, [$($key:ident = $value:expr),*] $(, |$call:ident| $describe:expr)?) => {{
        $crate::__profiler_site!(__PROFILER_SITE, $kind, $name, [$(::core::stringify!($key)),*]);
        $crate::__private::Range::enter_described(&__PROFILER_SITE, |__profiler_call: &mut $crate::__private::Call| {
            $(let $call = &mut *__profiler_call; $describe;)?
            if __profiler_call.is_recorded() {
                __profiler_call.arguments([$($crate::__private::integer($value)),*]);
            }
        })
    }};
}

#[cfg(not(feature = "std"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_guard {
    ($kind:ident, $name:literal, [$($key:ident = $value:expr),*] $(, |$call:ident| $describe:expr)?) => {{
        const _: &[&str] = &$crate::__private::check_names([$(::core::stringify!($key)),*]);
        let _ = |__profiler_call: &mut $crate::__private::Call| {
            $(let $call = &mut *__profiler_call; $describe;)?
            __profiler_call.arguments([$($crate::__private::integer($value)),*]);
        };
        $crate::__private::Range::nothing()
    }};
}
