//! What the tests of the loss ledger share: a range that carries its own number, and what a trace
//! accounts for.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::hint::black_box;

use crate::Trace;
use profiler_runtime::shape::{Dtype, ShapeWriter, Shaped};
use profiler_runtime::{ExportHandle, ProfilerConfig, profiled_op};

/// An input whose shape tells one range from all others.
#[derive(Debug)]
pub struct Id(pub u64);

impl Shaped for Id {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(Dtype::F32, &[usize::try_from(self.0).unwrap()]);
    }
}

/// Runs the range that is counted.
#[profiled_op("counted", shapes(id), flops = 2)]
#[inline(never)]
pub fn counted(id: Id) {
    black_box(id.0);
}

/// Returns how many are in the trace, overwritten, or lost for want of room.
pub fn found(trace: &Trace) -> u64 {
    trace.count("counted") as u64 + trace.losses("overwritten") + trace.losses("missing")
}

/// Threads that record at the same time.
pub const THREADS: usize = 3;

/// Returns the numbers of those in the trace.
pub fn ids(trace: &Trace) -> BTreeSet<u64> {
    let shown = trace.named("counted");
    let described: Vec<u64> = shown.iter().filter_map(|slice| slice.args.get("Input Dims")?[0][0].as_u64()).collect();
    // One that was called just before the start and began just after it has not been asked for its
    // shapes.
    assert!(
        shown.len() - described.len() <= THREADS,
        "{} of {} have no shapes",
        shown.len() - described.len(),
        shown.len()
    );
    let ids = BTreeSet::from_iter(described.iter().copied());
    assert_eq!(ids.len(), described.len(), "no range is shown twice");
    ids
}

/// Waits for it, and reads its trace.
pub fn read(stopped: &ExportHandle) -> Trace {
    let manifest = stopped.wait().unwrap();
    assert!(manifest.errors.is_empty(), "{:?}", manifest.errors);
    Trace::read(stopped.folder().unwrap())
}

/// What a recording can be asked for beside ranges.
pub type Ask = fn(ProfilerConfig) -> ProfilerConfig;

/// All that differ in how they are recorded.
pub const ASKS: [(&str, Ask); 6] = [
    ("nothing else", |config| config),
    ("shapes and FLOPs", described),
    ("stacks", |config| config.torch_profiler_with_stack(true)),
    ("shapes and stacks", |config| described(config).torch_profiler_with_stack(true)),
    ("a ring", |config| config.ring(true)),
    ("a ring of shapes and stacks", |config| described(config).torch_profiler_with_stack(true).ring(true)),
];

/// Asks for shapes and FLOPs.
pub fn described(config: ProfilerConfig) -> ProfilerConfig {
    config.torch_profiler_record_shapes(true).torch_profiler_with_flops(true)
}
