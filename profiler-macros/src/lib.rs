//! Attributes of [`profiler-runtime`](https://docs.rs/profiler-runtime), which re-exports them: use
//! them from there.
//!
//! An attribute is read (`arguments`, `function`), checked (`options`, `model`) and written out
//! (`expand`, `future`, `parameters`). The profiler's logic is elsewhere: an annotated function
//! declares its site and hands its body to the runtime, in few statements.
//!
//! # Where the attributes go
//!
//! On functions and methods with a body: free, associated, in traits and implementations, generic,
//! `unsafe`, `extern "C"`, `async`, and those that return `!`, `impl Trait`, `impl Future` or a
//! boxed future. A range covers the body; that of a future covers its life, from its first poll
//! until it completes or is dropped, and never the call that makes it. The type identifies a boxed
//! future (`Pin<Box<dyn Future>>`, which `async-trait` writes), whatever its name: `BoxFuture`, an
//! alias, `Self::Future`. A future of a named type cannot be wrapped: the range is then the call,
//! as it is with the option `value`.
//!
//! # What stays unchanged
//!
//! An annotated function drops, returns and panics as the plain one does, and the compiler reports
//! the same about both.
//!
//! - Parameters are dropped in their order. That time lies inside the range, and outside where the
//!   body stays in the function: with `#[track_caller]`, `#[target_feature]` or `#[expect]`, where
//!   the return type is or may hide `!` or `impl Trait`, where a parameter's pattern leaves
//!   something behind (`_`, `..`, `ref`), and in methods without a visibility whose body may panic.
//!   The attribute does not see `#[track_caller]` on a trait's method: it assumes that bodies which
//!   mention `caller`, `unwrap`, `expect`, `borrow`, an assertion, a panic or an index depend on
//!   it; repeat `#[track_caller]` on any other that does. Where the body stays in the function, a
//!   call while nothing records costs what a `stage!` costs, 10 to 17 instructions in place of 5,
//!   because a guard keeps a word until the end. Temporaries of the last expression are dropped
//!   before the parameters, as in a plain function:
//!
//!   ```edition2021
//!   # extern crate profiler_core as profiler_runtime;
//!   #[profiler_runtime::profiled_stage]
//!   fn last(values: std::sync::Mutex<Vec<u32>>) -> u32 {
//!       values.lock().unwrap()[0]
//!   }
//!   # assert_eq!(last(vec![1].into()), 1);
//!   ```
//! - A timed future is `Clone`, `Debug`, `FusedFuture`, `Send`, `Sync`, `Unpin`, `UnwindSafe` and
//!   `RefUnwindSafe` where the function's own is. A trait of your own is not passed on: with
//!   `impl Future + MyTrait`, write `value`. A closure that an `async fn` returns as
//!   `impl Fn(&str)` needs the types of its arguments written: `|text: &str| …`.
//! - No lint is added. Some report less, or nothing, in a closure or an `async fn`'s block (not
//!   with `#[expect]` on a plain function): `unconditional_recursion`, and clippy's `boxed_local`,
//!   `manual_async_fn`, `needless_lifetimes`, `needless_pass_by_ref_mut`, `needless_pass_by_value`,
//!   `needless_return`, `only_used_in_recursion`, `ptr_arg`, `unnecessary_wraps`, `unused_async`
//!   and `used_underscore_binding`.
//!
//! With the feature `enable` off, the attributes check their arguments and return the function
//! unchanged.

#![forbid(unsafe_code)]

mod arguments;
mod count;
mod expand;
mod flow;
mod fragment;
mod function;
mod future;
mod kind;
mod mistakes;
mod model;
mod nearest;
mod options;
mod parameters;
mod root;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

use kind::Kind;
use model::Annotated;
use root::Root;

/// Times a function as a stage of the pipeline.
///
/// ```
/// # extern crate profiler_core as profiler_runtime;
/// use profiler_runtime::profiled_stage;
///
/// #[profiled_stage]
/// fn tokenize(prompt: &str) -> Vec<u32> {
///     prompt.bytes().map(u32::from).collect()
/// }
///
/// #[profiled_stage("text_encoder.forward")]
/// async fn encode(ids: Vec<u32>) -> Result<f32, Box<dyn std::error::Error>> {
///     Ok(ids.len() as f32)
/// }
/// # assert_eq!(tokenize("a"), [97]);
/// # drop(encode(vec![]));
/// ```
///
/// | option | means |
/// |---|---|
/// | `"…"` or `name = "…"` | the name in artifacts; without it, the function's own |
/// | `args(tokens = expression, …)` | integers with your own names, as `args.tokens`; evaluated only while recording |
/// | `value` | the return value is no future: the range is the call |
/// | `crate = path` | the path of the runtime, if this crate does not itself depend on it |
///
/// An argument's name is any identifier that the trace does not write itself (`index`, `stream` and
/// so on are refused), and its value an integer of at most 64 bits, or a `bool`. The expression
/// sees the arguments before the body runs.
///
/// Cost while nothing records: one relaxed load and a branch; while something does, 16 bytes for
/// each of `args`.
#[proc_macro_attribute]
pub fn profiled_stage(arguments: TokenStream, item: TokenStream) -> TokenStream {
    apply(Kind::Stage, Root::Runtime, arguments.into(), item.into(), RECORDING).into()
}

/// Times a function as one iteration of a loop: `ProfilerStep#N` in traces. Its end advances the
/// schedule.
///
/// ```
/// # extern crate profiler_core as profiler_runtime;
/// use profiler_runtime::profiled_step;
///
/// #[profiled_step("denoise_step", index = i)]
/// fn denoise(i: usize, latents: &mut [f32]) {
///     latents[i] *= 0.5;
/// }
/// # denoise(0, &mut [1.0]);
/// ```
///
/// | option | means |
/// |---|---|
/// | `"…"` or `name = "…"` | the name in artifacts; without it, the function's own |
/// | `index = expression` | your own index of the iteration, any number type of Rust; evaluated only while recording |
/// | `args(tokens = expression, …)` | integers with your own names, as `args.tokens`; evaluated only while recording |
/// | `value` | the return value is no future: the range is the call |
/// | `crate = path` | the path of the runtime, if this crate does not itself depend on it |
#[proc_macro_attribute]
pub fn profiled_step(arguments: TokenStream, item: TokenStream) -> TokenStream {
    apply(Kind::Step, Root::Runtime, arguments.into(), item.into(), RECORDING).into()
}

/// Times a function as an operator, with the shapes of its inputs and its FLOPs.
///
/// ```
/// # extern crate profiler_core as profiler_runtime;
/// use profiler_runtime::profiled_op;
///
/// struct Linear {
///     weight: Vec<f32>,
/// }
///
/// impl Linear {
///     #[profiled_op("linear", shapes(x, self.weight), flops = 2 * x.len() * self.weight.len())]
///     fn forward(&self, x: &[f32]) -> f32 {
///         x.iter().zip(&self.weight).map(|(x, w)| x * w).sum()
///     }
/// }
/// # assert_eq!(Linear { weight: vec![2.0] }.forward(&[3.0]), 6.0);
/// ```
///
/// | option | means |
/// |---|---|
/// | `"…"` or `name = "…"` | the name in artifacts; without it, the function's own |
/// | `shapes(expression, …)` | the inputs, each `Shaped`; evaluated, by reference, only while shapes are recorded |
/// | `flops = expression` | floating point operations of this call; evaluated only while they are recorded |
/// | `args(tokens = expression, …)` | integers with your own names, as `args.tokens`; evaluated only while recording |
/// | `value` | the return value is no future: the range is the call |
/// | `crate = path` | the path of the runtime, if this crate does not itself depend on it |
///
/// The expressions see the function's arguments before the body runs. A tensor that is not `Shaped`
/// is recorded by its dims and type, `shapes(Dims(x.dims(), Dtype::F32))`; `shapes(x.dims())` alone
/// is a list of integers with one dim.
///
/// Sums, products and quotients in `flops` itself are computed in 128 bits, whatever types their
/// operands have; those in a block, a closure or a called function are computed as written. A
/// computation that still overflows 64 bits, divides by zero or panics costs the call its FLOPs and
/// nothing else: it is counted as `descriptions_failed`. (Built with `panic = "abort"`, a panic
/// there ends the program.)
#[proc_macro_attribute]
pub fn profiled_op(arguments: TokenStream, item: TokenStream) -> TokenStream {
    apply(Kind::Op, Root::Runtime, arguments.into(), item.into(), RECORDING).into()
}

/// Times a function as [`profiled_stage`] does, for a library that depends on `profiler-core`.
#[proc_macro_attribute]
pub fn core_profiled_stage(arguments: TokenStream, item: TokenStream) -> TokenStream {
    apply(Kind::Stage, Root::Core, arguments.into(), item.into(), RECORDING).into()
}

/// Times a function as [`profiled_step`] does, for a library that depends on `profiler-core`.
#[proc_macro_attribute]
pub fn core_profiled_step(arguments: TokenStream, item: TokenStream) -> TokenStream {
    apply(Kind::Step, Root::Core, arguments.into(), item.into(), RECORDING).into()
}

/// Times a function as [`profiled_op`] does, for a library that depends on `profiler-core`.
#[proc_macro_attribute]
pub fn core_profiled_op(arguments: TokenStream, item: TokenStream) -> TokenStream {
    apply(Kind::Op, Root::Core, arguments.into(), item.into(), RECORDING).into()
}

/// Returns the names that an argument of a program's own cannot have, as a slice: `profiler-core`'s
/// block macros refuse them, too.
#[doc(hidden)]
#[proc_macro]
pub fn core_reserved_names(_: TokenStream) -> TokenStream {
    let names = options::RESERVED;
    quote::quote!(&[#(#names),*]).into()
}

/// True if this build of the attributes changes the function.
const RECORDING: bool = cfg!(feature = "enable");

/// Checks one use of an attribute and, if `recording`, expands it. After a mistake the item stays:
/// one mistake is one error, not one for each use of a function that is gone.
fn apply(
    kind: Kind,
    root: Root,
    arguments: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
    recording: bool,
) -> proc_macro2::TokenStream {
    match Annotated::read(kind, root, arguments, item.clone()) {
        Ok(annotated) if recording => annotated.expand(),
        Ok(_) => item,
        Err(errors) => [errors, item].into_iter().collect(),
    }
}
