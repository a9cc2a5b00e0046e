//! A foreign function.

use profiler_runtime::profiled_op;

unsafe extern "C" {
    #[profiled_op]
    safe fn abs(n: i32) -> i32;
}

fn main() {
    abs(-1);
}
