//! Every mistake is reported, each once.

use profiler_runtime::profiled_op;

#[profiled_op("", shapes(), flosp = 1, index = 2, crate = "x")]
const fn all_wrong() {}

fn main() {
    all_wrong();
}
