//! Block forms of the attributes: macros that return a guard for a part of a function.

/// Begins a stage that lasts until the guard drops: `let _vae = stage!("vae.decode");`.
///
/// Integer arguments, as in `stage!("prefill", args(tokens = ids.len(), layers = 32))`, appear in
/// the trace as `args.tokens` and `args.layers`. They are computed only while the stage is
/// recorded.
///
/// The guard stays on its thread, so a spawned task must not hold it across an `.await`: see
/// [`Range`](crate::Range#in-async-code).
///
/// Costs as much as `#[profiled_stage]` while something records. While nothing records it costs one
/// load, two branches and a word for the guard: 10 to 17 instructions, where the attribute takes 5.
#[macro_export]
macro_rules! stage {
    ($name:literal $(, args($($arguments:tt)+))? $(,)?) => {
        $crate::__profiler_block!(Stage, $name, [$($($arguments)+)?])
    };
}

/// Begins a step that lasts until the guard drops: `let _step = step!("denoise");`. Takes an
/// optional index and integer arguments as in [`stage!`]: `step!("decode", i, args(tokens = n))`.
/// In async code see [`Range`](crate::Range#in-async-code).
#[macro_export]
macro_rules! step {
    ($name:literal $(, args($($arguments:tt)+))? $(,)?) => {
        $crate::__profiler_block!(Step, $name, [$($($arguments)+)?])
    };
    ($name:literal, $index:expr $(, args($($arguments:tt)+))? $(,)?) => {
        $crate::__profiler_block!(Step, $name, [$($($arguments)+)?], |call| call.index($index))
    };
}

/// Begins an op that lasts until the guard drops: `let _op = op!("matmul");`. Takes the shapes of
/// its inputs, `op!("matmul", shapes(a, b))`, and its FLOPs,
/// `op!("matmul", shapes(a, b), flops = 2 * m * n * k)`.
///
/// Shapes and FLOPs are computed only while they are recorded. FLOPs are computed in the types of
/// their operands: write `2 * m as u64 * …` if those are small (the attribute computes in 128
/// bits). Integer arguments as in [`stage!`] come last. In async code see
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
        $(.with_arguments(&const { $crate::__private::check_names([$($argument),*]) }))?;
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

/// Checks the name and creates the guard of a site, with its arguments and the rest of the call's
/// description.
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
