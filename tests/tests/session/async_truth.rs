//! Times of async code: waiting is no CPU time, lives that overlap count once, and a life that
//! began before the session is marked. Every artifact of a session says the same.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use calamine::{Data, Reader, Xlsx, open_workbook};
use profiler_runtime::artifacts::{ArtifactKind, GroupBy, Manifest};
use profiler_runtime::{
    op, profiled_op, profiled_stage, profiled_step, request_scope, start_profile_with, stop_profile,
};
use profiler_tests::tasks::poll;
use profiler_tests::{Bench, Slice, Trace, timing};
use serde_json::Value;

/// Future that is pending for `long` after its first poll.
struct Wait {
    long: Duration,
    until: Option<Instant>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        let long = self.long;
        let until = *self.until.get_or_insert_with(|| Instant::now() + long);
        if Instant::now() < until { Poll::Pending } else { Poll::Ready(()) }
    }
}

const fn wait(ms: u64) -> Wait {
    Wait { long: Duration::from_millis(ms), until: None }
}

/// Polls a future about once a millisecond until it is ready, and returns its output.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn compute(ms: u64) {
    let end = Instant::now() + Duration::from_millis(ms);
    while Instant::now() < end {}
}

/// Returns a time of a report in nanoseconds, from a field in nanoseconds or in milliseconds.
fn ns(report: &Value, field: &str) -> f64 {
    let in_ns = report[format!("{field}_ns")].as_f64();
    in_ns.unwrap_or_else(|| report[format!("{field}_ms")].as_f64().unwrap() * 1e6)
}

fn ms(report: &Value, field: &str) -> f64 {
    ns(report, field) / 1e6
}

fn stage_of(timing: &Value, name: &str) -> Value {
    let stages = timing["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["name"] == name).unwrap().clone()
}

fn life(trace: &Trace, name: &str) -> Slice {
    trace.named(name).into_iter().find(|slice| slice.args["polls"].is_u64()).unwrap()
}

#[profiled_stage("fetch.a")]
async fn fetch_a() {
    wait(40).await;
}

#[profiled_stage("fetch.b")]
async fn fetch_b() {
    wait(40).await;
}

#[profiled_stage("prepare")]
async fn prepare() {
    tokio::join!(fetch_a(), fetch_b());
    compute(30);
}

/// A2: the self time of a stage excludes the time of overlapping children once.
#[test]
fn own_time_is_what_no_child_covers() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    finish(prepare());
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    let timing = timing(stopped.folder().unwrap());
    let own = ms(&stage_of(&timing, "prepare"), "self");
    // The two overlap: both wait at the same time.
    let trace = Trace::read(stopped.folder().unwrap());
    let [whole, a, b] = ["prepare", "fetch.a", "fetch.b"].map(|name| life(&trace, name));
    assert!(a.end > b.begin && b.end > a.begin);
    let left = (whole.end - whole.begin - (a.end.max(b.end) - a.begin.min(b.begin))) / 1e3;
    assert!(own >= 30.0 && (own - left).abs() < 0.001, "{own} ms, by the trace {left} ms");
    let summary = std::fs::read_to_string(&manifest.artifact(ArtifactKind::Summary).unwrap().path).unwrap();
    for row in summary.lines().filter(|line| line.contains("fetch.")) {
        let share: f64 = row.split('|').rev().find_map(|cell| cell.split('%').next()?.trim().parse().ok()).unwrap();
        assert!(share <= 100.0 || row.contains("concurrent"), "{row}");
    }
}

#[profiled_op("matmul")]
fn matmul() {
    compute(20);
}

#[profiled_stage("serve")]
async fn serve() {
    wait(300).await;
    matmul();
}

fn workbook_self_us(manifest: &Manifest) -> f64 {
    let mut workbook: Xlsx<_> = open_workbook(&manifest.artifact(ArtifactKind::Ops).unwrap().path).unwrap();
    let range = workbook.worksheet_range("summary").unwrap();
    let column = range.rows().next().unwrap().iter().position(|head| *head == "self_cpu_time_total_us").unwrap();
    let cell = |row: &[Data]| if let Data::Float(us) = row[column] { us } else { panic!("no number in {row:?}") };
    range.rows().skip(1).map(cell).sum()
}

/// A3: the wait of a future is no CPU time, in any artifact.
#[test]
fn waiting_is_no_cpu_time_and_all_artifacts_agree() {
    let bench = Bench::alone();
    let config = bench.config().torch_profiler_with_stack(true).torch_profiler_dump_cuda_time_total(true);
    start_profile_with(config).unwrap();
    finish(serve());
    profiler_runtime::next_step();
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    let table = manifest.key_averages(GroupBy::Name);
    let row = table.rows().iter().find(|row| row.name == "serve").unwrap();
    assert!(row.is_async && row.count == 1 && row.polls > 10, "{row:?}");
    assert!(row.wall_time.unwrap() >= Duration::from_millis(320), "{row:?}");
    assert!((20.0..100.0).contains(&(row.cpu_time.as_secs_f64() * 1e3)), "{row:?}");
    assert!(row.self_cpu_time < Duration::from_millis(80), "{row:?}");
    let total = table.self_cpu_time_total();
    assert!(total <= Duration::from_secs_f64(Trace::read(stopped.folder().unwrap()).seconds()));
    assert_eq!(row.cpu_time, total, "everything ran in its polls");
    assert!((workbook_self_us(&manifest) * 1e3 - total.as_nanos() as f64).abs() < 1.0);
    // The folded stacks truncate each line to whole microseconds.
    let stacks = std::fs::read_to_string(&manifest.artifact(ArtifactKind::StacksCpu).unwrap().path).unwrap();
    let lines = stacks.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap());
    let (count, sum) = lines.fold((0, 0), |(count, sum), us| (count + 1, sum + us));
    let whole = u64::try_from(total.as_micros()).unwrap();
    assert!(sum <= whole && whole - sum <= count + row.polls, "{sum} of {whole} us");
    let text = std::fs::read_to_string(&manifest.artifact(ArtifactKind::Table).unwrap().path).unwrap();
    let shown = format!("Self CPU time total: {:.3}ms", total.as_nanos() as f64 / 1e6);
    assert!(text.contains(&shown), "{shown} in {text}");
}

#[profiled_stage("hold")]
async fn hold(name: &str) {
    let _guard = profiler_runtime::stage(name);
    wait(300).await;
    compute(5);
}

/// A3: a guard has no CPU time of a wait over which it is held, and each moment of a thread counts
/// once.
#[test]
fn a_guard_over_a_wait_has_no_cpu_time_of_it() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    finish(async { tokio::join!(hold("held.a"), hold("held.b"), serve()) });
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    let table = manifest.key_averages(GroupBy::Name);
    for name in ["held.a", "held.b"] {
        let row = table.rows().iter().find(|row| row.name == name).unwrap();
        assert!((5.0..150.0).contains(&(row.cpu_time.as_secs_f64() * 1e3)), "{row:?}");
    }
    let wall = Trace::read(stopped.folder().unwrap()).seconds();
    assert!(table.self_cpu_time_total().as_secs_f64() < wall, "{table}");
}

#[profiled_stage("call")]
async fn call() {
    wait(2).await;
}

/// Runs a server's loop with many calls in flight.
async fn many(calls: usize) {
    let (mut left, mut running) = (calls, Vec::new());
    std::future::poll_fn(move |context| {
        loop {
            while left > 0 && running.len() < 50 {
                running.push(Box::pin(call()));
                left -= 1;
            }
            running.retain_mut(|call| call.as_mut().poll(context).is_pending());
            if left == 0 || running.len() == 50 {
                break;
            }
        }
        if running.is_empty() && left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    wait(100).await;
}

/// A5: the unaccounted time does not depend on the number of calls.
#[test]
fn unaccounted_counts_every_call() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    finish(request_scope("many", many(3000)));
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let timing = timing(stopped.folder().unwrap());
    let unaccounted = ms(&timing, "unaccounted");
    assert!((100.0..130.0).contains(&unaccounted), "{unaccounted} ms");
    let call = stage_of(&timing, "call");
    assert_eq!(call["calls"], 3000);
}

#[profiled_step("token", index = index)]
async fn token(index: u64) {
    wait(10).await;
    drop(op!("sample"));
}

/// A6: a range that began before the session is marked, and has its names in every session.
#[test]
fn what_was_in_flight_is_marked_and_named_in_every_session() {
    let bench = Bench::alone();
    let mut unseen = Box::pin(call());
    assert!(poll(unseen.as_mut()).is_pending());
    start_profile_with(bench.config()).unwrap();
    let mut request = Box::pin(request_scope("request-7", token(7)));
    assert!(poll(request.as_mut()).is_pending());
    finish(unseen);
    let first = stop_profile().unwrap();
    first.wait().unwrap();
    start_profile_with(bench.config()).unwrap();
    finish(request);
    let second = stop_profile().unwrap();
    second.wait().unwrap();

    let (first, second) = (Trace::read(first.folder().unwrap()), Trace::read(second.folder().unwrap()));
    assert!(life(&first, "call").is("began_before"), "polled before the session");
    assert!(!life(&first, "token").is("began_before"));
    let (request, token) = (life(&second, "request"), life_of_step(&second, "token"));
    assert!(request.is("began_before") && token.is("began_before"));
    assert_eq!((&request.args["request_id"], &token.args["index"]), (&"request-7".into(), &7.into()));
    assert_eq!(first.losses("clipped") + second.losses("clipped"), 3);
}

/// A6: every session decides anew whether it selects a future.
#[test]
fn a_future_left_out_by_one_session_is_recorded_by_the_next() {
    let bench = Bench::alone();
    let mut future = Box::pin(fetch_a());
    start_profile_with(bench.config().stages(["serve"])).unwrap();
    assert!(poll(future.as_mut()).is_pending());
    let first = stop_profile().unwrap();
    first.wait().unwrap();
    let second = bench.record(bench.config(), || finish(future));
    assert_eq!(Trace::read(first.folder().unwrap()).count("fetch.a"), 0);
    assert!(life(&second, "fetch.a").is("began_before"));
}

/// Returns the life of a step, which may be shown under its own name or as `ProfilerStep#N`.
fn life_of_step(trace: &Trace, name: &str) -> Slice {
    let mut slices = trace.named(name).into_iter().chain(trace.steps());
    slices.find(|slice| slice.args["polls"].is_u64()).unwrap()
}
