//! Attribute macros of [`profiler-runtime`](https://docs.rs/profiler-runtime). Use them through its
//! re-exports.
//!
//! An attribute is parsed (`arguments`, `function`), checked (`options`, `name`, `model`) and
//! expanded (`expand`, `future`, `parameters`). `block` does the same for `stage!`, `step!` and
//! `op!`. The profiler's logic is in the runtime: the expansion is a
//! few statements that declare the site and pass the body to the runtime.
//!
//! # Where the attributes go
//!
//! The attributes go on functions and methods with a body: free, associated, in traits and
//! implementations, generic, `unsafe`, `extern "C"` and `async` ones, and those that return `!`,
//! `impl Trait`, `impl Future` or a boxed future. The range covers the body. If the function
//! returns a future, the range covers the future's life, from its first poll until it completes or
//! is dropped, and not the call that creates it.
//!
//! A boxed future (`Pin<Box<dyn Future>>`, as `async-trait` generates) is recognized by its type,
//! whatever its name: `BoxFuture`, an alias, `Self::Future`. A future of a named type cannot be
//! wrapped; the range is then the call, as it is with the option `value`.
//!
//! # What stays unchanged
//!
//! An annotated function drops, returns and panics as the plain one does, and gets the same
//! compiler diagnostics.
//!
//! - Parameters are dropped in the usual order. Their drop is part of the range, unless the body
//!   stays in the function. It does with `#[track_caller]`, `#[target_feature]` or `#[expect]`,
//!   with a return type that is or may hide `!` or `impl Trait`, with a parameter pattern that
//!   leaves a part unbound (`_`, `..`, `ref`), and in methods without a visibility whose body may
//!   panic. The attribute cannot see `#[track_caller]` on a trait's method, so it assumes that
//!   bodies depend on it if they mention `caller`, `unwrap`, `expect`, `borrow`, an assertion, a
//!   panic or an index; repeat `#[track_caller]` on any other method that does. If the body stays
//!   in the function, a call costs as much as a `stage!` while nothing records, 10 to 17
//!   instructions instead of 5, because a guard keeps a word until the end. Temporaries of the last
//!   expression are dropped before the parameters, as in a plain function:
//!
//!   ```edition2021
//!   # extern crate profiler_core as profiler_runtime;
//!   #[profiler_runtime::profiled_stage]
//!   fn last(values: std::sync::Mutex<Vec<u32>>) -> u32 {
//!       values.lock().unwrap()[0]
//!   }
//!   # assert_eq!(last(vec![1].into()), 1);
//!   ```
//! - An instrumented future is `Clone`, `Debug`, `FusedFuture`, `Send`, `Sync`, `Unpin`,
//!   `UnwindSafe` and `RefUnwindSafe` if the original future is. Your own traits are not forwarded:
//!   with `impl Future + MyTrait`, write `value`. A closure that an `async fn` returns as
//!   `impl Fn(&str)` needs explicit argument types: `|text: &str| …`.
//! - No lint is added. In a closure or an `async fn`'s block some lints report less or nothing
//!   (unless a plain function has `#[expect]`): `unconditional_recursion`, and clippy's
//!   `boxed_local`, `manual_async_fn`, `needless_lifetimes`, `needless_pass_by_ref_mut`,
//!   `needless_pass_by_value`, `needless_return`, `only_used_in_recursion`, `ptr_arg`,
//!   `unnecessary_wraps`, `unused_async` and `used_underscore_binding`.
//!
//! Without the feature `enable`, the attributes check their arguments and return the function
//! unchanged.

#![forbid(unsafe_code)]

mod all;
mod arguments;
mod block;
mod count;
mod expand;
mod flow;
mod fragment;
mod function;
mod future;
mod kind;
mod mistakes;
mod model;
mod name;
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
/// An argument's name is any identifier that the trace does not use itself (`index`, `stream` and
/// so on are rejected). Its value is an integer of at most 64 bits or a `bool`. The expression is
/// evaluated before the body runs and can use the function's parameters.
///
/// Costs one relaxed load and a branch while nothing records; while recording, each of `args` takes
/// 16 bytes.
#[proc_macro_attribute]
pub fn profiled_stage(arguments: TokenStream, item: TokenStream) -> TokenStream {
    apply(Kind::Stage, Root::Runtime, arguments.into(), item.into(), RECORDING).into()
}

/// Times a function as one iteration of a loop, shown as `ProfilerStep#N` in traces. Its end
/// advances the schedule.
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
/// The expressions are evaluated before the body runs and can use the function's parameters. For a
/// tensor that is not `Shaped`, give its dims and type, `shapes(Dims(x.dims(), Dtype::F32))`;
/// `shapes(x.dims())` alone is a list of integers with one dim.
///
/// Sums, products and quotients in `flops` itself are computed in 128 bits, whatever the types of
/// their operands; those in a block, a closure or a called function are computed as written. If the
/// result overflows 64 bits, or the computation divides by zero or panics, the call has no FLOPs
/// and is counted as `descriptions_failed`. (With `panic = "abort"`, a panic there ends the
/// program.)
#[proc_macro_attribute]
pub fn profiled_op(arguments: TokenStream, item: TokenStream) -> TokenStream {
    apply(Kind::Op, Root::Runtime, arguments.into(), item.into(), RECORDING).into()
}

/// Times every function of an `impl`, a trait or an inline module: each gets `#[profiled_op]`, or
/// the attribute of another kind, with the name `prefix.function`.
///
/// ```
/// # extern crate profiler_core as profiler_runtime;
/// use profiler_runtime::profiled_all;
///
/// struct UNet;
///
/// #[profiled_all(prefix = "unet", except("new"))]
/// impl UNet {
///     fn new() -> Self {
///         Self
///     }
///     fn forward(&self, x: f32) -> f32 {
///         self.block(x) + 1.0
///     }
///     fn block(&self, x: f32) -> f32 {
///         x * 2.0
///     }
/// }
/// # assert_eq!(UNet::new().forward(1.0), 3.0);
/// ```
///
/// | option | means |
/// |---|---|
/// | `op`, `stage` or `step` | the kind of the ranges; `op` without it |
/// | `prefix = "…"` | what the names begin with; without it, the name of the type, the trait or the module. `""` leaves it out |
/// | `only("forward*", …)` | the functions that are timed: `*` is any letters, `?` is one |
/// | `except("new", …)` | functions that are not timed |
/// | `nested` | modules inside the module are searched too |
/// | `crate = path` | the path of the runtime, if this crate does not itself depend on it |
///
/// A function with an attribute of the profiler keeps it. A `const fn` and a method without a body
/// stay as they are. In a module the methods of its `impl` blocks and traits are timed too, as
/// `module.Type.method`. A pattern that matches no function is an error.
///
/// Costs what the attributes cost, for each function; nothing without the feature `enable`.
#[proc_macro_attribute]
pub fn profiled_all(arguments: TokenStream, item: TokenStream) -> TokenStream {
    all::apply(Root::Runtime, arguments.into(), item.into(), RECORDING).into()
}

/// Times functions as [`profiled_all`] does, for a library that depends on `profiler-core`.
#[proc_macro_attribute]
pub fn core_profiled_all(arguments: TokenStream, item: TokenStream) -> TokenStream {
    all::apply(Root::Core, arguments.into(), item.into(), RECORDING).into()
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

/// Expands `profiler-core`'s block macros.
#[doc(hidden)]
#[proc_macro]
pub fn core_block(tokens: TokenStream) -> TokenStream {
    block::expand(tokens.into()).into()
}

/// Expands to a slice of the names that a user-defined argument must not have, for spans whose
/// fields become arguments at run time.
#[doc(hidden)]
#[proc_macro]
pub fn core_reserved_names(_: TokenStream) -> TokenStream {
    let names = options::RESERVED;
    quote::quote!(&[#(#names),*]).into()
}

/// True if the attributes expand functions in this build.
const RECORDING: bool = cfg!(feature = "enable");

/// Checks one use of an attribute and, if `recording`, expands it. After a mistake the item is
/// kept, so that the mistake does not cause further errors wherever the function is used.
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
