//! Block forms of the attributes: a guard for a part of a function.

/// A stage that lasts until the guard drops: `let _vae = stage!("vae.decode");`.
///
/// The guard stays on its thread, so a task that is spawned may not hold it across an `.await`: see
/// [`Range`](crate::Range#in-async-code).
///
/// Cost: as `#[profiled_stage]` while something records. While nothing does, one load and two branches, and what it takes
/// the function to keep a word until its end: 10 to 17 instructions, where the attribute takes 5.
#[macro_export]
macro_rules! stage {
    ($name:literal) => {
        $crate::__profiler_block!(Stage, $name)
    };
}

/// A step that lasts until the guard drops: `let _step = step!("denoise_step");`, or with an index of your own,
/// `step!("denoise_step", i)`. In async code see [`Range`](crate::Range#in-async-code).
#[macro_export]
macro_rules! step {
    ($name:literal) => {
        $crate::__profiler_block!(Step, $name)
    };
    ($name:literal, $index:expr) => {
        $crate::__profiler_block!(Step, $name, |call| call.index($index))
    };
}

/// An op that lasts until the guard drops: `let _op = op!("matmul");`, with the shapes of its inputs `op!("matmul",
/// shapes(a, b))`, and with its FLOPs `op!("matmul", shapes(a, b), flops = 2 * m * n * k)`. Shapes and FLOPs are
/// computed only while they are recorded, in the types of their parts: write `2 * m as u64 * …` where these are small
/// (the attribute computes in 128 bits). In async code see [`Range`](crate::Range#in-async-code).
#[macro_export]
macro_rules! op {
    ($name:literal) => {
        $crate::__profiler_block!(Op, $name)
    };
    ($name:literal $(, shapes($($input:expr),+ $(,)?))? $(, flops = $flops:expr)? $(,)?) => {
        $crate::__profiler_block!(Op, $name, |call| {
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
    ($site:ident, $kind:ident, $name:expr) => {
        static $site: $crate::__private::Site = $crate::__private::Site::new(
            $crate::__private::Kind::$kind,
            $name,
            ::core::file!(),
            ::core::line!(),
            ::core::module_path!(),
        );
        $crate::__private::inventory::submit! { $crate::__private::Registered(&$site) }
    };
}

/// A site of its own: an expression, so that without it an attribute's code lacks one name and not two.
#[cfg(feature = "std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_site_reference {
    ($kind:ident, $name:expr) => {{
        $crate::__profiler_site!(__PROFILER_SITE, $kind, $name);
        &__PROFILER_SITE
    }};
}

#[cfg(feature = "std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_block {
    ($kind:ident, $name:literal) => {{
        const _: () = ::core::assert!(!$name.is_empty(), "the name is empty: write what the trace should show");
        $crate::__profiler_site!(__PROFILER_SITE, $kind, $name);
        $crate::__private::Range::enter(&__PROFILER_SITE)
    }};
    ($kind:ident, $name:literal, |$call:ident| $describe:expr) => {{
        const _: () = ::core::assert!(!$name.is_empty(), "the name is empty: write what the trace should show");
        $crate::__profiler_site!(__PROFILER_SITE, $kind, $name);
        $crate::__private::Range::enter_described(&__PROFILER_SITE, |$call: &mut $crate::__private::Call| {
            $describe;
        })
    }};
}

#[cfg(not(feature = "std"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_block {
    ($kind:ident, $name:literal $(, |$call:ident| $describe:expr)?) => {{
        const _: () = ::core::assert!(!$name.is_empty(), "the name is empty: write what the trace should show");
        $(let _ = |$call: &mut $crate::__private::Call| {
            $describe;
        };)?
        $crate::__private::Range::nothing()
    }};
}
