//! Other attributes keep their meaning: before and after ours, on the function and in its body.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::panic::Location;

use profiler_runtime::{profiled_op, profiled_stage};

#[track_caller]
#[profiled_stage]
fn caller_before() -> u32 {
    Location::caller().line()
}

#[profiled_stage]
#[track_caller]
fn caller_after() -> u32 {
    Location::caller().line()
}

#[profiled_stage]
#[cfg_attr(all(), track_caller)]
fn caller_if_configured() -> u32 {
    Location::caller().line()
}

/// Documented.
#[inline]
#[must_use = "it is the answer"]
#[profiled_op]
#[doc(alias = "answer")]
fn documented() -> u32 {
    42
}

#[profiled_stage]
#[cfg(any())]
fn configured_away() -> Missing {}

#[profiled_stage]
#[cfg(not(any()))]
fn configured(#[cfg(any())] missing: Missing, #[cfg(not(any()))] present: u32) -> u32 {
    present
}

#[profiled_stage]
fn inner_attribute() -> u32 {
    #![allow(unused_variables, non_snake_case)]
    let Unused = 1;
    2
}

#[profiled_stage]
async fn inner_attribute_of_async() -> u32 {
    #![allow(unused_variables)]
    //! Documentation inside.
    let unused = 1;
    3
}

#[profiled_stage]
#[allow(unused_variables)]
fn allowed(unused: u32) {
    let also_unused = 1;
}

#[profiled_stage]
#[expect(unused_variables, reason = "the lint is still there to be expected")]
fn expected() {
    let unused = 1;
}

#[profiled_stage]
#[deprecated = "use another"]
fn deprecated() {}

#[cfg(target_arch = "x86_64")]
#[profiled_op]
#[target_feature(enable = "sse2")]
fn with_feature() -> u32 {
    5
}

fn main() {
    assert_eq!(caller_before(), line!());
    assert_eq!(caller_after(), line!());
    assert_eq!(caller_if_configured(), line!());
    assert_eq!(documented(), 42);
    assert_eq!(configured(1), 1);
    assert_eq!(inner_attribute(), 2);
    assert_eq!(futures::executor::block_on(inner_attribute_of_async()), 3);
    allowed(1);
    expected();
    #[allow(deprecated)]
    deprecated();
}
