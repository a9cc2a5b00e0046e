//! Scenarios of ranges from functions and guards: their arguments, nesting and crossing.

use std::path::Path;

use profiler_runtime::artifacts::GroupBy;
use profiler_runtime::config::PrintSummary;
use profiler_runtime::shape::{Dims, Dtype};
use profiler_runtime::{ProfilerConfig, op, profiled_op, profiled_stage, profiled_step, stage, step};

use super::script::{everything, on_thread, pass, record, record_with_table};

#[profiled_op("linear", shapes(x, weights), flops = 2 * x.len() * weights.len())]
fn linear(x: &[f32], weights: &[f64]) {
    pass(30);
}

#[profiled_op("attention", shapes(Dims(dims, Dtype::Bf16)))]
fn attention(dims: &[usize]) {
    pass(20);
}

#[profiled_stage("diffuse")]
fn diffuse() {
    pass(5);
    linear(&[1.0; 6], &[2.0; 4]);
    attention(&[2, 3, 5]);
    pass(2);
}

#[profiled_step("denoise_step", index = 10 * step)]
fn denoise_step(step: u64) {
    diffuse();
    pass(1 + step);
}

#[profiled_stage("vae.decode")]
fn decode() {
    pass(100);
    drop(op!("embedding", shapes([1_u32, 2, 3], (1_i64, true)), flops = 12));
}

fn oddities() {
    for name in ["日本 🚀", "\"quoted\" \\", "line\nbreak\ttab", "<b>&amp;</b>", "a;b"] {
        let _range = stage(name);
        pass(3);
    }
    drop(stage(&"long ".repeat(60)));
    drop(stage!("of no length"));
    std::mem::forget(stage!("stays open"));
}

pub(crate) fn nesting(folder: &Path, is_zipped: bool) {
    let config = everything(folder)
        .torch_profiler_use_gzip(is_zipped)
        .print_summary(PrintSummary::Always)
        .pipeline_profiler(true)
        .pipeline_targets(["vae.decode", "diffuse"])
        .perf_dump_path(folder.join("perf_dump.json"));
    record_with_table(config, folder, GroupBy::InputShapes, || {
        (0..3).for_each(denoise_step);
        on_thread(Some("decoder"), decode);
        on_thread(None, decode);
        let _outer = stage!("outer");
        for layer in 0..2 {
            let _layer = stage(&format!("layer.{layer}"));
            let _op = op("matmul");
            pass(7);
        }
        oddities();
    });
}

/// Records guards that replace each other, fields that are dropped in the order of declaration, and
/// guards in a vector.
pub(crate) fn crossing(folder: &Path) {
    struct Fields(Vec<profiler_runtime::Range>);
    record(everything(folder), || {
        let mut replaced = stage!("first");
        pass(20);
        for name in ["second", "third"] {
            replaced = stage(name);
            drop(op!("inner"));
            pass(15);
        }
        let outer = stage!("outer");
        pass(4);
        let inner = stage!("inner");
        drop(op!("child of inner"));
        drop(outer);
        pass(3);
        drop(op!("after outer"));
        drop(inner);
        drop(replaced);
        let fields = Fields(vec![stage!("a"), step!("loop", 7), stage!("b")]);
        pass(9);
        drop(fields.0);
        let mut guards = Vec::new();
        for index in 0..3 {
            guards.insert(0, step!("guarded", index));
            guards.truncate(1);
            pass(11);
        }
    });
}

/// Records ranges whose wall time is shorter than their CPU time, which is capped.
pub(crate) fn cpu_time(folder: &Path) {
    record(ProfilerConfig::torch(folder).cpu_time(true), || {
        for index in 0..2 {
            let _step = step!("computes", index);
            let _stage = stage!("spin");
            (0..2_000_000_u64).for_each(|number| {
                std::hint::black_box(number);
            });
            pass(1);
        }
    });
}
