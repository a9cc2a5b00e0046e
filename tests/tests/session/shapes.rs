//! Shapes of tensors: how dims give them, and the warning about dims that were taken for a tensor.

use std::fs;

use profiler_runtime::shape::{Dims, Dtype};
use profiler_runtime::{ProfilerConfig, op, profiled_op, start_profile_with, stop_profile};
use profiler_tests::{Bench, Trace, manifest};
use serde_json::{Value, json};

struct Tensor {
    dims: Vec<usize>,
}

impl Tensor {
    fn dims(&self) -> &[usize] {
        &self.dims
    }
}

#[profiled_op("by_dims", shapes(Dims(x.dims(), Dtype::Bf16)))]
fn by_dims(x: &Tensor) {}

#[profiled_op("listed", shapes(x.dims()))]
fn listed(x: &Tensor) {}

#[profiled_op("embedding", shapes(ids, mask))]
fn embedding(ids: &[u32], mask: Vec<i64>) {
    drop(mask);
}

fn with_shapes(bench: &Bench) -> ProfilerConfig {
    bench.config().torch_profiler_record_shapes(true)
}

fn shape_of(trace: &Trace, name: &str) -> (Value, Value) {
    let args = &trace.named(name)[0].args;
    (args["Input Dims"].clone(), args["Input type"].clone())
}

/// A7: dims and a type give the shape of any tensor.
#[test]
fn dims_give_the_shape_of_any_tensor() {
    let bench = Bench::alone();
    let trace = bench.record(with_shapes(&bench), || {
        by_dims(&Tensor { dims: vec![2, 3] });
        drop(op!("i64 dims", shapes(Dims(&[4_i64, 5], Dtype::F32), 2.0_f32)));
    });
    assert_eq!(shape_of(&trace, "by_dims"), (json!([[2, 3]]), json!(["c10::BFloat16"])));
    assert_eq!(shape_of(&trace, "i64 dims").0, json!([[4, 5], []]));
    assert_eq!(trace.warnings(), [""; 0]);
}

/// A7: trace, manifest and summary have one warning per call site, and none about token ids.
#[test]
fn a_list_of_usize_is_a_warning_with_its_place() {
    let bench = Bench::alone();
    start_profile_with(with_shapes(&bench)).unwrap();
    for _ in 0..3 {
        listed(&Tensor { dims: vec![2, 3] });
        embedding(&[1, 2, 3], vec![1, 1, 1]);
    }
    drop(op!("pair", shapes((2_usize, 3_usize))));
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let folder = stopped.folder().unwrap();
    let trace = Trace::read(folder);
    let warnings = trace.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let line = include_str!("shapes.rs").lines().position(|line| line.contains("\"listed\"")).unwrap() + 1;
    let expected = format!(
        "`listed` ({}:{line}) records the shape of a list of integers: if these are a tensor's dims, write \
         `Dims(x.dims(), Dtype::F32)`",
        file!()
    );
    assert_eq!(warnings[0], expected);
    assert!(warnings[1].starts_with("`pair`"), "{warnings:?}");
    assert_eq!(manifest(folder)["warnings"], json!(warnings));
    let summary = fs::read_to_string(folder.join("summary_rank0.md")).unwrap();
    assert!(summary.contains("`listed`") && summary.contains("Dims(x.dims(), Dtype::F32)"), "{summary}");
}
