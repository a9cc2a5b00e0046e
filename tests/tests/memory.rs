//! Memory of a program that uses the profiler's allocator: totals, peaks, stages, and the files
//! that show them.
//!
//! A separate binary, because its sessions also count the allocations of tests that run beside
//! them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use profiler_runtime::memory::{Device, ProfilingAllocator, record_alloc, record_free};
use profiler_runtime::{ProfilerConfig, op, stage, start_profile_with, stop_profile};
use profiler_tests::{Bench, Trace, child_of, in_child, stage_paths, succeeded, timing, unpickle};
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new();

const MIB: usize = 1 << 20;

fn with_memory(bench: &Bench) -> ProfilerConfig {
    bench.config().torch_profiler_with_memory(true)
}

/// Returns the `[memory]` events of one device in the file's order: `(bytes, total, address)`.
fn events(trace: &Trace, device: i64) -> Vec<(i64, i64, u64)> {
    let all = trace.json["traceEvents"].as_array().unwrap().iter().filter(|event| event["name"] == "[memory]");
    all.filter(|event| event["args"]["Device Id"] == device)
        .map(|event| {
            let number = |key: &str| event["args"][key].as_i64().unwrap();
            (number("Bytes"), number("Total Allocated"), event["args"]["Addr"].as_u64().unwrap())
        })
        .collect()
}

fn assert_totals_have_no_gap(events: &[(i64, i64, u64)]) {
    for pair in events.windows(2) {
        assert_eq!(pair[0].1 + pair[1].0, pair[1].1);
    }
    assert!(events.iter().all(|(_, total, _)| *total >= 0));
}

fn device_of(report: &Value, name: &str) -> Value {
    let devices = report["memory"]["devices"].as_array().unwrap();
    let found = devices.iter().find(|device| device["device"] == name);
    let mut device = found.unwrap_or_else(|| panic!("{name} in {devices:?}")).clone();
    let paths = stage_paths(report);
    for stage in device["stages"].as_array_mut().unwrap() {
        stage["path"] = paths[stage["stage"].as_u64().unwrap() as usize].as_str().into();
    }
    device
}

fn stage_of(device: &Value, path: &str) -> Value {
    let stages = device["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["path"] == path).unwrap().clone()
}

#[test]
fn a_block_from_before_the_session_counts_and_is_released() {
    let bench = Bench::alone();
    let before = black_box(vec![1_u8; 64 * MIB]);
    let address = before.as_ptr().addr() as u64;
    let trace = bench.record(with_memory(&bench), || drop(black_box(before)));
    let events = events(&trace, -1);
    assert_totals_have_no_gap(&events);
    let (bytes, total, _) = events.iter().find(|(.., at)| *at == address).unwrap();
    let largest = 64 * MIB as i64;
    assert_eq!(*bytes, -largest);
    assert!(*total >= 0 && *total < largest, "what is left is everything else: {total}");
    assert!(events[0].1 - events[0].0 >= largest, "the total began with it");
}

#[test]
fn the_totals_are_exact_over_threads_that_come_and_go() {
    let bench = Bench::alone();
    let folder = {
        start_profile_with(with_memory(&bench)).unwrap();
        let (send, receive) = mpsc::channel::<Vec<u8>>();
        let threads: Vec<_> = (0..24)
            .map(|number| {
                let send = send.clone();
                thread::Builder::new()
                    .name(format!("worker {number}"))
                    .spawn(move || {
                        thread_local!(static KEPT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
                        KEPT.with_borrow_mut(|kept| kept.resize(1000 + number, 0));
                        // Runs a range on every other thread.
                        let _range = (number % 2 == 0).then(|| stage("worker"));
                        for bytes in 1..200 {
                            send.send(vec![0; bytes]).unwrap();
                        }
                    })
                    .unwrap()
            })
            .collect();
        drop(send);
        // Frees on another thread than the one that allocated.
        assert_eq!(receive.into_iter().count(), 24 * 199);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let stopped = stop_profile().unwrap();
        stopped.wait().unwrap();
        stopped.folder().unwrap().to_owned()
    };
    let trace = Trace::read(&folder);
    let events = events(&trace, -1);
    assert_totals_have_no_gap(&events);
    assert!(events.len() > 24 * 199 * 2, "{} events", events.len());
    let mut live = HashMap::new();
    for (bytes, _, address) in &events {
        if *bytes > 0 {
            assert_eq!(live.insert(address, *bytes), None, "an address is given away once");
        } else if let Some(allocated) = live.remove(address) {
            assert_eq!(allocated, -bytes);
        }
    }
    for number in 0..24 {
        let kept = 1000 + number;
        assert!(!live.values().any(|bytes| *bytes == kept), "the thread-local of thread {number} was freed");
    }
    let device = device_of(&timing(&folder), "cpu");
    let end = events.last().unwrap().1;
    assert_eq!(device["end_bytes"].as_i64().unwrap(), end);
    let unexplained = device["unexplained_bytes"].as_i64().unwrap();
    assert!(unexplained.abs() < 64 << 10, "{unexplained} bytes are not explained");
}

#[test]
fn a_stage_has_its_bytes_its_peak_and_its_growth() {
    succeeded(&mut child_of("bytes_of_a_stage"));
}

/// Runs in a process in which no other test allocates.
#[test]
#[ignore = "run by the test above, as a process of its own"]
fn bytes_of_a_stage() {
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    start_profile_with(with_memory(&bench)).unwrap();
    let kept = {
        let _outer = stage("outer");
        let kept = {
            let _load = stage("load");
            black_box(vec![1_u8; 8 * MIB])
        };
        let _compute = stage("compute");
        let _op = op("matmul");
        drop(black_box(vec![1_u8; 32 * MIB]));
        kept
    };
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    drop(kept);
    let device = device_of(&timing(stopped.folder().unwrap()), "cpu");
    let bytes = |path: &str, key: &str| stage_of(&device, path)[key].as_u64().unwrap() as usize;
    // A thread of the profiler that begins or ends meanwhile frees a few bytes.
    let near = |found: usize, wanted: usize| {
        assert!(found.abs_diff(wanted) < 64 << 10, "{found} bytes, {wanted} wanted: {device:#}");
    };
    near(bytes("outer/load", "peak_growth_bytes"), 8 * MIB);
    near(bytes("outer/compute", "peak_growth_bytes"), 32 * MIB);
    near(bytes("outer", "peak_growth_bytes"), 40 * MIB);
    // The stage includes those inside it.
    near(bytes("outer", "allocated_bytes"), 40 * MIB);
    near(bytes("outer", "allocated_bytes") - bytes("outer", "freed_bytes"), 8 * MIB);
    assert!(bytes("outer/compute", "peak_bytes") >= 40 * MIB - (64 << 10), "of the whole process");
    assert_eq!(device["peak_bytes"].as_u64().unwrap() as usize, bytes("outer", "peak_bytes"));
    let summary = fs::read_to_string(stopped.folder().unwrap().join("summary_rank0.md")).unwrap();
    assert!(summary.contains("## Memory") && summary.contains("| outer "), "{summary}");
}

#[test]
fn growing_in_place_or_by_a_move_is_a_release_and_an_allocation() {
    let bench = Bench::alone();
    let mut growing: Vec<u8> = Vec::with_capacity(MIB);
    let trace = bench.record(with_memory(&bench), || {
        growing.reserve_exact(3 * MIB);
        black_box(&growing);
    });
    let changes = events(&trace, -1).into_iter().map(|(bytes, ..)| bytes);
    // Other threads may allocate meanwhile, but nothing of this size.
    let changes: Vec<i64> = changes.filter(|bytes| bytes.unsigned_abs() >= MIB as u64).collect();
    let at = changes.iter().position(|bytes| *bytes == -(MIB as i64)).expect("the old block is freed");
    assert_eq!(changes[at + 1], 3 * MIB as i64);
}

#[test]
fn an_allocation_that_fails_is_an_event_and_changes_no_total() {
    let bench = Bench::alone();
    let layout = Layout::from_size_align(1 << 50, 1).unwrap();
    start_profile_with(with_memory(&bench)).unwrap();
    // SAFETY: the size is not 0. The block is freed if it was allocated after all.
    unsafe {
        let block = black_box(alloc(layout));
        if !block.is_null() {
            dealloc(block, layout);
        }
    }
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    let failed: Vec<&Value> =
        trace.json["traceEvents"].as_array().unwrap().iter().filter(|event| event["name"] == "[OutOfMemory]").collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["args"]["Bytes"].as_u64().unwrap() as usize, layout.size());
    assert_totals_have_no_gap(&events(&trace, -1));
    let snapshot = snapshot_of(stopped.folder().unwrap());
    let oom = snapshot["device_traces"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["action"] == "oom")
        .unwrap();
    assert_eq!(oom["size"], layout.size());
}

#[test]
fn a_frameworks_device_memory_has_totals_of_its_own() {
    let bench = Bench::alone();
    record_alloc(Device::Cuda(1), 0x7000_0000, 500);
    start_profile_with(with_memory(&bench)).unwrap();
    {
        let _load = stage("load");
        record_alloc(Device::Cuda(1), 0x7100_0000, 3000);
        record_free(Device::Cuda(1), 0x7000_0000, 500);
    }
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    record_free(Device::Cuda(1), 0x7100_0000, 3000);
    let folder = stopped.folder().unwrap();
    let changes: Vec<_> = events(&Trace::read(folder), 1).into_iter().map(|(bytes, total, _)| (bytes, total)).collect();
    assert_eq!(changes, [(3000, 3500), (-500, 3000)]);
    let device = device_of(&timing(folder), "cuda:1");
    assert_eq!((&device["begin_bytes"], &device["peak_bytes"]), (&500.into(), &3500.into()));
    assert_eq!(stage_of(&device, "load")["peak_growth_bytes"], 3000);
    let snapshot = snapshot_of(folder);
    let lengths = array(&snapshot, "device_traces").iter().map(|events| events.as_array().unwrap().len());
    assert_eq!(lengths.take(2).collect::<Vec<_>>(), [0, 3], "the lists are by device");
    let on_device = array(&snapshot, "segments").iter().filter(|segment| segment["device"] == 1);
    assert_eq!(on_device.map(|segment| &segment["active_size"]).collect::<Vec<_>>(), [0, 3000]);
}

#[test]
fn the_snapshots_blocks_add_up_and_name_the_ranges_around_them() {
    let bench = Bench::alone();
    start_profile_with(with_memory(&bench)).unwrap();
    let kept = {
        let _outer = stage("outer");
        let _inner = op("inner");
        black_box(vec![7_u8; 5 * MIB])
    };
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let snapshot = snapshot_of(stopped.folder().unwrap());
    let mut found = false;
    let number = |value: &Value| value.as_u64().unwrap();
    for segment in array(&snapshot, "segments") {
        let mut at = number(&segment["address"]);
        for block in array(segment, "blocks") {
            assert_eq!(number(&block["address"]), at);
            at += number(&block["size"]);
            if block["size"] == 5 * MIB && block["state"] == "active_allocated" {
                let names: Vec<&Value> = array(block, "frames").iter().map(|frame| &frame["name"]).collect();
                assert_eq!(names, ["inner", "outer"]);
                found = true;
            }
        }
        assert_eq!(at, number(&segment["address"]) + number(&segment["total_size"]));
    }
    assert!(found, "the block that is still allocated");
    drop(kept);
}

#[test]
fn allocations_without_room_are_counted_and_cost_no_range() {
    let bench = Bench::alone();
    let config = with_memory(&bench).max_buffer_mb(2);
    let trace = bench.record(config, || {
        drop(stage("first"));
        for _ in 0..200_000 {
            black_box(Box::new(0_u64));
        }
        for _ in 0..1000 {
            drop(stage("last"));
        }
    });
    assert!(trace.losses("memory_events") > 100_000, "{}", trace.losses("memory_events"));
    assert_eq!((trace.losses("missing"), trace.count("last")), (0, 1000));
    assert_totals_have_no_gap(&events(&trace, -1));
}

/// A12: the estimated cost of recording includes everything that was recorded.
#[test]
fn the_estimate_has_allocations_shapes_and_stacks() {
    let bench = Bench::alone();
    let config = with_memory(&bench).torch_profiler_record_shapes(true).torch_profiler_with_flops(true);
    start_profile_with(config.torch_profiler_with_stack(true)).unwrap();
    for _ in 0..5_000 {
        drop(black_box(vec![0_u8; 64]));
    }
    for _ in 0..10 {
        drop(profiler_runtime::op!("linear", shapes([1.0_f32; 8], 2_u32), flops = 16));
    }
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let folder = stopped.folder().unwrap();
    let overhead = timing(folder)["overhead"].clone();
    let number = |key: &str| overhead[key].as_u64().unwrap();
    let events = events(&Trace::read(folder), -1).len() as u64;
    assert!(number("allocations") == events && events >= 10_000, "{overhead}, {events} events");
    assert_eq!((number("ranges"), number("descriptions"), number("stacks")), (10, 10 * 3, 10));
    let parts = [
        ("ranges", "ns_per_range"),
        ("allocations", "ns_per_allocation"),
        ("descriptions", "ns_per_description"),
        ("stacks", "ns_per_stack"),
        ("gpu_links", "ns_per_gpu_link"),
    ];
    let sum: u64 = parts.iter().map(|(count, ns)| number(count) * number(ns)).sum();
    let rounded: u64 = parts.iter().map(|(count, _)| number(count)).sum();
    assert!(number("estimated_ns").abs_diff(sum) <= rounded, "{overhead}");
    assert!(number("ns_per_allocation") > 0 && number("ns_per_stack") > number("ns_per_range"), "{overhead}");
    assert_eq!(overhead["not_included"], serde_json::json!([]));
    let summary = fs::read_to_string(folder.join("summary_rank0.md")).unwrap();
    for part in [format!("each of {events} allocations"), "each of 10 call stacks".into(), "each of 30 shapes".into()] {
        assert!(summary.contains(&part), "{part}: {summary}");
    }
}

#[test]
fn the_chart_shows_the_stages_and_stays_small() {
    let bench = Bench::alone();
    start_profile_with(with_memory(&bench)).unwrap();
    for _ in 0..3 {
        let _load = stage("load <&>");
        for _ in 0..50_000 {
            black_box(vec![0_u8; 4096]);
        }
    }
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let svg = fs::read_to_string(stopped.folder().unwrap().join("memory_rank0.svg")).unwrap();
    assert!(svg.contains("load &lt;&amp;&gt;: peak "), "the legend");
    assert!(svg.contains("Memory of the host"), "the title");
    assert!(svg.len() < 1 << 20, "{} bytes", svg.len());
}

fn snapshot_of(folder: &Path) -> Value {
    unpickle(&fs::read(folder.join("memory_snapshot_rank0.pickle")).unwrap())
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap()
}
