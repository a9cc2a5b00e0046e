//! FLOPs that an attribute computes are right or counted as failed; they never cause a panic that
//! the program would not have without the profiler.

use profiler_runtime::profiled_op;
use profiler_tests::{Bench, Trace};

#[profiled_op("matmul", flops = 2 * rows * inner * cols)]
fn matmul(rows: u32, inner: u32, cols: u32) -> u32 {
    rows.wrapping_mul(inner).wrapping_mul(cols)
}

#[profiled_op("cast", flops = (2 * rows * rows) as u64)]
fn cast(rows: u32) -> u32 {
    rows
}

#[profiled_op("divides", flops = rows / parts)]
fn divides(rows: u32, parts: u32) -> u32 {
    rows.checked_div(parts).unwrap_or(0)
}

#[profiled_op("less", flops = rows - parts)]
async fn less(rows: &u8, parts: u8) -> u8 {
    rows.wrapping_sub(parts)
}

#[profiled_op("floats", flops = 0.5 * x.len() as f64 + 2.0 * scale)]
fn floats(x: &[f32], scale: f64) -> usize {
    x.len() + scale as usize
}

#[profiled_op("huge", flops = x * x * x)]
fn huge(x: u64) -> u64 {
    x
}

#[profiled_op("panics", flops = of_a_library(x))]
fn panics(x: u64) -> u64 {
    x
}

fn of_a_library(x: u64) -> u64 {
    assert!(x > 1, "as a library's may");
    x
}

/// Returns the FLOPs of every call of this name, as far as they are known.
fn flops(trace: &Trace, name: &str) -> Vec<Option<u64>> {
    trace.named(name).iter().map(|slice| slice.args["flops"].as_u64()).collect()
}

/// G10: arithmetic in the option is computed without overflow; a division by zero and a panic are
/// counted.
#[test]
fn flops_are_right_or_counted_as_failed() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().torch_profiler_with_flops(true), || {
        matmul(1 << 20, 1 << 10, 1 << 10);
        cast(1 << 17);
        divides(8, 2);
        divides(8, 0);
        floats(&[0.0; 4], 1.5);
        huge(2);
        huge(u64::MAX);
        panics(1);
        panics(7);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(less(&3, 5));
    });
    let expected = [
        ("matmul", vec![Some(1 << 41)]),
        ("cast", vec![Some(1 << 35)]),
        ("divides", vec![Some(4), None]),
        ("floats", vec![Some(5)]),
        ("huge", vec![Some(8), None]),
        ("panics", vec![None, Some(7)]),
    ];
    for (name, right) in expected {
        assert_eq!(flops(&trace, name), right, "{name}");
    }
    assert_eq!(trace.losses("descriptions_failed"), 3);
    assert_eq!(trace.losses("missing"), 0);
}
