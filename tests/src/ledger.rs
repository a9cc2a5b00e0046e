//! Shared by the tests that account for every range: a range that carries its own number, and the
//! counts of a trace.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::hint::black_box;

use crate::Trace;
use profiler_runtime::shape::{Dtype, ShapeWriter, Shaped};
use profiler_runtime::{ExportHandle, ProfilerConfig, profiled_op};

/// An input whose shape identifies its range.
#[derive(Debug)]
pub struct Id(pub u64);

impl Shaped for Id {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(Dtype::F32, &[usize::try_from(self.0).unwrap()]);
    }
}

/// Runs one counted range.
#[profiled_op("counted", shapes(id), flops = 2)]
#[inline(never)]
pub fn counted(id: Id) {
    black_box(id.0);
}

/// Returns the number of counted ranges that are in the trace, overwritten or missing.
pub fn found(trace: &Trace) -> u64 {
    trace.count("counted") as u64 + trace.losses("overwritten") + trace.losses("missing")
}

/// Number of threads that record at the same time.
pub const THREADS: usize = 3;

/// Returns the numbers of the counted ranges in the trace.
pub fn ids(trace: &Trace) -> BTreeSet<u64> {
    let shown = trace.named("counted");
    let described: Vec<u64> = shown.iter().filter_map(|slice| slice.args.get("Input Dims")?[0][0].as_u64()).collect();
    // A range whose call began just before the start of the session may have no shapes.
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

/// Waits for the export and reads the trace.
pub fn read(stopped: &ExportHandle) -> Trace {
    let manifest = stopped.wait().unwrap();
    assert!(manifest.errors.is_empty(), "{:?}", manifest.errors);
    Trace::read(stopped.folder().unwrap())
}

/// A change of the configuration.
pub type Change = fn(ProfilerConfig) -> ProfilerConfig;

/// Configurations that are recorded in different ways.
pub const CHANGES: [(&str, Change); 6] = [
    ("nothing else", |config| config),
    ("shapes and FLOPs", described),
    ("stacks", |config| config.torch_profiler_with_stack(true)),
    ("shapes and stacks", |config| described(config).torch_profiler_with_stack(true)),
    ("a ring", |config| config.ring(true)),
    ("a ring of shapes and stacks", |config| described(config).torch_profiler_with_stack(true).ring(true)),
];

/// Enables shapes and FLOPs.
pub fn described(config: ProfilerConfig) -> ProfilerConfig {
    config.torch_profiler_record_shapes(true).torch_profiler_with_flops(true)
}
