//! Records many ranges in both trace formats. `consumers/loading.sh` measures how Perfetto loads
//! them.
//!
//! ```text
//! loading FOLDER RANGES         stages with nine ops in them, on two threads, into FOLDER
//! loading FOLDER RANGES shapes  as above, and every op has the shapes of three inputs
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::thread;

use profiler_runtime::config::TraceFormat;
use profiler_runtime::shape::{Dtype, ShapeWriter, Shaped};
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, start_profile_with, stop_profile};

const OPS: u64 = 9;
const THREADS: u64 = 2;

struct Tensor(&'static [usize]);

impl Shaped for Tensor {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(Dtype::F32, self.0);
    }
}

#[profiled_op("linear", shapes(x, weight, bias))]
#[inline(never)]
fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) {
    black_box((x, weight, bias));
}

#[profiled_stage("transformer")]
#[inline(never)]
fn transformer() {
    (0..OPS).for_each(|_| linear(&Tensor(&[64, 128, 768]), &Tensor(&[768, 768]), &Tensor(&[768])));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, ranges, rest @ ..] = arguments.as_slice() else { panic!("usage: loading FOLDER RANGES [shapes]") };
    let ranges: u64 = ranges.parse().expect("a number of ranges");
    let config = ProfilerConfig::torch(folder)
        .trace_format(TraceFormat::Both)
        .torch_profiler_record_shapes(rest.iter().any(|word| word == "shapes"))
        .max_buffer_mb(ranges * 256 / (1 << 20) + 64);
    start_profile_with(config).unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..ranges / THREADS / (OPS + 1)).for_each(|_| transformer()));
        }
    });
    let manifest = stop_profile().unwrap().wait().unwrap();
    assert_eq!(manifest.ranges_lost, 0, "not everything is in the traces");
}
