//! F4: a bound that an instrumented future cannot meet.

use std::future::{Future, Ready, ready};

use profiler_runtime::profiled_stage;

trait Named {}

impl<T> Named for Ready<T> {}

#[profiled_stage]
fn named() -> impl Future<Output = u32> + Named {
    ready(1)
}

fn main() {}
