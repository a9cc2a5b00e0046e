//! Captured, replayed, updated and cloned graphs.

use profiler_runtime::stage;
use serde_json::Value;

use crate::artifacts::Trace;
use crate::bench::{Bench, micros, millis, slices};
use crate::findings::{Findings, Outcome};

const KERNELS: usize = 5;
/// Microseconds of a graph's kernels, and of the kernels of the graph that updates it.
const SPIN: u64 = 50;
const UPDATED: u64 = 400;

pub(super) fn run(bench: &Bench) -> Outcome {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let longer = gpu.graph(stream, KERNELS, UPDATED);
    let recorded = bench.record(bench.config(), || {
        let graph = {
            let _stage = stage!("captured");
            gpu.graph(stream, KERNELS, SPIN)
        };
        {
            let _stage = stage!("replayed");
            (0..3).for_each(|_| gpu.run(&graph, stream));
        }
        let clone = gpu.clone_of(&graph);
        {
            let _stage = stage!("cloned");
            gpu.run(&clone, stream);
        }
        gpu.update(&graph, &longer);
        {
            let _stage = stage!("updated");
            gpu.run(&graph, stream);
        }
        gpu.wait(stream);
        gpu.destroy(graph);
        gpu.destroy(clone);
    })?;
    let mut found = Findings::default();
    for (stage, launches) in [("captured", 0), ("replayed", 3), ("cloned", 1), ("updated", 1)] {
        let known = launches * KERNELS as u64;
        found.demand_count(format!("kernels of the stage `{stage}`"), recorded.ops(stage), known);
    }
    found.demand_count("work of no stage", recorded.timing["gpu"]["unattributed"]["gpu_ops"].clone(), 0);
    let per_kernel = |stage| recorded.stage(stage, "gpu_busy_ns").map_or(0.0, millis) * 1e3 / KERNELS as f64;
    let (before, after) = (per_kernel("cloned"), per_kernel("updated"));
    found.demand("kernel of the updated graph to one before", after / before, "", ("> 2", after > 2.0 * before));
    nodes(&recorded.trace(), &mut found);
    found.demand_count("losses", recorded.lost(), 0);
    gpu.destroy(longer);
    Ok(found)
}

/// Checks the kernels' graph nodes.
fn nodes(trace: &Trace, found: &mut Findings) {
    let kernels = slices(trace, "kernel");
    let of = |key: &str| {
        let mut all: Vec<u64> = kernels.iter().filter_map(|kernel| kernel["args"][key].as_u64()).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    found.demand_count("launches that kernels name", of("correlation"), 5);
    found.note("graphs that kernels name", of("graph id"), "");
    found.note("nodes that kernels name", of("graph node id"), "");
    let calls = slices(trace, "cuda_driver");
    let launches: Vec<&Value> = calls.into_iter().filter(|call| call["name"] == "cuGraphLaunch").collect();
    found.demand_count("calls of `cuGraphLaunch`", launches.len(), 5);
    let early = |call: &&Value| {
        let id = &call["args"]["correlation"];
        kernels.iter().any(|kernel| kernel["args"]["correlation"] == *id && micros(kernel, "ts") < micros(call, "ts"))
    };
    found.demand_count(
        "launches after one of their kernels",
        launches.iter().copied().filter(|call| early(call)).count(),
        0,
    );
}
