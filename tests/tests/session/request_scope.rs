//! Requests of an async server: each has its own stages, however many run concurrently, on any
//! thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use profiler_runtime::{ProfilerConfig, profiled_stage, request, request_scope, start_profile_with, stop_profile};
use profiler_tests::{Bench, Trace, timing};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::yield_now;

#[profiled_stage("encode")]
fn encode() {
    std::hint::black_box(());
}

#[profiled_stage("decode")]
async fn decode(chunks: u64) {
    for _ in 0..chunks {
        yield_now().await;
        encode();
    }
}

/// Handles a request: runs `encode` and one `decode`, in which `encode` runs `chunks` times.
async fn handle(chunks: u64, together: Arc<Barrier>) {
    together.wait().await;
    encode();
    decode(chunks).await;
    yield_now().await;
}

/// Returns the calls of each request, by path of stage.
fn calls(timing: &Value) -> BTreeMap<String, Vec<(String, u64)>> {
    let requests = timing["requests"]["kept"].as_array().unwrap().iter();
    let stages = |request: &Value| {
        let rows = request["stages"].as_array().unwrap().iter();
        let mut stages: Vec<_> = rows
            .map(|row| {
                let stage = &timing["stages"][row["stage"].as_u64().unwrap() as usize];
                let depth = usize::try_from(stage["depth"].as_u64().unwrap()).unwrap();
                (">".repeat(depth) + stage["name"].as_str().unwrap(), row["calls"].as_u64().unwrap())
            })
            .collect();
        stages.sort();
        stages
    };
    requests.map(|request| (request["request_id"].as_str().unwrap().to_owned(), stages(request))).collect()
}

fn expected(chunks: u64) -> Vec<(String, u64)> {
    vec![(">encode".into(), chunks), ("decode".into(), 1), ("encode".into(), 1)]
}

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).build().unwrap()
}

/// Records a session around `work`, and returns its timing report and trace.
fn record(config: ProfilerConfig, work: impl FnOnce()) -> (Value, Trace) {
    start_profile_with(config).unwrap();
    work();
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    (timing(stopped.folder().unwrap()), Trace::read(stopped.folder().unwrap()))
}

#[test]
fn concurrent_requests_keep_their_stages_apart() {
    let bench = Bench::alone();
    let (timing, trace) = record(bench.config(), || {
        runtime(4).block_on(async {
            let together = Arc::new(Barrier::new(16));
            let handlers: Vec<_> = (1..=16)
                .map(|number| {
                    let handler = handle(number, Arc::clone(&together));
                    tokio::spawn(request_scope(format!("request-{number}"), handler))
                })
                .collect();
            for handler in handlers {
                handler.await.unwrap();
            }
        });
    });
    let calls = calls(&timing);
    assert_eq!(calls.len(), 16);
    for number in 1..=16 {
        assert_eq!(calls[&format!("request-{number}")], expected(number), "request-{number}");
    }
    let lives = trace.named("request").into_iter().filter(|slice| slice.args["polls"].is_u64());
    let ids: Vec<_> = lives.map(|life| life.args["request_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 16);
    assert!(ids.contains(&"request-7".to_owned()), "{ids:?}");
    assert_eq!((&timing["requests"]["count"], &timing["requests"]["cancelled"]), (&json!(16), &json!(0)));
    let polls = trace.named("request").into_iter().filter_map(|poll| poll.args["task"].as_u64());
    let reported = timing["requests"]["kept"].as_array().unwrap().iter();
    let reported: BTreeSet<_> = reported.map(|request| request["task"].as_u64().unwrap()).collect();
    assert_eq!(reported, polls.collect(), "A16: the task of a request is the trace's");
}

#[test]
fn requests_that_take_turns_on_one_thread_are_kept_apart_too() {
    let bench = Bench::alone();
    let (timing, _) = record(bench.config(), || {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let together = Arc::new(Barrier::new(2));
            let (one, other) = (handle(3, Arc::clone(&together)), handle(5, together));
            tokio::join!(request_scope("one", one), request_scope("other", other));
        });
    });
    assert_eq!(calls(&timing), BTreeMap::from([("one".into(), expected(3)), ("other".into(), expected(5))]));
    for request in timing["requests"]["kept"].as_array().unwrap() {
        let number = |key: &str| request[key].as_u64().unwrap();
        assert!(number("unaccounted_ns") > 0 && number("unaccounted_ns") < number("duration_ns"));
    }
}

#[test]
fn overlapping_stages_do_not_hide_unaccounted_time() {
    let bench = Bench::alone();
    let pause = std::time::Duration::from_millis(20);
    let (timing, _) = record(bench.config(), || {
        let work = async {
            std::thread::sleep(pause);
            tokio::join!(slow(pause), slow(pause));
        };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(request_scope("r", work));
    });
    let request = &timing["requests"]["kept"][0];
    let [unaccounted, total] = ["unaccounted_ns", "duration_ns"].map(|key| request[key].as_u64().unwrap() as f64 / 1e6);
    assert!(unaccounted >= 20.0 && unaccounted <= total - 40.0, "{unaccounted} of {total}");
}

#[profiled_stage("slow")]
async fn slow(pause: std::time::Duration) {
    yield_now().await;
    std::thread::sleep(pause);
    yield_now().await;
}

#[test]
fn a_guard_around_a_runtime_has_its_async_stages() {
    let bench = Bench::alone();
    let (timing, _) = record(bench.config(), || {
        for (id, chunks) in [("first", 2), ("second", 4)] {
            let _request = request(id);
            let together = Arc::new(Barrier::new(1));
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(handle(chunks, together));
        }
    });
    assert_eq!(calls(&timing), BTreeMap::from([("first".into(), expected(2)), ("second".into(), expected(4))]));
}

#[test]
fn requests_are_kept_beside_some_stages_and_when_cut_by_start() {
    let bench = Bench::alone();
    let config = bench.config().stages(["decode"]);
    let mut session = None;
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(request_scope("late", async {
        yield_now().await;
        session = Some(start_profile_with(config).unwrap());
        yield_now().await;
        handle(2, Arc::new(Barrier::new(1))).await;
    }));
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let calls = calls(&timing(stopped.folder().unwrap()));
    assert_eq!(calls, BTreeMap::from([("late".into(), vec![(">encode".into(), 2), ("decode".into(), 1)])]));
}

#[test]
fn a_scope_is_its_future_when_off_and_ends_when_dropped() {
    let bench = Bench::alone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(request_scope("off", async { 7 })), 7);
    let (timing, trace) = record(bench.config(), || {
        runtime.block_on(async {
            let never = request_scope("cancelled", std::future::pending::<()>());
            tokio::select! {
                biased;
                () = never => {}
                () = yield_now() => {}
            }
        });
    });
    let request = &timing["requests"]["kept"][0];
    assert_eq!((&request["request_id"], &request["cancelled"]), (&json!("cancelled"), &json!(true)));
    assert_eq!(timing["requests"]["cancelled"], 1);
    let life = trace.named("request").into_iter().find(|slice| slice.args["polls"].is_u64()).unwrap();
    assert!(life.is("cancelled"), "{:?}", life.args);
}

#[profiled_stage("blocking")]
fn blocking() {
    std::thread::sleep(std::time::Duration::from_millis(30));
    encode();
}

/// Hands work to other threads, with its request and without.
async fn hand_over() {
    let request = profiler_runtime::current_request();
    let inside = tokio::task::spawn_blocking(move || {
        request.run(|| {
            blocking();
            // A thread that works for a request may hand it on.
            let request = profiler_runtime::current_request();
            std::thread::spawn(move || request.run(encode)).join().unwrap();
        });
    });
    tokio::task::spawn_blocking(encode).await.unwrap();
    inside.await.unwrap();
}

/// Work on another thread stays in its request, which counts once and is not idle meanwhile.
#[test]
fn a_request_goes_on_in_spawn_blocking() {
    let bench = Bench::alone();
    for selected in [&[][..], &["blocking"]] {
        let config = bench.config().stages(selected.iter().copied());
        let (timing, trace) = record(config, || {
            runtime(2).block_on(async {
                let hand = |number: u64| tokio::spawn(request_scope(format!("request-{number}"), hand_over()));
                for handler in (0..4).map(hand).collect::<Vec<_>>() {
                    handler.await.unwrap();
                }
            });
        });
        let mut stages = vec![(">encode".to_owned(), 1), ("blocking".to_owned(), 1)];
        if selected.is_empty() {
            stages.push(("encode".to_owned(), 1));
        }
        let expected: BTreeMap<_, _> = (0..4).map(|number| (format!("request-{number}"), stages.clone())).collect();
        assert_eq!(calls(&timing), expected);
        assert_eq!((&timing["requests"]["count"], &timing["requests"]["cancelled"]), (&json!(4), &json!(0)));
        for request in timing["requests"]["kept"].as_array().unwrap() {
            let number = |key: &str| request[key].as_u64().unwrap();
            assert!(number("duration_ns") >= 30_000_000, "{request}");
            assert!(number("unaccounted_ns") <= number("duration_ns") - 30_000_000, "{request}");
        }
        let lives = trace.named("request").into_iter().filter(|slice| slice.args["polls"].is_u64());
        assert_eq!(lives.count(), 4);
    }
}

/// A handle from an earlier session, or from outside of any request, only runs its work.
#[test]
fn a_request_of_another_session_is_not_gone_on_with() {
    let bench = Bench::alone();
    let outside = profiler_runtime::current_request();
    let mut taken = outside;
    record(bench.config(), || {
        let take = async { profiler_runtime::current_request() };
        taken = runtime(1).block_on(request_scope("over", take));
        assert_eq!(outside.run(|| 7), 7);
    });
    let (timing, trace) = record(bench.config(), || taken.run(encode));
    assert_eq!((&timing["requests"]["count"], trace.count("encode"), trace.count("request")), (&json!(0), 1, 0));
}
