//! Spans of the `tracing` crate become ranges: each enter, each life, their arguments and kinds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::pin::pin;
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::config::{SpanKind, SpanRules};
use profiler_runtime::{start_profile_with, stop_profile};
use profiler_tests::tasks::{finish, poll, second_poll};
use profiler_tests::{Bench, Trace, manifest, stage_paths, timing};
use tracing::{Instrument, debug_span, info_span, instrument, trace_span};

/// Creates a bench in a process whose global subscriber is ours.
fn bench() -> Bench {
    static INIT: Once = Once::new();
    let bench = Bench::alone();
    INIT.call_once(|| profiler_tracing::init().unwrap());
    bench
}

fn spin(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {}
}

#[instrument(level = "trace", target = "candle_nn::linear", skip_all)]
fn linear() {
    spin(Duration::from_micros(20));
}

#[instrument(level = "debug", skip_all, fields(layer = index, name = "ignored", is_last = index == 2))]
fn block(index: u64) {
    linear();
    linear();
}

#[test]
fn each_enter_is_a_range_of_its_kind() {
    let bench = bench();
    let trace = bench.record(bench.config(), || (0..3).for_each(block));
    let (blocks, ops) = (trace.named("block"), trace.named("linear"));
    assert_eq!((blocks.len(), ops.len()), (3, 6));
    assert!(ops.iter().zip(0..).all(|(op, at)| op.is_inside(&blocks[at / 2])));
    assert_ne!(blocks[0].category, ops[0].category, "candle's spans are ops");
    let fields: Vec<_> = blocks.iter().map(|block| (&block.args["layer"], &block.args["is_last"])).collect();
    assert_eq!(fields, [(&0.into(), &0.into()), (&1.into(), &0.into()), (&2.into(), &1.into())]);
    assert!(blocks[0].args["polls"].is_null());
}

/// candle creates its spans when a model is loaded, and enters them in each forward pass.
#[test]
fn a_span_that_is_kept_is_a_range_each_time() {
    let bench = bench();
    let kept = trace_span!(target: "candle_transformers::models::qwen2", "attn");
    let trace = bench.record(bench.config(), || {
        for _ in 0..4 {
            let _entered = kept.enter();
            linear();
        }
        thread::scope(|scope| {
            scope.spawn(|| kept.in_scope(linear));
        });
    });
    let attention = trace.named("attn");
    assert_eq!((attention.len(), trace.count("linear")), (5, 5));
    assert!(attention.iter().all(|slice| slice.args["polls"].is_null()), "ops have no lives");
}

#[test]
fn spans_may_be_left_in_any_order() {
    let bench = bench();
    let trace = bench.record(bench.config(), || {
        let (first, second) = (info_span!("first"), info_span!("second"));
        let (first, second) = (first.entered(), second.entered());
        drop(first);
        linear();
        drop(second);
    });
    assert_eq!((trace.count("first"), trace.count("second"), trace.count("linear")), (1, 1, 1));
    assert!(trace.named("linear")[0].is_inside(&trace.named("second")[0]));
}

/// Waits once, on whatever thread polls it.
async fn waits() {
    linear();
    second_poll().await;
    linear();
}

#[test]
fn an_instrumented_future_has_a_life_and_polls() {
    let bench = bench();
    let trace = bench.record(bench.config(), || {
        let mut future = pin!(waits().instrument(info_span!("future", size = 7)));
        assert!(poll(future.as_mut()).is_pending());
        thread::scope(|scope| {
            scope.spawn(|| assert!(poll(future.as_mut()).is_ready()));
        });
        finish(async {}.instrument(info_span!("ready at once")));
    });
    let (lives, polls): (Vec<_>, Vec<_>) =
        trace.named("future").into_iter().partition(|slice| !slice.args["polls"].is_null());
    let [life] = &lives[..] else { panic!("{lives:?}") };
    // `Instrumented` enters its span once more when it is dropped.
    let entered = polls.len() as u64;
    assert_eq!((life.args["polls"].as_u64(), life.args["size"].as_u64()), (Some(entered), Some(7)));
    assert!((2..=3).contains(&entered), "{polls:?}");
    let [first, .., last] = &polls[..] else { panic!("{polls:?}") };
    assert!(first.tid != polls[1].tid, "the second poll was on another thread");
    assert!(life.begin <= first.begin && life.end >= last.end, "{life:?} {polls:?}");
    let busy: f64 = polls.iter().map(|poll| poll.end - poll.begin).sum();
    let counted = life.args["busy_us"].as_f64().or(life.args["busy_ns"].as_f64().map(|ns| ns / 1000.0));
    if let Some(counted) = counted {
        assert!((busy - counted).abs() < 0.5, "{busy} {counted}");
    }
}

#[test]
fn a_request_groups_what_runs_in_it() {
    let bench = bench();
    start_profile_with(bench.config()).unwrap();
    for id in 0..3 {
        let span = debug_span!(target: "tower_http::trace::make_span", "request", method = %"POST", uri = %"/embed");
        let handler = async move {
            let _stage = info_span!("embed").entered();
            (0..=id).for_each(|_| linear());
        };
        finish(handler.instrument(span));
    }
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let timing = timing(stopped.folder().unwrap());
    let requests = &timing["requests"];
    assert_eq!(requests["count"], 3, "{requests:#}");
    let kept = requests["kept"].as_array().unwrap();
    assert!(
        kept.iter().all(|request| request["request_id"].as_str().unwrap().starts_with("POST /embed #")),
        "{kept:#?}"
    );
    assert!(stage_paths(&timing).iter().any(|path| path.ends_with("embed")), "{timing}");
}

#[test]
fn rules_choose_kinds_and_levels_for_each_session() {
    let bench = bench();
    let work = || {
        info_span!(target: "service::queue", "push")
            .in_scope(|| trace_span!(target: "service", "detail").in_scope(|| ()));
        info_span!(target: "hyper::proto", "parse").in_scope(|| ());
    };
    let usual = bench.record(bench.config(), work);
    assert_eq!(["push", "detail", "parse"].map(|name| usual.count(name)), [1, 1, 0]);
    let rules = SpanRules::default()
        .with("service=info", SpanKind::Op)
        .with("service::queue::push", SpanKind::Off)
        .with("hyper", SpanKind::Op);
    let chosen = bench.record(bench.config().tracing(rules), work);
    assert_eq!(["push", "detail", "parse"].map(|name| chosen.count(name)), [0, 0, 1]);
    let again = bench.record(bench.config(), work);
    assert_eq!(["push", "detail", "parse"].map(|name| again.count(name)), [1, 1, 0]);
}

/// The peer is a layer of the same subscriber, in a process whose global subscriber is ours, so the
/// program runs under a subscriber of its own.
#[test]
fn every_span_that_tracing_chrome_sees_is_there() {
    use tracing_subscriber::layer::SubscriberExt as _;

    let bench = bench();
    let peer = bench.path().join("peer.json");
    let (chrome, guard) = tracing_chrome::ChromeLayerBuilder::new().file(&peer).build();
    let subscriber = tracing_subscriber::registry().with(profiler_tracing::layer()).with(chrome);
    let trace = tracing::subscriber::with_default(subscriber, || {
        bench.record(bench.config(), || {
            (0..10).for_each(block);
            let kept = trace_span!(target: "candle_nn", "kept");
            (0..7).for_each(|_| kept.in_scope(linear));
            finish(waits().instrument(info_span!("future")));
        })
    });
    drop(guard);
    let events: serde_json::Value = serde_json::from_slice(&fs::read(peer).unwrap()).unwrap();
    for name in ["block", "linear", "kept", "future"] {
        let begins =
            events.as_array().unwrap().iter().filter(|event| event["ph"] == "B" && event["name"] == name).count();
        let lives = usize::from(name == "future");
        assert_eq!(trace.count(name), begins + lives, "{name}");
    }
}

#[test]
fn nothing_is_recorded_without_a_session() {
    let bench = bench();
    block(0);
    let kept = info_span!("kept");
    let entered = kept.enter();
    start_profile_with(bench.config()).unwrap();
    drop(entered);
    kept.in_scope(linear);
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    assert_eq!((trace.count("linear"), trace.losses("began_before")), (1, 0));
    assert!(manifest(stopped.folder().unwrap())["missing"].as_array().is_none_or(Vec::is_empty));
}
