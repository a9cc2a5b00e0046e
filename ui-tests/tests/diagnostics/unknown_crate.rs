//! A path that leads to no runtime.

use profiler_runtime::profiled_stage;

mod empty {}

#[profiled_stage(crate = crate::empty)]
fn stage() {}

fn main() {
    stage();
}
