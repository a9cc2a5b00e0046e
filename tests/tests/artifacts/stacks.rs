//! Call stacks: in the trace, folded, and as a picture.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use profiler_runtime::{op, profiled_op, profiled_stage, start_profile_with, stop_profile};
use profiler_tests::{Bench, Trace, manifest};
use serde_json::Value;

#[profiled_op("linear")]
fn linear(micros: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
}

#[inline(never)]
fn attention() {
    linear(300);
    linear(200);
}

#[inline(never)]
fn feed_forward() {
    linear(400);
}

#[profiled_stage("block")]
fn block() {
    attention();
    feed_forward();
}

#[inline(never)]
fn recursive(depth: u32) -> u32 {
    if depth == 0 {
        drop(op!("deepest"));
        return 0;
    }
    std::hint::black_box(recursive(depth - 1)) + 1
}

/// Returns the frames of a slice, leaf first.
fn stack(args: &Value) -> Vec<String> {
    let text = args["Call stack"].as_str().expect("a call stack");
    let frames: Vec<String> = text.split_terminator(';').map(str::to_owned).collect();
    assert!(text.ends_with(';') && frames.iter().all(|frame| !frame.is_empty()), "{text}");
    frames
}

fn place(frames: &[String], function: &str) -> usize {
    frames.iter().position(|frame| frame.contains(function)).unwrap_or_else(|| panic!("`{function}` in {frames:#?}"))
}

/// Records a session with stacks. Returns its trace, and its folder, which exists as long as
/// `bench`.
fn record(bench: &Bench, work: impl FnOnce()) -> (Trace, std::path::PathBuf) {
    start_profile_with(bench.config().torch_profiler_with_stack(true)).unwrap();
    work();
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let folder = stopped.folder().unwrap().to_owned();
    (Trace::read(&folder), folder)
}

#[profiled_stage("decode")]
fn decode() {
    (0..2).map(|micros| micros + 1).for_each(linear);
}

/// E7: stacks have no plumbing of iterators, annotated functions by their names, and no path of the
/// machine.
#[test]
fn stacks_show_the_programs_functions_by_their_names() {
    let bench = Bench::alone();
    for keeps in [false, true] {
        let config = bench.config().torch_profiler_with_stack(true).stack_std_functions(keeps);
        let trace = bench.record(config, || {
            block();
            decode();
        });
        let frames = stack(&trace.named("linear")[3].args);
        assert_eq!(frames.iter().any(|frame| frame.contains("core::iter")), keeps, "{frames:#?}");
        for slice in trace.named("linear").iter().chain(&trace.named("decode")) {
            let frames = stack(&slice.args);
            assert!(frames.iter().all(|frame| keeps || !frame.starts_with('/')), "{frames:#?}");
        }
        for annotated in ["stacks::linear", "stacks::block", "stacks::decode"] {
            let frames = stack(&trace.named("linear")[if annotated.ends_with("block") { 0 } else { 3 }].args);
            assert!(frames.iter().any(|frame| frame.ends_with(annotated)), "`{annotated}` in {frames:#?}");
        }
    }
}

/// E7: a function that calls from two lines is one box.
#[test]
fn a_function_is_one_box_in_flame_graphs() {
    let bench = Bench::alone();
    let (_, folder) = record(&bench, block);
    let lines = folded(&folder);
    let through =
        |name: &str| lines.iter().filter(|(frames, _)| frames.iter().any(|frame| frame.ends_with(name))).count();
    assert_eq!((through("stacks::attention"), through("stacks::feed_forward")), (1, 1), "{lines:#?}");
    let boxes = fs::read_to_string(folder.join("flame_cpu_rank0.svg")).unwrap();
    assert_eq!(boxes.matches("<title>artifacts::stacks::attention (").count(), 1);
}

/// Returns the lines of a folded file: frames, outermost first, and microseconds.
fn folded(folder: &Path) -> Vec<(Vec<String>, u64)> {
    let text = fs::read_to_string(folder.join("stacks_cpu_rank0.txt")).unwrap();
    let lines = text.lines().map(|line| {
        let (frames, micros) = line.rsplit_once(' ').unwrap();
        assert!(!frames.contains([' ', '\t']) && frames.split(';').all(|frame| !frame.is_empty()), "{line}");
        (frames.split(';').map(str::to_owned).collect(), micros.parse().unwrap())
    });
    lines.collect()
}

#[test]
fn every_range_shows_who_called_it_leaf_first_and_nothing_else() {
    let bench = Bench::alone();
    let (trace, _) = record(&bench, || {
        block();
        std::thread::spawn(|| linear(1)).join().unwrap();
    });
    assert_eq!(trace.json["with_stack"], 1);
    let linears = trace.named("linear");
    assert_eq!(linears.len(), 4);
    for (slice, caller) in linears.iter().zip(["attention", "attention", "feed_forward"]) {
        let frames = stack(&slice.args);
        assert!(frames[0].contains("stacks::linear"), "{frames:#?}");
        assert!(place(&frames, caller) < place(&frames, "stacks::block"), "{frames:#?}");
        let here = place(&frames, "every_range_shows_who_called_it");
        assert!(place(&frames, "stacks::block") < here, "{frames:#?}");
        assert!(frames[here].contains("artifacts/stacks.rs("), "file and line: {}", frames[here]);
    }
    let lines = |slice: usize| {
        let frames = stack(&linears[slice].args);
        frames[place(&frames, "attention")].clone()
    };
    assert_ne!(lines(0), lines(1), "two calls, two lines");
    for slice in trace.named("block").iter().chain(&linears) {
        for hidden in
            ["profiler_runtime", "__rust_begin_short_backtrace", "lang_start", "__libc_start", "clone3", "call_once"]
        {
            assert!(stack(&slice.args).iter().all(|frame| !frame.contains(hidden)), "`{hidden}` in {:#?}", slice.args);
        }
    }
    let blocks = stack(&trace.named("block")[0].args);
    assert_eq!(blocks.iter().filter(|frame| frame.contains("stacks::block")).count(), 1, "{blocks:#?}");
    let spawned = stack(&linears[3].args);
    assert!(
        spawned.last().unwrap().contains("{{closure}}") || spawned.last().unwrap().contains("{closure#"),
        "{spawned:#?}"
    );
}

#[test]
fn folded_stacks_add_up_to_the_own_time_of_the_trace() {
    let bench = Bench::alone();
    let (trace, folder) = record(&bench, || (0..3).for_each(|_| block()));
    let lines = folded(&folder);
    let distinct: HashSet<_> = lines.iter().map(|(frames, _)| frames).collect();
    assert_eq!(distinct.len(), lines.len(), "one line per stack");
    let linear: Vec<_> = lines.iter().filter(|(frames, _)| frames.last().unwrap() == "linear").collect();
    assert_eq!(linear.len(), 2, "two functions call it: {lines:#?}");
    let sum = |name: &str| trace.named(name).iter().map(|slice| slice.end - slice.begin).sum::<f64>();
    let micros: u64 = lines.iter().map(|(_, micros)| micros).sum();
    let off = sum("block") - micros as f64;
    assert!((-0.01..=lines.len() as f64).contains(&off), "{micros} µs of {}: each line rounds down", sum("block"));
    for (frames, _) in linear {
        let at = |wanted: &str| frames.iter().position(|frame| frame.contains(wanted));
        assert!(at("stacks::block").is_some() && at("stacks::block") < at("stacks::linear"), "{frames:#?}");
    }
}

#[test]
fn the_flame_graph_shows_functions_and_ranges() {
    let bench = Bench::alone();
    let (_, folder) = record(&bench, block);
    let picture = fs::read_to_string(folder.join("flame_cpu_rank0.svg")).unwrap();
    let total: u64 = folded(&folder).iter().map(|(_, micros)| micros).sum();
    assert!(picture.contains(&format!("total_samples=\"{total}\"")), "all of the time is in it");
    for name in ["stacks::attention", "stacks::feed_forward", "<title>linear ("] {
        assert!(picture.contains(name), "`{name}`");
    }
    assert!(!picture.contains("http:") || picture.contains("www.w3.org"), "nothing is loaded from elsewhere");
}

#[test]
fn polls_of_a_future_show_who_polled() {
    let bench = Bench::alone();
    #[profiled_stage("load")]
    async fn load() {
        tokio::task::yield_now().await;
        linear(1);
    }
    let (trace, _) = record(&bench, || {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(load());
    });
    let frames = stack(&trace.named("linear")[0].args);
    let load = place(&frames, "::load");
    assert!(frames[load].ends_with("::load") && !frames[load + 1].contains("::load"), "{frames:#?}");
    assert!(load < place(&frames, "block_on"), "{frames:#?}");
    let polls: Vec<_> = trace.named("load").into_iter().filter(|slice| slice.args["polls"].is_null()).collect();
    assert!(polls.len() == 2 && polls.iter().all(|poll| place(&stack(&poll.args), "block_on") > 0));
}

#[test]
fn a_stack_that_is_too_deep_keeps_its_innermost_functions() {
    let bench = Bench::alone();
    let (trace, _) = record(&bench, || assert_eq!(recursive(200), 200));
    let frames = stack(&trace.named("deepest")[0].args);
    assert_eq!(frames.last().unwrap(), "(deeper functions)");
    assert!(frames[..frames.len() - 1].iter().all(|frame| frame.contains("stacks::recursive")), "{frames:#?}");
    assert!((50..=64).contains(&frames.len()), "{} frames", frames.len());
}

#[test]
fn what_cannot_be_written_is_missing_with_a_reason() {
    let bench = Bench::alone();
    let (_, folder) = record(&bench, || ());
    let report = manifest(&folder);
    let reason = |name: &str| {
        let missing = report["missing"].as_array().unwrap().iter().find(|missing| missing["name"] == name);
        missing.map(|missing| missing["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(reason("stacks_cpu_rank0.txt").as_deref(), Some("no range was recorded"));
    assert_eq!(reason("flame_cpu_rank0.svg").as_deref(), Some("no range was recorded"));
    for name in ["stacks_cuda_rank0.txt", "flame_cuda_rank0.svg"] {
        let of_gpu = reason(name).unwrap();
        assert!(of_gpu.starts_with("no GPU was recorded: ") || of_gpu == "the GPU did nothing", "{of_gpu}");
    }
    assert!(!folder.join("stacks_cpu_rank0.txt").exists());
}

#[test]
fn without_the_option_there_are_no_stacks() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), block);
    assert!(trace.named("linear").iter().all(|slice| slice.args["Call stack"].is_null()));
    assert_eq!(trace.json["with_stack"], Value::Null);
}
