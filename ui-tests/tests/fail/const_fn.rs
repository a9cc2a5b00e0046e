//! A `const fn` cannot be instrumented. It stays, so that its uses are no further errors.

use profiler_runtime::profiled_stage;

#[profiled_stage]
pub const fn area(width: u32, height: u32) -> u32 {
    width * height
}

const AREA: u32 = area(2, 3);

fn main() {
    assert_eq!(AREA, 6);
}
