//! Other attributes on annotated functions, and functions of other ABIs.

use std::ffi::c_int;

use profiler_runtime::{profiled_op, profiled_stage};

use crate::story::once;

/// A description.
///
/// Of several lines.
#[profiled_stage]
#[must_use = "it is the result"]
#[inline(always)]
#[allow(clippy::inline_always, reason = "it is about `inline`")]
fn important(n: u32) -> u32 {
    n + 1
}

#[inline]
#[cold]
#[profiled_stage]
#[doc(hidden)]
fn rare(n: u32) -> u32 {
    n + 2
}

#[cfg(all())]
#[profiled_stage]
fn configured() -> &'static str {
    "as is"
}

#[cfg(not(all()))]
#[profiled_stage]
fn configured() -> &'static str {
    "never"
}

#[profiled_stage]
fn configured_inside(#[cfg(all())] n: u32, #[cfg(any())] text: &str) -> u32 {
    #[cfg(any())]
    return text;
    #[cfg(all())]
    {
        n
    }
}

#[expect(unused_variables, reason = "above the attribute")]
#[profiled_stage]
fn expects_above(n: u32) -> u32 {
    1
}

#[profiled_stage]
#[expect(unused_mut, clippy::needless_return, reason = "below the attribute")]
fn expects_below(n: u32) -> u32 {
    let mut n = n;
    return n;
}

#[expect(unused_variables, reason = "of an `async fn`")]
#[profiled_stage]
async fn expects_later(n: u32) {
    std::future::ready(()).await;
}

#[expect(unreachable_code, reason = "of an opaque value")]
#[profiled_stage]
fn expects_opaque() -> impl Iterator<Item = u32> {
    return [1].into_iter();
    [2].into_iter()
}

#[expect(clippy::too_many_arguments, reason = "of the whole signature")]
#[profiled_stage]
fn expects_of_signature(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u32 {
    [a, b, c, d, e, f, g, h].into_iter().map(u32::from).sum()
}

#[profiled_stage]
#[expect(unused_braces, reason = "the user's own braces")]
fn expects_braces() -> u32 {
    { 1 }
}

#[deprecated = "it is old"]
#[profiled_stage]
fn old() -> u32 {
    1
}

#[profiled_stage]
extern "C" fn of_c(n: c_int) -> c_int {
    n + 1
}

#[profiled_op(flops = n)]
#[unsafe(no_mangle)]
pub extern "C" fn profiler_transparent_test_exported(n: c_int) -> c_int {
    n + 2
}

#[profiled_stage]
unsafe fn dereferences(n: *const u32) -> u32 {
    // SAFETY: the caller upholds the contract of the function.
    unsafe { *n }
}

#[profiled_stage]
unsafe extern "C" fn dereferences_as_c(n: *const u32) -> u32 {
    // SAFETY: the caller upholds the contract of the function.
    unsafe { *n }
}

#[profiled_stage]
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn with_a_feature(n: f32) -> f32 {
    n * 2.0
}

#[profiled_stage("outer")]
#[profiled_op("inner", flops = n)]
fn twice_annotated(n: u32) -> u32 {
    n
}

#[profiled_stage]
fn r#match(r#type: u32) -> u32 {
    r#type
}

pub(crate) fn run() {
    once("important", || important(1));
    important(1);
    once("rare", || rare(1));
    once("configured", || (configured(), configured_inside(1)));
    once("expects", || (expects_above(1), expects_below(1), expects_braces()));
    once("expects later", || crate::story::complete(expects_later(1)));
    once("expects opaque", || expects_opaque().count());
    once("expects of signature", || expects_of_signature(1, 1, 1, 1, 1, 1, 1, 1));
    once("old", || old());
    once("of C", || (of_c as extern "C" fn(c_int) -> c_int)(1) + profiler_transparent_test_exported(1));
    // SAFETY: the pointers are references.
    once("dereferences", || unsafe { dereferences(&raw const FIVE) + dereferences_as_c(&raw const FIVE) });
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has SSE2.
    once("with a feature", || unsafe { with_a_feature(1.0) });
    once("twice annotated", || twice_annotated(1));
    once("raw", || r#match(1));
}

static FIVE: u32 = 5;
