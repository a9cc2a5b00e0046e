//! A path at which there is no runtime.

use profiler_runtime::profiled_stage;

mod empty {}

#[profiled_stage(crate = crate::empty)]
fn stage() {}

fn main() {
    stage();
}
