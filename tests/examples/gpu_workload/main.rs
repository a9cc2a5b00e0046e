//! A small GPU program with known answers, for a machine with a GPU: what the profiler says about it is compared with
//! what was launched and with CUDA's own events.
//!
//! ```text
//! gpu_workload check FOLDER   sessions into FOLDER; exit status 1 if a figure is wrong
//! gpu_workload ranges         three capture ranges, for: nsys profile -c cudaProfilerApi --capture-range-end=repeat
//! ```
//!
//! Needs nothing but a driver at build and run time; without one it says so and succeeds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod cuda;
mod events;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use cuda::{Gpu, Stream};
use profiler_runtime::{ProfilerConfig, doctor, op, stage, start_profile_with, step, stop_profile};
use profiler_tests::{Trace, manifest, timing};
use serde_json::Value;

const SPIN: u64 = 400_000;
const LAUNCHES: u32 = 20_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("{}\n", doctor());
    let Some(gpu) = Gpu::open() else {
        println!("there is no GPU here: nothing to check");
        return ExitCode::SUCCESS;
    };
    match arguments.first().map(String::as_str) {
        Some("ranges") => ranges(&gpu),
        Some("check") => return check(&gpu, Path::new(arguments.get(1).map_or("perf", String::as_str))),
        _ => println!("usage: gpu_workload check FOLDER | ranges"),
    }
    ExitCode::SUCCESS
}

/// Three recordings of two iterations each, with work around them that is not to be captured.
fn ranges(gpu: &Gpu) {
    let stream = gpu.stream();
    for _ in 0..3 {
        gpu.spin(stream, SPIN);
        start_profile_with(ProfilerConfig::cuda().max_iterations(2)).unwrap();
        for _ in 0..4 {
            let _step = step!("captured_step");
            let _stage = stage!("captured");
            gpu.spin(stream, SPIN);
        }
        let manifest = stop_profile().unwrap().wait().unwrap();
        manifest.warnings.iter().for_each(|warning| println!("warning: {warning}"));
    }
    gpu.synchronize();
}

/// Compares, prints, counts what is wrong.
#[derive(Default)]
struct Verdicts {
    wrong: usize,
}

impl Verdicts {
    fn demand(&mut self, what: &str, holds: bool, seen: impl std::fmt::Display) {
        self.wrong += usize::from(!holds);
        println!("{} {what}: {seen}", if holds { "ok   " } else { "WRONG" });
    }
}

fn check(gpu: &Gpu, folder: &Path) -> ExitCode {
    let mut verdicts = Verdicts::default();
    let stream = gpu.stream();
    gpu.spin(stream, SPIN);
    gpu.synchronize();
    let before = ns_per_launch(gpu, stream);
    for number in 0..3 {
        let place = folder.join(format!("session{number}"));
        session(gpu, stream, &place, &mut verdicts);
    }
    events::check(gpu, stream, folder, &mut verdicts);
    start_profile_with(ProfilerConfig::torch(folder.join("overhead"))).unwrap();
    let during = ns_per_launch(gpu, stream);
    let in_a_range = {
        let _stage = stage!("launches");
        ns_per_launch(gpu, stream)
    };
    let each_in_a_range = ns_per(LAUNCHES, gpu, || {
        let _op = op!("launch");
        gpu.spin(stream, 0);
    });
    let began = Instant::now();
    let stopped = stop_profile().unwrap();
    println!("fact  stop of {} launches: {:.1} ms", LAUNCHES * 3, began.elapsed().as_secs_f64() * 1e3);
    stopped.wait().unwrap();
    let report = timing(stopped.folder().unwrap());
    let ops = report["gpu"]["gpu_ops"].as_u64().unwrap_or(0);
    verdicts.demand("every launch has a kernel", ops == u64::from(LAUNCHES) * 3, ops);
    let after = ns_per_launch(gpu, stream);
    println!(
        "fact  ns a launch: {before:.0} before, {during:.0} recorded, {in_a_range:.0} in one range, {each_in_a_range:.0} each \
         with an op, {after:.0} after the sessions"
    );
    println!("{}", if verdicts.wrong == 0 { "everything is right" } else { "something is wrong" });
    if verdicts.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ns_per_launch(gpu: &Gpu, stream: Stream) -> f64 {
    ns_per(LAUNCHES, gpu, || gpu.spin(stream, 0))
}

fn ns_per(count: u32, gpu: &Gpu, mut work: impl FnMut()) -> f64 {
    gpu.synchronize();
    let began = Instant::now();
    (0..count).for_each(|_| work());
    let took = began.elapsed();
    gpu.synchronize();
    took.as_secs_f64() * 1e9 / f64::from(count)
}

/// One recording of everything; its figures against those that are known.
fn session(gpu: &Gpu, stream: Stream, folder: &Path, verdicts: &mut Verdicts) {
    let graph = gpu.graph(stream, 5, SPIN / 10);
    let config = ProfilerConfig::torch(folder).torch_profiler_with_memory(true).cuda_sync_events(true);
    start_profile_with(config).unwrap();
    let mut by_events = 0.0;
    // The very first work of a session is what others lose (pytorch#192021).
    for index in 0..2 {
        let _step = step!("denoise_step", index);
        let _stage = stage!("transformer");
        by_events += gpu.timed(stream, || {
            for _ in 0..5 {
                let _op = op!("attention");
                gpu.spin(stream, SPIN);
            }
        });
    }
    let mut values = vec![1.5_f32; 1 << 20];
    {
        let _stage = stage!("vae.decode");
        gpu.round_trip(stream, &mut values);
    }
    {
        let _stage = stage!("graphs");
        (0..3).for_each(|_| gpu.run(&graph, stream));
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                gpu.enter();
                let own = gpu.stream();
                let _stage = stage!("two_streams");
                (0..4).for_each(|_| gpu.spin(own, SPIN));
            });
        }
    });
    gpu.spin(stream, SPIN);
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    assert!(values.iter().all(|value| (*value - 3.0).abs() < 1e-6), "the GPU computes");
    judge(stopped.folder().unwrap(), by_events, verdicts);
}

fn judge(folder: &Path, by_events: f64, verdicts: &mut Verdicts) {
    let (trace, timing, manifest) = (Trace::read(folder), timing(folder), manifest(folder));
    println!("\n{}\n{}", folder.display(), timing["gpu"]);
    verdicts.demand("source", timing["gpu"]["source"] == "cupti", &manifest["gpu"]["reason"]);
    let stage = |name: &str| timing["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).cloned();
    let ops = |name: &str| stage(name).and_then(|stage| stage["gpu_ops"].as_u64());
    let busy = |name: &str| stage(name).and_then(|stage| stage["gpu_busy_ns"].as_f64()).unwrap_or(0.0) / 1e6;
    for (name, count) in [("transformer", 10), ("vae.decode", 4), ("graphs", 15), ("two_streams", 8)] {
        verdicts.demand(&format!("ops of {name}"), ops(name) == Some(count), format!("{:?} of {count}", ops(name)));
    }
    let nobodys = &timing["gpu"]["unattributed"]["gpu_ops"];
    verdicts.demand("ops of nobody", *nobodys == 1, nobodys);
    let ratio = busy("transformer") / by_events;
    let seen = format!("{:.4} ms, CUDA events say {by_events:.4} ms", busy("transformer"));
    verdicts.demand("GPU time of transformer", (0.9..1.001).contains(&ratio), seen);
    let span = stage("two_streams").and_then(|stage| stage["gpu_span_ns"].as_f64()).unwrap_or(0.0) / 1e6;
    let seen = format!("busy {:.3} ms in a span of {span:.3} ms", busy("two_streams"));
    verdicts.demand("two streams at once", busy("two_streams") <= span + 1e-6, seen);
    let losses = &timing["gpu"]["losses"];
    let lost: u64 = losses.as_object().map_or(1, |all| all.values().filter_map(Value::as_u64).sum());
    verdicts.demand("losses", lost == 0, losses);
    let events = trace.json["traceEvents"].as_array().unwrap();
    let of = |category: &str| events.iter().filter(|event| event["cat"] == category && event["ph"] == "X").count();
    verdicts.demand("kernels", of("kernel") == 10 + 1 + 15 + 8 + 1, of("kernel"));
    verdicts.demand("demangled", trace.count("scale(float*, float)") == 1, trace.count("scale(float*, float)"));
    verdicts.demand("copies and fills", (of("gpu_memcpy"), of("gpu_memset")) == (2, 1), of("gpu_memcpy"));
    verdicts.demand("spans on the GPU", of("gpu_user_annotation") > 0, of("gpu_user_annotation"));
    println!("fact  calls: {} driver, {} runtime; waits: {}", of("cuda_driver"), of("cuda_runtime"), of("cuda_sync"));
    let earliest = events.iter().filter(|event| event["ph"] == "s" && event["cat"] == "ac2g");
    let arrivals = events.iter().filter(|event| event["ph"] == "f" && event["cat"] == "ac2g");
    let gap = |(start, end): (&Value, &Value)| end["ts"].as_f64().unwrap() - start["ts"].as_f64().unwrap();
    let shortest = earliest.zip(arrivals).map(gap).fold(f64::INFINITY, f64::min);
    println!("fact  shortest time from a call to its work: {shortest:.3} µs");
    let memory: Vec<_> =
        events.iter().filter(|event| event["name"] == "[memory]").map(|event| &event["args"]).collect();
    println!("fact  [memory] events: {}", memory.len());
    let calls = events.iter().filter(|event| event["cat"] == "cuda_driver");
    let mut names: Vec<&str> = calls.filter_map(|event| event["name"].as_str()).collect();
    names.sort_unstable();
    names.dedup();
    println!("fact  calls seen: {names:?}");
}
