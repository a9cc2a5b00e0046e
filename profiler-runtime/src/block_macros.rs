//! Block macros for ranges that name their CUDA stream.

/// Begins a stage that launches its work on a CUDA stream, and ends it when the guard is dropped:
/// `let _vae = stage_on!(&stream, "vae.decode");`. The stream is anything that converts into a
/// [`cuda::BorrowedStream`](crate::cuda::BorrowedStream).
/// [`cuda::StreamRange`](crate::cuda::StreamRange) states the cost.
#[macro_export]
macro_rules! stage_on {
    ($stream:expr, $name:literal) => {
        $crate::__profiler_block_on!($stream, Stage, $name)
    };
}

/// Begins a [`step!`](crate::step!) on a CUDA stream: `let _step = step_on!(&stream,
/// "denoise_step", i);`. See [`stage_on!`].
#[macro_export]
macro_rules! step_on {
    ($stream:expr, $name:literal) => {
        $crate::__profiler_block_on!($stream, Step, $name)
    };
    ($stream:expr, $name:literal, $index:expr) => {
        $crate::__profiler_block_on!($stream, Step, $name, |call| call.index($index))
    };
}

/// Begins an [`op!`](crate::op!) on a CUDA stream: `let _op = op_on!(&stream, "matmul", shapes(a,
/// b), flops = 2 * m * n * k);`. See [`stage_on!`].
#[macro_export]
macro_rules! op_on {
    ($stream:expr, $name:literal) => {
        $crate::__profiler_block_on!($stream, Op, $name)
    };
    ($stream:expr, $name:literal $(, shapes($($input:expr),+ $(,)?))? $(, flops = $flops:expr)? $(,)?) => {
        $crate::__profiler_block_on!($stream, Op, $name, |call| {
            $(if call.wants_shapes() { $(call.shape(&$input);)+ })?
            $(if call.wants_flops() { call.flops($flops); })?
        })
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __profiler_block_on {
    ($stream:expr, $kind:ident, $name:literal) => {{
        const _: () = ::core::assert!(!$name.is_empty(), "the name is empty: write what the trace should show");
        $crate::__private::site_static!(__PROFILER_SITE, $kind, $name);
        $crate::__private::StreamRange::enter(&__PROFILER_SITE, $stream)
    }};
    ($stream:expr, $kind:ident, $name:literal, |$call:ident| $describe:expr) => {{
        const _: () = ::core::assert!(!$name.is_empty(), "the name is empty: write what the trace should show");
        $crate::__private::site_static!(__PROFILER_SITE, $kind, $name);
        $crate::__private::StreamRange::enter_described(
            &__PROFILER_SITE,
            $stream,
            |$call: &mut $crate::__private::Call| {
                $describe;
            },
        )
    }};
}
