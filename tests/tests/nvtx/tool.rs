//! Ranges as an attached NVTX tool receives them: each scenario is a process of its own, with the
//! double `nvtx_tool` attached.

#![allow(clippy::print_stderr)]

use std::pin::pin;
use std::sync::Barrier;

use crate::nvtx_support::{Log, attached};
use profiler_runtime::{
    ProfilerConfig, op, profiled_op, profiled_stage, profiled_step, stage, start_profile_with, step, stop_profile,
};
use profiler_tests::tasks::{poll, second_poll};
use profiler_tests::{Bench, Trace, in_child};
use serde_json::json;

#[profiled_op("conv3d")]
fn conv3d() {}

#[profiled_stage("vae.decode")]
fn decode() {
    conv3d();
    conv3d();
}

#[profiled_step("denoise_step")]
fn denoise_step() {
    decode();
}

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn a_loop_without_a_session() {
    if in_child() {
        denoise_step();
        denoise_step();
        let _chosen = step!("chosen_step", 40);
        drop(op!("conv3d"));
    }
}

#[test]
fn a_tool_is_shown_every_range_in_a_program_without_a_session() {
    let log = attached("a_loop_without_a_session", &[]);
    let step = |index| {
        let index = Some(index);
        [(0, "denoise_step", index), (1, "vae.decode", index), (2, "conv3d", index), (2, "conv3d", index)]
    };
    let expected: Vec<_> = [step(0), step(1)]
        .concat()
        .into_iter()
        .chain([(0, "chosen_step", Some(40)), (1, "conv3d", Some(40))])
        .collect();
    let shown: Vec<_> = log.pushes().map(|line| (line.level(), line.name(), line["payload"].as_u64())).collect();
    assert_eq!(shown, expected);
    log.is_balanced();
    assert!(log.pushes().all(|line| line["domain"] == "profiler" && line["registered"] == true));
    assert_eq!(log.count("initialize"), 1);
    assert_eq!(log.count("domain"), 1);
}

#[test]
fn a_range_has_its_kinds_category_and_its_names_color() {
    let log = attached("a_loop_without_a_session", &[]);
    let categories: Vec<_> = log.of("category").map(|line| (line["category"].as_u64(), line.name())).collect();
    let category = |name| categories.iter().find(|(_, found)| *found == name).unwrap().0;
    let again = attached("a_loop_without_a_session", &[]);
    for (name, kind) in [("denoise_step", "step"), ("vae.decode", "stage"), ("conv3d", "op")] {
        assert_eq!(log.pushed(name)["category"].as_u64(), category(kind), "{name}");
        assert_eq!(log.pushed(name)["color"], again.pushed(name)["color"], "{name}");
    }
    assert_ne!(log.pushed("conv3d")["color"], log.pushed("vae.decode")["color"]);
}

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn eight_threads_at_once() {
    if !in_child() {
        return;
    }
    let together = Barrier::new(8);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let together = &together;
            let thread = std::thread::Builder::new().name(format!("worker {number}"));
            let work = move || {
                together.wait();
                (0..100).for_each(|_| decode());
            };
            thread.spawn_scoped(scope, work).unwrap();
        }
    });
}

#[test]
fn threads_that_race_for_the_first_range_attach_once() {
    let log = attached("eight_threads_at_once", &[]);
    assert_eq!((log.count("initialize"), log.count("domain"), log.count("push")), (1, 1, 8 * 300));
    log.is_balanced();
    let mut registered: Vec<_> = log.of("register").map(|line| line.name()).collect();
    registered.sort_unstable();
    assert_eq!(registered, ["conv3d", "vae.decode"]);
    let mut threads: Vec<_> = log.of("thread").map(|line| line.name()).collect();
    threads.sort_unstable();
    assert_eq!(threads, (0..8).map(|number| format!("worker {number}")).collect::<Vec<_>>());
}

#[profiled_stage("text_encoder")]
async fn encode() {
    conv3d();
    second_poll().await;
    conv3d();
}

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn a_future_on_two_threads_and_one_that_is_dropped() {
    if !in_child() {
        return;
    }
    let mut future = pin!(encode());
    assert!(poll(future.as_mut()).is_pending());
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(poll(future.as_mut()).is_ready()));
    });
    let mut dropped = Box::pin(encode());
    assert!(poll(dropped.as_mut()).is_pending());
}

#[test]
fn a_future_is_a_life_and_a_pushed_range_for_each_poll() {
    let log = attached("a_future_on_two_threads_and_one_that_is_dropped", &[]);
    log.is_balanced();
    let shown: Vec<_> = log.lines.iter().filter(|line| line["name"] != "conv3d" && line["level"] != 1).collect();
    let shown: Vec<_> = shown.iter().filter_map(|line| line["op"].as_str()).filter(|op| op.len() < 6).collect();
    let polls = ["start", "push", "pop", "push", "pop", "end", "start", "push", "pop", "end"];
    assert_eq!(shown, polls);
    let ids: Vec<_> = log.of("start").chain(log.of("end")).map(|line| line["id"].as_u64().unwrap()).collect();
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]));
    assert!(ids[0] > u64::from(u32::MAX), "ids keep their 64 bits");
    let polled: Vec<_> = log.pushes().filter(|line| line.name() == "text_encoder").map(|line| line.thread()).collect();
    assert_ne!(polled[0], polled[1]);
    assert!(log.pushes().filter(|line| line.name() == "conv3d").all(|line| line.level() == 1));
}

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn a_session_and_what_comes_after_it() {
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    decode();
    start_profile_with(bench.config().stages(["text*"])).unwrap();
    denoise_step();
    drop(stage!("text_encoder"));
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    decode();
    let trace = Trace::read(stopped.folder().unwrap());
    assert_eq!((trace.count("text_encoder"), trace.count("vae.decode")), (1, 0));
    assert!(trace.warnings().is_empty(), "{:?}", trace.warnings());
}

#[test]
fn a_tool_sees_ranges_before_in_and_after_a_session() {
    let log = attached("a_session_and_what_comes_after_it", &[]);
    log.is_balanced();
    let shown: Vec<_> = log.pushes().map(|line| line.name()).filter(|name| *name != "conv3d").collect();
    assert_eq!(shown, ["vae.decode", "denoise_step", "vae.decode", "text_encoder", "vae.decode"]);
}

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn sessions_with_other_domains() {
    if !in_child() {
        return;
    }
    let session = |config: ProfilerConfig, name: &str| {
        let bench = Bench::alone();
        let open = stage(&format!("before {name}"));
        start_profile_with(config.perf_dump_path(bench.path().join("dump.json"))).unwrap();
        drop(stage(name));
        drop(open);
        stop_profile().unwrap().wait().unwrap();
    };
    session(ProfilerConfig::default().nvtx_domain("mine"), "one");
    session(ProfilerConfig::default().nvtx_domain(""), "two");
    session(ProfilerConfig::default().nvtx(false), "three");
    session(ProfilerConfig::default(), "four");
    drop(stage("a\0b"));
}

#[test]
fn an_open_range_ends_in_the_domain_in_which_it_began() {
    let log = attached("sessions_with_other_domains", &[]);
    log.is_balanced();
    let shown: Vec<_> = log.pushes().map(|line| (line["domain"].as_str(), line.name())).collect();
    let ours = Some("profiler");
    let expected = [
        (ours, "before one"),
        (Some("mine"), "one"),
        (Some("mine"), "before two"),
        (None, "two"),
        (None, "before three"),
        (ours, "four"),
        (ours, "a\u{fffd}b"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(log.count("domain"), 2, "`profiler` is made once");
}

#[test]
fn the_environment_can_switch_it_off_or_choose_the_domain() {
    let off = json!({"nvtx": false}).to_string();
    let log = attached("a_loop_without_a_session", &[("PROFILER_CONFIG", &off)]);
    assert_eq!(log.count("push"), 0);
    let mine = json!({"nvtx_domain": "mine"}).to_string();
    let log = attached("a_loop_without_a_session", &[("PROFILER_CONFIG", &mine)]);
    assert!(log.count("push") > 0 && log.pushes().all(|line| line["domain"] == "mine"));
    let log = attached("a_loop_without_a_session", &[("PROFILER_CONFIG", "{")]);
    assert!(log.count("push") > 0, "a configuration that cannot be read switches nothing off");
}

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn a_stage_that_panics() {
    if in_child() {
        let caught = std::panic::catch_unwind(|| {
            let _stage = stage!("vae.decode");
            let _op = op!("conv3d");
            panic!("as a user's stage might");
        });
        assert!(caught.is_err());
        drop(stage!("after"));
    }
}

#[test]
fn a_panic_ends_the_ranges_that_it_leaves() {
    let log = attached("a_stage_that_panics", &[]);
    log.is_balanced();
    assert_eq!(log.pushed("after").level(), 0);
}

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn guards_in_any_order() {
    if !in_child() {
        return;
    }
    let mut _p = stage!("a");
    let outer = stage!("outer");
    _p = step!("b", 7);
    conv3d();
    _p = stage!("c");
    drop(outer);
    drop(_p);
    {
        let mut future = pin!(held_over_a_poll());
        assert!(poll(future.as_mut()).is_pending());
        drop(op!("conv3d"));
        std::mem::forget(op!("leaked"));
    }
}

#[profiled_stage("task")]
async fn held_over_a_poll() {
    let _held = stage!("held");
    std::future::pending::<()>().await;
}

/// A1: a guard that ends before a later one ends in the tool, too, and the later one goes on to its
/// own end.
#[test]
fn a_tool_is_shown_the_end_of_each_guard_in_any_order() {
    let log = attached("guards_in_any_order", &[]);
    let mut stack = Vec::new();
    let (mut open, mut ended) = (std::collections::HashMap::new(), Vec::new());
    for line in &log.lines {
        match line["op"].as_str().unwrap() {
            "push" => stack.push(line.name()),
            "pop" => ended.push(stack.pop().unwrap()),
            "start" => drop(open.insert(line["id"].as_u64(), (line.name(), line["payload"].as_u64()))),
            "end" => {
                let (name, payload) = open.remove(&line["id"].as_u64()).unwrap();
                assert_eq!(payload, (name == "b").then_some(7));
                ended.push(name);
            }
            _ => {}
        }
    }
    // `outer` and `b` leave the stack with `a`; each ends with its guard.
    let sync = ["b", "outer", "a", "conv3d", "b", "outer", "c"];
    assert_eq!(ended[..sync.len()], sync);
    // `held` leaves the stack with the poll, and only the leaked range is left.
    assert_eq!(ended[sync.len()..], ["held", "task", "conv3d", "held", "task"]);
    assert_eq!((stack, open.len()), (vec!["leaked"], 0));
}

#[test]
fn a_tool_that_takes_no_calls_costs_nothing_but_itself() {
    let log: Log = attached("a_loop_without_a_session", &[("NVTX_TOOL", "deaf")]);
    assert_eq!((log.count("initialize"), log.lines.len()), (1, 1));
}
