//! Names of the user that equal those of the prelude, of std, and of the profiler.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types, unused_macros)]

use ::profiler_runtime::{profiled_op, profiled_stage, profiled_step};

struct Option;
struct Result;
struct Some;
struct None;
struct Box;
struct Range;
struct Site;
trait FnOnce {}
trait Future {}
type u64 = u8;
type bool = Option;
type usize = Option;

mod core {}
mod std {}
mod inventory {}
mod __private {}

macro_rules! line {
    () => {
        ::std::compile_error!("not this one")
    };
}

macro_rules! compile_error {
    ($($any:tt)*) => {};
}

#[profiled_stage]
fn run(site: u64) -> Result {
    let _range = site;
    Result
}

#[profiled_step(index = call)]
fn describe(call: i32) -> impl ::std::iter::Iterator<Item = i32> {
    ::std::iter::once(call)
}

#[profiled_op("op", shapes(instrument), flops = instrument)]
async fn instrument(instrument: i32) -> Option {
    let __profiler_call = instrument;
    let _ = __profiler_call;
    Option
}

#[profiled_stage]
fn opaque(n: i32) -> impl ::std::future::Future<Output = i32> {
    if n == 0 {
        return ::std::future::ready(1);
    }
    ::std::future::ready(2)
}

#[profiled_stage]
fn boxed(n: i32) -> ::std::pin::Pin<::std::boxed::Box<dyn ::std::future::Future<Output = i32>>> {
    if n == 0 {
        return ::std::boxed::Box::pin(::std::future::ready(1));
    }
    ::std::boxed::Box::pin(async move { n })
}

#[profiled_stage]
async fn never() -> ! {
    loop {
        ::std::future::pending::<()>().await
    }
}

fn main() {
    let _: Result = run(1);
    let _ = describe(1);
    let _: Option = ::futures::executor::block_on(instrument(1));
    ::std::assert_eq!(::futures::executor::block_on(opaque(0)), 1);
    ::std::assert_eq!(::futures::executor::block_on(boxed(2)), 2);
    let _ = never();
}
