//! Bounds of a recording's memory: threads that have ended, names, and texts that clients send.
//!
//! A separate binary, because its allocator counts the bytes of the whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::Pin;
#[cfg(target_os = "linux")]
use std::process::Stdio;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll};
use std::thread::{self, Builder, JoinHandle};

use profiler_runtime::config::TraceFormat;
use profiler_runtime::{
    ProfilerConfig, profiled_stage, request, request_scope, stage, start_profile_with, stop_profile,
};
use profiler_tests::tasks::{finish, poll};
use profiler_tests::{Bench, Trace, manifest, timing};
#[cfg(target_os = "linux")]
use {
    profiler_runtime::spool::recover,
    profiler_tests::{child_of, in_child},
};

/// Allocator that counts bytes and allocations.
struct Counting;

/// Number of bytes that are allocated.
static LIVE: AtomicI64 = AtomicI64::new(0);
/// Highest number of allocated bytes since it was last set.
static PEAK: AtomicI64 = AtomicI64::new(0);

thread_local! {
    /// Number of this thread's allocations.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size() as i64, Ordering::Relaxed) + layout.size() as i64;
        PEAK.fetch_max(live, Ordering::Relaxed);
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    /// Reallocates in place, as the system's allocator does with large blocks.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let more = size as i64 - layout.size() as i64;
        PEAK.fetch_max(LIVE.fetch_add(more, Ordering::Relaxed) + more, Ordering::Relaxed);
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[profiled_stage("work")]
fn work() {}

fn spawn(run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    Builder::new().stack_size(64 << 10).spawn(run).unwrap()
}

/// Records three ranges on each of `threads` threads, which end at once. Returns the number of
/// ranges in the trace, and that of lost ranges.
fn record_ended(bench: &Bench, config: ProfilerConfig, threads: usize) -> (usize, u64) {
    start_profile_with(config).unwrap();
    for _ in 0..threads / 10 {
        let batch: Vec<_> = (0..10).map(|_| spawn(|| (0..3).for_each(|_| work()))).collect();
        batch.into_iter().for_each(|thread| thread.join().unwrap());
    }
    let stopped = stop_profile().unwrap();
    let lost = stopped.wait().unwrap().ranges_lost;
    // Reads the trace as text, because a hundred thousand threads are many values.
    let trace = std::fs::read_to_string(stopped.folder().unwrap().join("trace_rank0.json")).unwrap();
    let ranges = trace.lines().filter(|line| line.contains(r#""name":"work""#) && line.contains(r#""ph":"X""#)).count();
    drop((trace, stopped));
    std::fs::remove_dir_all(bench.path()).unwrap();
    std::fs::create_dir(bench.path()).unwrap();
    (ranges, lost)
}

/// B7, G4: an ended thread keeps only the memory that it used, so that a small budget is enough for
/// many, and nothing stays of it.
#[test]
fn nothing_stays_of_a_hundred_thousand_ended_threads() {
    const THREADS: usize = 100_000;
    let bench = Bench::alone();
    let config = || bench.config().max_buffer_mb(11);
    record_ended(&bench, config(), 1000);
    let before = LIVE.load(Ordering::Relaxed);
    assert_eq!(record_ended(&bench, config(), THREADS), (3 * THREADS, 0));
    let grown = LIVE.load(Ordering::Relaxed) - before;
    assert!(grown < 50_000, "{grown} bytes stay");
}

/// G4: nothing stays of threads whose ranges are gone, whether they end before or after the stop.
#[test]
fn nothing_stays_of_threads_that_are_gone() {
    let bench = Bench::alone();
    let session = |ended: usize, living: usize| {
        start_profile_with(bench.config()).unwrap();
        (0..ended).for_each(|_| spawn(work).join().unwrap());
        let begun = Arc::new(Barrier::new(living + 1));
        let over = Arc::new(Barrier::new(living + 1));
        let live = || {
            let (begun, over) = (Arc::clone(&begun), Arc::clone(&over));
            spawn(move || {
                work();
                begun.wait();
                over.wait();
            })
        };
        let threads: Vec<_> = (0..living).map(|_| live()).collect();
        begun.wait();
        let stopped = stop_profile().unwrap();
        over.wait();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        stopped.wait().unwrap();
        drop(stopped);
        LIVE.load(Ordering::Relaxed)
    };
    session(2000, 200);
    let before = session(10, 10);
    let grown = session(2000, 200) - before;
    assert!(grown < 50_000, "{grown} bytes stay");
}

/// G4: a stop does little work for each thread under its lock.
#[test]
fn a_stop_does_little_for_each_thread() {
    const THREADS: u64 = 1000;
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    let begun = Arc::new(Barrier::new(THREADS as usize + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let begun = Arc::clone(&begun);
            spawn(move || {
                work();
                begun.wait();
                thread::park();
            })
        })
        .collect();
    begun.wait();
    let before = ALLOCATIONS.get();
    let stopped = stop_profile().unwrap();
    let allocations = ALLOCATIONS.get() - before;
    for thread in threads {
        thread.thread().unpark();
        thread.join().unwrap();
    }
    stopped.wait().unwrap();
    assert!(allocations < 2 * THREADS, "{allocations} allocations");
    assert_eq!(Trace::read(stopped.folder().unwrap()).count("work"), THREADS as usize);
}

/// B7: the losses of many threads take a few lines, and their sum is right.
#[test]
fn losses_of_many_threads_are_few_lines() {
    let bench = Bench::alone();
    let record = |_| spawn(|| (0..200).for_each(|_| work()));
    let trace = bench.record(bench.config().max_buffer_mb(1), || {
        let hold = stage!("held");
        (0..1500).map(record).for_each(|thread| thread.join().unwrap());
        drop(hold);
    });
    let lines = trace.json["profiler"]["losses"]["buffer_full"].as_array().unwrap().clone();
    let sum: u64 = lines.iter().map(|line| line["ranges"].as_u64().unwrap()).sum();
    assert!(sum > 0 && lines.len() <= 17, "{} lines", lines.len());
    assert_eq!(sum + trace.count("work") as u64, 1500 * 200);
}

/// G16: texts that a client or a program chooses at run time are cut at a stated length, at a
/// character, with a mark.
#[test]
fn texts_have_a_longest_length() {
    let bench = Bench::alone();
    let long = "é".repeat(500_000);
    start_profile_with(bench.config().max_buffer_mb(1).ring(true)).unwrap();
    let body = || {
        drop(stage!("before"));
        let _request = request(&"é".repeat(500_000));
        drop(stage(&"é".repeat(500_000)));
        drop(stage!("after"));
    };
    Builder::new().name("é".repeat(5000)).spawn(body).unwrap().join().unwrap();
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let folder = stopped.folder().unwrap();
    let cut = format!("{}…", &long[..252]);
    let trace = Trace::read(folder);
    assert_eq!(["before", "after", &cut].map(|name| trace.count(name)), [1; 3]);
    let timing = timing(folder);
    assert_eq!(timing["requests"]["kept"][0]["request_id"], cut, "{}", timing["requests"]);
    let events = trace.json["traceEvents"].as_array().unwrap();
    let names: Vec<_> = events.iter().filter_map(|event| event["args"]["name"].as_str()).collect();
    assert!(names.iter().any(|name| name.starts_with(&cut)) && names.iter().all(|name| name.len() < 300));
    assert!(manifest(folder).to_string().len() < 100_000);
}

/// G4: the time of a stop is printed by `cargo test --release --test bounds -- --ignored
/// --nocapture stop`.
#[test]
#[ignore = "needs 20,000 threads; prints a time"]
#[cfg(target_os = "linux")]
fn time_of_a_stop_with_20000_threads() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    static BEGUN: AtomicI64 = AtomicI64::new(0);
    extern "C" fn run(_: *mut libc::c_void) -> *mut libc::c_void {
        work();
        BEGUN.fetch_add(1, Ordering::Relaxed);
        loop {
            thread::park();
        }
    }
    for _ in 0..20_000 {
        // The standard library's threads need more mappings than the system has.
        // SAFETY: zeroed attributes may be initialised, and the function has the required
        // signature.
        unsafe {
            let (mut attributes, mut thread) = (std::mem::zeroed(), 0);
            libc::pthread_attr_init(&raw mut attributes);
            libc::pthread_attr_setstacksize(&raw mut attributes, 64 << 10);
            let made = libc::pthread_create(&raw mut thread, &raw const attributes, run, std::ptr::null_mut());
            assert_eq!(made, 0);
        }
    }
    while BEGUN.load(Ordering::Relaxed) < 20_000 {
        thread::yield_now();
    }
    let from = std::time::Instant::now();
    let stopped = stop_profile().unwrap();
    println!("a stop with 20,000 threads took {:?}", from.elapsed());
    stopped.wait().unwrap();
    assert_eq!(Trace::read(stopped.folder().unwrap()).count("work"), 20_000);
}

#[profiled_stage("handler")]
async fn handler() {
    for _ in 0..4 {
        part().await;
    }
}

#[profiled_stage("part")]
async fn part() {
    std::hint::black_box(());
}

/// Future that is ready at this poll, counted from 1.
struct Waits(u32);

impl Future for Waits {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[profiled_stage("waiter")]
async fn waiter() {
    Waits(3).await;
}

#[profiled_stage("stream")]
async fn stream_of(items: u64) {
    for _ in 0..items {
        part().await;
    }
}

type Live = fn(u64);

/// Ways in which many tasks live, with functions that run so many.
const LIVES: [(&str, Live); 5] = [
    ("one after the other", |tasks| (0..tasks).for_each(|_| finish(part()))),
    ("handlers of four", |tasks| (0..tasks / 5).for_each(|_| finish(handler()))),
    ("all at once", |tasks| {
        let mut all: Vec<_> = (0..tasks).map(|_| Box::pin(waiter())).collect();
        for _ in 0..3 {
            all.iter_mut().for_each(|each| _ = poll(each.as_mut()));
        }
    }),
    ("items of a stream", |tasks| finish(stream_of(tasks - 1))),
    ("in requests", |tasks| {
        for request in 0..tasks / 10 {
            finish(request_scope(format!("request {request}"), stream_of(8)));
        }
    }),
];

/// Returns the bytes that the export of these tasks adds to the allocated ones.
fn export_of(tasks: u64, live: Live, form: impl FnOnce(ProfilerConfig) -> ProfilerConfig) -> i64 {
    let bench = Bench::alone();
    start_profile_with(form(bench.config().max_buffer_mb(2000))).unwrap();
    live(tasks);
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    PEAK.load(Ordering::Relaxed) - before
}

/// Number of tasks that fills the buffers of every writer and the list of requests.
const FEW: u64 = 20_000;

/// Asserts that each task adds few bytes; `added` returns the bytes of a number of tasks.
fn demand_few_bytes(tasks: u64, what: &str, added: impl Fn(u64) -> i64) {
    let few = added(FEW);
    let added = added(tasks);
    let a_task = (added - few) as f64 / (tasks - FEW) as f64;
    println!("{what}: {added} bytes, {a_task:.1} a task");
    assert!(a_task <= 64.0, "{what}: {a_task:.1} bytes a task");
}

/// Asserts that an export of tasks that live in this way, to a trace of this form, adds few bytes.
fn demand_of_export(tasks: u64, (lives, live): (&str, Live), (form, zipped): (TraceFormat, bool)) {
    let form_of = |config: ProfilerConfig| config.trace_format(form).torch_profiler_use_gzip(zipped);
    demand_few_bytes(tasks, &format!("{lives}, {form:?}, gzip {zipped}"), |tasks| export_of(tasks, live, form_of));
}

/// Records tasks into a spool, and dies.
#[test]
#[ignore = "run by the next test, as a process of its own"]
#[cfg(target_os = "linux")]
fn tasks_in_a_spool() {
    if !in_child() {
        return;
    }
    start_profile_with(profiler_tests::spool::config()).unwrap();
    let variable = |name| std::env::var(name).unwrap();
    let (_, live) = LIVES.into_iter().find(|(lives, _)| *lives == variable("LIVES")).unwrap();
    live(variable("TASKS").parse().unwrap());
    // SAFETY: the call only ends this process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

/// Returns the bytes that the recovery of these tasks adds to the allocated ones.
#[cfg(target_os = "linux")]
fn recovery_of(tasks: u64, lives: &str) -> i64 {
    let bench = Bench::alone();
    let config = profiler_tests::spool::with_spool(&bench).to_string();
    let mut child = child_of("tasks_in_a_spool");
    child.env("CONFIG", config).env("LIVES", lives).env("TASKS", tasks.to_string());
    child.stdout(Stdio::null()).status().unwrap();
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let recovered = recover(bench.path()).unwrap();
    let added = PEAK.load(Ordering::Relaxed) - before;
    assert!(recovered.sessions.len() == 1 && recovered.sessions[0].ranges_lost == 0, "{recovered:?}");
    added
}

const CHROME: (TraceFormat, bool) = (TraceFormat::Chrome, false);
const OTHERS: [(TraceFormat, bool); 2] = [(TraceFormat::Chrome, true), (TraceFormat::Perfetto, false)];

/// G1: an export needs few bytes for an async task, however tasks live.
#[test]
fn an_export_needs_few_bytes_for_a_task() {
    LIVES.into_iter().for_each(|lives| demand_of_export(60_000, lives, CHROME));
    // A writer has most to remember if there are as many rows as tasks.
    OTHERS.into_iter().for_each(|form| demand_of_export(60_000, LIVES[2], form));
}

/// G1: the same holds for a million tasks: `cargo test --release --test bounds -- --ignored
/// --nocapture million`.
#[test]
#[ignore = "takes minutes without `--release`; prints the bytes"]
fn an_export_of_a_million_tasks_adds_64_mb() {
    for form in OTHERS.into_iter().chain([CHROME]) {
        LIVES.into_iter().for_each(|lives| demand_of_export(1_000_000, lives, form));
    }
}

/// G1: the same holds for the recovery of a killed process.
#[test]
#[ignore = "takes minutes without `--release`; prints the bytes"]
#[cfg(target_os = "linux")]
fn a_recovery_of_a_million_tasks_adds_64_mb() {
    for (lives, _) in LIVES {
        demand_few_bytes(1_000_000, &format!("{lives}, recovered"), |tasks| recovery_of(tasks, lives));
    }
}
