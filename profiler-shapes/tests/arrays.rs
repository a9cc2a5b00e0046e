//! Arrays of half's numbers, as a trace shows them.

#![allow(clippy::unwrap_used)]

use half::bf16;
use ndarray::{Array2, ArrayView2};
use profiler_runtime::artifacts::ArtifactKind;
use profiler_runtime::{ProfilerConfig, profiled_op, start_profile_with, stop_profile};
use profiler_shapes as _;

#[profiled_op("matmul", shapes(a, b, scale))]
fn matmul(a: ArrayView2<'_, bf16>, b: &Array2<f32>, scale: (bf16, &[bf16])) {
    let _ = (a, b, scale);
}

#[test]
fn a_transposed_array_of_half_numbers_has_its_strides() {
    let folder = tempfile::tempdir().unwrap();
    let config = ProfilerConfig::torch(folder.path()).torch_profiler_record_shapes(true);
    start_profile_with(config.torch_profiler_use_gzip(false)).unwrap();
    let array = Array2::from_elem((2, 4), bf16::ONE);
    matmul(array.t(), &Array2::zeros((2, 3)), (bf16::ONE, &[bf16::ONE; 5]));
    let manifest = stop_profile().unwrap().wait().unwrap();
    let trace = manifest.artifacts.iter().find(|artifact| artifact.kind == ArtifactKind::Trace).unwrap();
    let text = std::fs::read_to_string(folder.path().join(&manifest.session).join(&trace.name)).unwrap();
    let trace: serde_json::Value = serde_json::from_str(&text).unwrap();
    let event = trace["traceEvents"].as_array().unwrap().iter().find(|event| event["name"] == "matmul").unwrap();
    let args = &event["args"];
    assert_eq!(args["Input Dims"].to_string(), "[[4,2],[2,3],[],[5]]");
    assert_eq!(args["Input type"].to_string(), r#"["c10::BFloat16","float","Scalar","c10::BFloat16"]"#);
    assert_eq!(args["Input Strides"].to_string(), "[[1,4],[3,1],[],[1]]");
}
