//! `cpu_time: true`: the CPU time of stages and steps, beside their wall time.

use std::thread;
use std::time::Duration;

use profiler_runtime::artifacts::GroupBy;
use profiler_runtime::{op, profiled_stage, profiled_step, start_profile_with, stop_profile};
use profiler_tests::{Bench, Trace};

/// Returns the CPU time of this thread, by the thread's own clock.
fn computed() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writes.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Computes for this much CPU time, however busy the machine is.
fn compute(ms: u64) {
    let end = computed() + Duration::from_millis(ms);
    while computed() < end {}
}

#[profiled_stage("sleeps")]
fn sleeps() {
    thread::sleep(Duration::from_millis(50));
    compute(10);
}

#[profiled_step("computes")]
fn computes() {
    compute(20);
    drop(op!("inner"));
}

#[profiled_stage("polled")]
async fn polled() {
    for _ in 0..3 {
        compute(5);
        tokio::task::yield_now().await;
        thread::sleep(Duration::from_millis(10));
    }
}

fn work() {
    sleeps();
    computes();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(polled());
}

fn cpu_ms(trace: &Trace, name: &str) -> Vec<f64> {
    let slices =
        trace.named(name).into_iter().chain(trace.steps().into_iter().filter(|step| step.args["step"] == name));
    slices.filter_map(|slice| slice.args["cpu_time_us"].as_f64()).map(|us| us / 1e3).collect()
}

/// A3: the CPU time of a stage is what its thread computed, in trace and table.
#[test]
fn cpu_time_is_what_the_thread_computed() {
    let bench = Bench::alone();
    start_profile_with(bench.config().cpu_time(true)).unwrap();
    work();
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    let sleeps = trace.named("sleeps").remove(0);
    let of_sleeps = cpu_ms(&trace, "sleeps")[0];
    assert!(sleeps.end - sleeps.begin >= 60_000.0 && (10.0..45.0).contains(&of_sleeps), "{of_sleeps} ms");
    let of_step = cpu_ms(&trace, "computes")[0];
    assert!((20.0..40.0).contains(&of_step), "{of_step} ms");
    // Four polls, and the life, which has their sum.
    let of_polls = cpu_ms(&trace, "polled");
    assert_eq!(of_polls.len(), 5);
    let most = of_polls.iter().fold(0.0, |most: f64, ms| most.max(*ms));
    assert!((of_polls.iter().sum::<f64>() - 2.0 * most).abs() < 0.01, "{of_polls:?}");
    assert!((15.0..40.0).contains(&most), "{of_polls:?}");
    assert!(cpu_ms(&trace, "inner").is_empty(), "ops are not measured");
    let table = manifest.key_averages(GroupBy::Name);
    let row = |name: &str| table.rows().iter().find(|row| row.name == name).unwrap().clone();
    assert!((row("sleeps").thread_cpu_time.unwrap().as_secs_f64() * 1e3 - of_sleeps).abs() < 0.001);
    assert!(row("sleeps").cpu_time >= Duration::from_millis(60), "wall time on the thread, as in PyTorch");
    assert_eq!(row("inner").thread_cpu_time, None);
    assert!(table.to_string().contains("Thread CPU"));
}

/// Without the option, no CPU time is measured.
#[test]
fn without_the_option_there_is_no_cpu_time() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), work);
    assert!(["sleeps", "computes", "polled"].iter().all(|name| cpu_ms(&trace, name).is_empty()));
}

#[profiled_stage("tiny")]
fn tiny() {
    std::hint::black_box(());
}

/// The trace warns about a stage that the readings of the CPU clock slow down.
#[test]
fn a_stage_that_the_readings_slow_down_is_marked() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().cpu_time(true), || (0..100).for_each(|_| tiny()));
    let told = trace.warnings().iter().any(|warning| warning.contains("`cpu_time` makes `tiny` more than 1 % slower"));
    assert!(told, "{:?}", trace.warnings());
    let trace = bench.record(bench.config().cpu_time(true), compute_in_a_stage);
    assert!(!trace.warnings().iter().any(|warning| warning.contains("cpu_time")), "{:?}", trace.warnings());
}

#[profiled_stage("waits")]
async fn waits() {
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A3: an async stage is judged by its life: a few readings do not slow down a stage that waits.
#[test]
fn an_async_stage_that_waits_is_not_slowed() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().cpu_time(true), || {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(waits());
    });
    assert_eq!(trace.warnings(), [""; 0]);
}

#[profiled_stage("long")]
fn compute_in_a_stage() {
    compute(20);
}

/// A ring drops CPU times together with their ranges.
#[test]
fn a_ring_keeps_cpu_times_with_their_ranges() {
    let bench = Bench::alone();
    let config = bench.config().cpu_time(true).ring(true).max_buffer_mb(1);
    let trace = bench.record(config, || {
        let _outer = profiler_runtime::stage!("outer");
        (0..60_000).for_each(|_| tiny());
    });
    let kept = trace.named("tiny");
    assert!(!kept.is_empty() && kept.len() < 60_000);
    assert!(kept.iter().skip(1).all(|slice| slice.args["cpu_time_us"].as_f64().is_some()));
    let outer = trace.named("outer").remove(0);
    assert!(outer.is("began_before") && outer.args["cpu_time_us"].is_number());
}
