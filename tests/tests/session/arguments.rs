//! User's arguments, `args(tokens = n)`: when they are evaluated, and their loss by a panic or a
//! ring. `tests/golden` shows their looks in both traces, and after a SIGKILL.

use std::cell::Cell;

use profiler_runtime::{profiled_op, profiled_stage, stage};
use profiler_tests::{Bench, Trace};

thread_local! {
    static COMPUTED: Cell<u64> = const { Cell::new(0) };
}

fn computed() -> u64 {
    COMPUTED.set(COMPUTED.get() + 1);
    COMPUTED.get()
}

#[profiled_stage("prefill", args(tokens = computed()))]
fn prefill() {}

#[profiled_op("leaf")]
#[inline(never)]
fn leaf() {}

fn tokens(trace: &Trace, name: &str) -> Vec<Option<i64>> {
    trace.named(name).iter().map(|slice| slice.args["tokens"].as_i64()).collect()
}

#[test]
fn arguments_are_computed_once_and_only_if_recorded() {
    let bench = Bench::alone();
    prefill();
    assert_eq!(COMPUTED.get(), 0, "nothing records");
    let trace = bench.record(bench.config(), || {
        prefill();
        drop(stage!("block", args(tokens = computed())));
    });
    assert_eq!((tokens(&trace, "prefill"), tokens(&trace, "block")), (vec![Some(1)], vec![Some(2)]));
    let trace = bench.record(bench.config().stages(["block"]), || {
        prefill();
        drop(stage!("block", args(tokens = computed())));
    });
    assert_eq!((trace.count("prefill"), tokens(&trace, "block")), (0, vec![Some(3)]), "it is not selected");
}

#[test]
fn an_argument_that_panics_costs_itself_alone() {
    let bench = Bench::alone();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let trace = bench.record(bench.config(), || {
        let none: Option<u64> = std::hint::black_box(None);
        drop(stage!("block", args(tokens = none.unwrap())));
    });
    std::panic::set_hook(hook);
    assert_eq!((tokens(&trace, "block"), trace.losses("descriptions_failed")), (vec![None], 1));
}

#[test]
fn a_ring_keeps_the_arguments_of_ranges_that_are_open() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().ring(true).max_buffer_mb(1), || {
        let _outer = stage!("outer", args(tokens = -5, layers = 7));
        (0..60_000).for_each(|_| leaf());
    });
    let outer = &trace.named("outer")[0];
    assert!(outer.is("began_before"));
    assert_eq!((outer.args["tokens"].as_i64(), outer.args["layers"].as_u64()), (Some(-5), Some(7)));
}
