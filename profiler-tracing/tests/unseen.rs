//! Warnings about spans that do not reach the layer. Each case is a process of its own, because a
//! process has one global subscriber.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use profiler_runtime::ProfilerConfig;
use profiler_tests::{Bench, Trace, child_of, in_child, succeeded};
use profiler_tracing::layer;
use tracing::{Dispatch, trace_span};
use tracing_core::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Identity, SubscriberExt};

/// Installs a subscriber as a program might.
fn install(how: &str) {
    let set = |subscriber: Dispatch| tracing::dispatcher::set_global_default(subscriber).unwrap();
    match how {
        "alone" => profiler_tracing::init().unwrap(),
        "level" => set(tracing_subscriber::registry().with(layer()).with(LevelFilter::INFO).into()),
        "filter" => {
            let filter = filter_fn(|metadata| metadata.name() != "hidden");
            set(tracing_subscriber::registry().with(filter).with(layer()).into());
        }
        "own filter" => {
            let others = Identity::new().with_filter(LevelFilter::INFO);
            set(tracing_subscriber::registry().with(others).with(layer()).into());
        }
        "never" => drop(layer::<tracing_subscriber::Registry>()),
        _ => unreachable!(),
    }
}

/// Returns the warnings and the names of the ranges of a session in a process with this subscriber.
fn session(how: &str) -> (Vec<String>, Vec<&'static str>) {
    let bench = Bench::of_children();
    succeeded(child_of("program").env("HOW", how).env("FOLDER", bench.path()));
    let folder = std::fs::read_dir(bench.path()).unwrap().next().unwrap().unwrap().path();
    let trace = Trace::read(&folder);
    let names = ["hidden", "shown"].into_iter().filter(|name| trace.count(name) > 0).collect();
    (
        trace.warnings().into_iter().filter(|warning| warning.starts_with("tracing: ")).map(str::to_owned).collect(),
        names,
    )
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    install(&std::env::var("HOW").unwrap());
    let work = || {
        trace_span!("hidden").in_scope(|| ());
        trace_span!("shown").in_scope(|| ());
    };
    // A filter can only be asked about spans that exist.
    work();
    let config = ProfilerConfig::torch(std::env::var_os("FOLDER").unwrap());
    profiler_runtime::start_profile_with(config).unwrap();
    work();
    profiler_runtime::stop_profile().unwrap().wait().unwrap();
}

#[test]
fn a_layer_that_sees_everything_warns_of_nothing() {
    for how in ["alone", "own filter"] {
        assert_eq!(session(how), (Vec::new(), vec!["hidden", "shown"]), "{how}");
    }
}

#[test]
fn a_global_filter_is_named_with_what_to_write() {
    let (warnings, names) = session("level");
    assert_eq!((warnings.len(), names.len()), (1, 0), "{warnings:?}");
    assert!(warnings[0].contains("more detailed than `info`") && warnings[0].contains("with_filter"), "{warnings:?}");
    let (warnings, names) = session("filter");
    assert_eq!((warnings.len(), &names[..]), (1, &["shown"][..]), "{warnings:?}");
    assert!(warnings[0].contains("`hidden`") && !warnings[0].contains("`shown`"), "{warnings:?}");
}

#[test]
fn a_layer_that_is_not_installed_is_told() {
    let (warnings, names) = session("never");
    assert_eq!((warnings.len(), names.len()), (1, 0), "{warnings:?}");
    assert!(warnings[0].contains("no subscriber is installed"), "{warnings:?}");
}
