//! Two processes of one job, and their traces as one: processes in order, arrows whole, and events
//! in the order in which they happened across processes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use crate::merge_support::{TURNS, run_two_ranks, work};
use profiler_runtime::merge::{Alignment, MergeOptions, merge};
use profiler_tests::in_child;
use serde_json::Value;
use tempfile::tempdir;

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    if in_child() {
        work();
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn events(trace: &Value) -> &Vec<Value> {
    trace["traceEvents"].as_array().unwrap()
}

#[test]
fn two_ranks_become_one_trace_in_order_of_time() {
    let folder = tempdir().unwrap();
    let session = run_two_ranks(folder.path());
    let output = folder.path().join("merged.json");
    let merged = merge(&[&session], &output, &MergeOptions::default()).unwrap();
    assert_eq!(merged.session, crate::merge_support::SESSION);
    assert_eq!(merged.notes, Vec::<String>::new());
    let second = &merged.ranks[1];
    assert_eq!(second.alignment, Alignment::SharedClock);
    assert!(second.uncertainty_ns.is_some_and(|ns| ns < 100_000), "{second:?}");

    let trace = read(&output);
    let sources = [0, 1].map(|rank| read(&session.join(format!("trace_rank{rank}.json"))));
    assert_eq!(events(&trace).len(), sources.iter().map(|source| events(source).len()).sum::<usize>());
    let mut turns: Vec<&Value> = events(&trace).iter().filter(|event| is_turn(event)).collect();
    turns.sort_by(|one, other| one["ts"].as_f64().unwrap().total_cmp(&other["ts"].as_f64().unwrap()));
    let found: Vec<&str> = turns.iter().map(|turn| turn["name"].as_str().unwrap()).collect();
    let expected: Vec<String> =
        (0..TURNS).flat_map(|turn| [0, 1].map(|rank| format!("turn {turn} of rank {rank} · ü"))).collect();
    assert_eq!(found, expected);
    arrows_stay_within_their_rank(&trace, &sources);
}

fn is_turn(event: &Value) -> bool {
    event["cat"] == "user_annotation" && event["name"].as_str().is_some_and(|name| name.starts_with("turn "))
}

/// Asserts that each arrow begins and ends in processes of the same rank, and joins the same call
/// and kernel as before.
fn arrows_stay_within_their_rank(trace: &Value, sources: &[Value]) {
    let ranks: HashMap<String, char> = events(trace)
        .iter()
        .filter(|event| event["name"] == "process_name")
        .map(|event| (event["pid"].to_string(), event["args"]["name"].as_str().unwrap().chars().nth(5).unwrap()))
        .collect();
    let ends = |trace: &Value, phase: &str| -> HashMap<u64, String> {
        let found = events(trace).iter().filter(|event| event["ph"] == phase);
        found.map(|event| (event["id"].as_u64().unwrap(), event["pid"].to_string())).collect()
    };
    let (starts, finishes) = (ends(trace, "s"), ends(trace, "f"));
    assert_eq!(starts.len(), sources.iter().map(|source| ends(source, "s").len()).sum::<usize>());
    assert!(starts.len() >= 2 * TURNS);
    for (id, from) in &starts {
        assert_eq!(ranks[from], ranks[&finishes[id]], "arrow {id}");
    }
    let of = |key: &str| -> Vec<u64> {
        events(trace)
            .iter()
            .filter(|event| event["cat"] == "kernel")
            .map(|event| event["args"][key].as_u64().unwrap())
            .collect()
    };
    assert_eq!(HashSet::<u64>::from_iter(of("correlation")).len(), 2 * TURNS);
    let ops: HashSet<u64> = events(trace)
        .iter()
        .filter(|event| event["cat"] == "cpu_op")
        .map(|event| event["args"]["External id"].as_u64().unwrap())
        .collect();
    assert_eq!((ops.len(), HashSet::from_iter(of("External id"))), (2 * TURNS, ops), "each kernel is joined to its op");
}
