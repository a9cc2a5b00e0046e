//! GPU work in the trace, joined to the ranges that launched it, from a CUPTI of any version. Each
//! scenario is a process of its own, on a machine made of doubles.

#![allow(clippy::print_stdout)]

use crate::cupti_support::run;
use profiler_runtime::config::CudaApiNames;
use profiler_runtime::{ProfilerConfig, next_step, op, stage, start_profile_with, step, stop_profile};
use profiler_tests::gpu::{Device, calls, machine, make_context, perf, session};
use profiler_tests::{Trace, in_child, manifest, succeeded, timing};
use serde_json::Value;
use tempfile::tempdir;

/// Runs two stages, a thread without ranges, a graph, and one of everything else that has a record.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn pipeline() {
    if !in_child() {
        return;
    }
    make_context();
    let config =
        ProfilerConfig::torch(perf()).torch_profiler_with_memory(true).cuda_sync_events(true).delay_iterations(1);
    start_profile_with(config).unwrap();
    let device = Device::open();
    device.kernel(c"before_the_window", 7, 1000);
    next_step();
    for index in 0..2 {
        let _step = step!("denoise_step", index);
        let _stage = stage!("transformer");
        device.fill(7, 4096, 2_000);
        {
            let _op = op!("attention");
            device.kernel(c"_Z6vecAddPfS_S_i", 7, 20_000);
            device.runtime_kernel(c"softmax", 13, 30_000);
        }
        device.graph(c"graph_node".as_ptr(), 7, 4);
    }
    {
        let _stage = stage!("vae.decode");
        device.copy(7, 1 << 20, 10_000);
        device.peer_copy(9, 1 << 10, 1_000);
        device.memory(1, 0x1000, 512);
        device.memory(2, 0x1000, 512);
        device.record_event(7, 1);
        device.wait_for_event(9, 1);
        device.wait(7);
        device.unfinished(c"never_ends".as_ptr(), 7);
    }
    std::thread::scope(|scope| drop(scope.spawn(|| device.kernel(c"of_nobody", 21, 5_000))));
    stop_profile().unwrap().wait().unwrap();
    device.kernel(c"after_the_window", 7, 1000);
}

/// Runs guards that replace each other, each with kernels of its own.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn guards_in_any_order() {
    if !in_child() {
        return;
    }
    make_context();
    start_profile_with(ProfilerConfig::torch(perf())).unwrap();
    let device = Device::open();
    let mut _p = stage!("a");
    device.kernel(c"in_a", 7, 1_000);
    let outer = stage!("outer");
    _p = stage!("b");
    device.kernel(c"in_b", 7, 1_000);
    drop(outer);
    device.kernel(c"in_b_too", 7, 1_000);
    {
        let _op = op!("attention");
        device.kernel(c"in_attention", 7, 1_000);
    }
    _p = stage!("c");
    device.kernel(c"in_c", 7, 1_000);
    drop(_p);
    device.kernel(c"in_nothing", 7, 1_000);
    stop_profile().unwrap().wait().unwrap();
}

/// A1: a kernel belongs to the range that is innermost when it is launched, whatever ended before.
#[test]
fn kernels_belong_to_the_innermost_of_guards_in_any_order() {
    let folder = tempdir().unwrap();
    succeeded(&mut machine("guards_in_any_order", folder.path()));
    let session = session(folder.path());
    let (trace, timing) = (Trace::read(&session), timing(&session));
    let id = |name: &str| trace.named(name)[0].args["External id"].as_u64();
    for (kernel, range) in
        [("in_a", "a"), ("in_b", "b"), ("in_b_too", "b"), ("in_attention", "attention"), ("in_c", "c")]
    {
        assert_eq!(id(kernel), id(range), "{kernel}");
    }
    assert!(!["a", "outer", "b", "c"].iter().any(|name| id("in_nothing") == id(name)));
    let of = |name: &str| {
        let stages = timing["stages"].as_array().unwrap();
        stages.iter().find(|stage| stage["name"] == name).unwrap()["gpu_ops"].as_u64()
    };
    assert_eq!(["a", "outer", "b", "c"].map(of), [Some(1), Some(0), Some(3), Some(1)]);
}

#[test]
fn every_version_of_cupti_is_read_alike() {
    for version in ["11.7", "11.8", "12.0", "12.3", "12.4", "12.6", "12.9", "13.0", "13.1", "13.3", "13.4", "13.5"] {
        let ran = run(&[("CUPTI_DOUBLE_VERSION", version)]);
        let kernels = ran.of("kernel");
        let count = |name: &str| kernels.iter().filter(|found| **found == name).count();
        assert_eq!(
            ["vecAdd(float*, float*, float*, int)", "softmax", "graph_node", "of_nobody"].map(count),
            [2, 2, 8, 1],
            "{version}"
        );
        assert_eq!(kernels.len(), 13, "{version}: {kernels:?}");
        assert_eq!(ran.of("gpu_memset"), ["Memset (Device)"; 2], "{version}");
        assert_eq!(
            ran.of("gpu_memcpy"),
            ["Memcpy HtoD (Pageable -> Device)", "Memcpy PtoP (Device -> Device)"],
            "{version}"
        );
        assert_eq!(ran.of("cuda_sync"), ["Stream Wait Event", "Stream Sync"], "{version}");
        assert_eq!(ran.of("overhead"), ["Buffer Flush"], "{version}");
        let gpu = &ran.timing["gpu"];
        assert_eq!((gpu["source"].as_str(), gpu["gpu_ops"].as_u64()), (Some("cupti"), Some(17)), "{version}");
        assert_eq!(gpu["losses"]["untimed"], 1, "{version}: the kernel that never ended");
        assert_eq!((gpu["losses"]["dropped"].as_u64(), gpu["losses"]["unreadable"].as_u64()), (Some(0), Some(0)));
        let priority = &ran.events(|event| event["name"] == "softmax")[0]["args"]["priority"];
        assert_eq!(priority.as_i64(), ["13.1", "13.3", "13.4", "13.5"].contains(&version).then_some(-1), "{version}");
    }
}

#[test]
fn stages_have_the_gpu_time_of_what_they_launched() {
    let ran = run(&[]);
    // Stream 7: 2 fills of 2 µs, 2 kernels of 20 µs, 2 graphs of 4.5 µs; stream 13 beside them: 2
    // of 30 µs.
    let transformer = ran.stage("transformer");
    assert_eq!(transformer["gpu_ops"], 2 * (1 + 2 + 4));
    let busy = transformer["gpu_busy_ns"].as_f64().unwrap() / 1e6;
    assert!((0.060..0.113).contains(&busy), "{busy}: overlapping streams count once");
    assert_eq!(ran.stage("denoise_step")["gpu_ops"], transformer["gpu_ops"], "what a stage launched, its step did");
    assert_eq!(ran.stage("vae.decode")["gpu_ops"], 2);
    let nobodys = &ran.timing["gpu"]["unattributed"];
    let busy = nobodys["gpu_busy_ns"].as_f64().unwrap() / 1e6;
    // The rate between the clocks is only as exact as their readings at both ends of this short
    // session.
    assert!(nobodys["gpu_ops"] == 1 && (busy - 0.005).abs() < 5e-5, "{nobodys}");
    let spans = ran.of("gpu_user_annotation");
    assert!(spans.contains(&"transformer") && spans.contains(&"vae.decode"));
    assert!(!spans.iter().any(|name| name.starts_with("ProfilerStep#")), "{spans:?}");
}

/// A12: the estimate includes the cost of the links to GPU work, and names CUPTI's own work as not
/// included.
#[test]
fn the_estimate_has_links_and_names_cuptis_own_work() {
    let overhead = &run(&[]).timing["overhead"];
    assert_eq!(overhead["gpu_links"], overhead["ranges"]);
    assert!(overhead["ns_per_gpu_link"].as_u64().unwrap() > 0, "{overhead}");
    let expected = ["CUPTI's own work for each call of CUDA's and each kernel"];
    assert_eq!(overhead["not_included"], serde_json::json!(expected));
}

#[test]
fn kernels_are_linked_to_their_op_and_their_call() {
    let ran = run(&[]);
    let attention = ran.trace.named("attention")[0].args["External id"].clone();
    let softmax = ran.events(|event| event["name"] == "softmax")[0];
    assert_eq!(softmax["args"]["External id"], attention);
    let call = ran.events(|event| {
        event["cat"] == "cuda_runtime" && event["args"]["correlation"] == softmax["args"]["correlation"]
    })[0];
    assert_eq!((&call["name"], &call["args"]["External id"]), (&Value::from("cudaLaunchKernel"), &attention));
    let inner = ran.events(|event| event["name"] == "cuLaunchKernel" && event["args"].get("correlation").is_none());
    assert_eq!(inner.len(), 2, "the driver's call inside the runtime's is no second launch");
    let device = (&softmax["pid"], &softmax["tid"], &softmax["args"]["stream"], &softmax["args"]["device"]);
    assert_eq!(device, (&Value::from(0), &Value::from(13), &Value::from(13), &Value::from(0)));
    assert_eq!(softmax["args"]["grid"], serde_json::json!([200, 2, 1]));
    let arrows = |phase: &str| {
        let ends = ran.events(|event| event["ph"] == phase && event["cat"] == "ac2g");
        ends.iter().map(|event| (event["id"].as_u64(), event["ts"].as_f64())).collect::<Vec<_>>()
    };
    let (starts, ends) = (arrows("s"), arrows("f"));
    assert_eq!(starts.len(), 2 * (1 + 1 + 1 + 1) + 2 + 1, "fills, kernels, graphs, copies, nobody's");
    assert!(starts.iter().zip(&ends).all(|(start, end)| start.0 == end.0 && start.1 <= end.1));
    let names = ran.of("cuda_driver");
    assert!(!names.iter().any(|name| name.contains("304")), "noise: {names:?}");
    let memory = ran.events(|event| event["name"] == "[memory]");
    let bytes: Vec<_> = memory.iter().map(|event| event["args"]["Bytes"].as_i64().unwrap()).collect();
    assert_eq!(bytes, [512, -512]);
}

#[test]
fn kernels_of_a_graph_that_overlap_are_on_rows_of_their_own() {
    let ran = run(&[]);
    let nodes = ran.trace.named("graph_node");
    let rows: Vec<u64> = nodes.iter().map(|node| node.tid).collect();
    assert!(rows.contains(&7) && rows.iter().any(|row| *row != 7), "{rows:?}");
    for (at, one) in nodes.iter().enumerate() {
        for other in &nodes[at + 1..] {
            assert!(one.tid != other.tid || one.end <= other.begin, "{one:?} overlaps {other:?}");
        }
    }
    assert!(ran.trace.count("before_the_window") + ran.trace.count("after_the_window") == 0);
}

#[test]
fn buffers_may_come_back_in_any_order() {
    let ran = run(&[("CUPTI_DOUBLE_ORDER", "reversed")]);
    assert_eq!(ran.timing["gpu"]["gpu_ops"], 17);
    assert_eq!(ran.stage("transformer")["gpu_ops"], 14);
}

#[test]
fn what_cupti_refuses_is_a_reason_in_the_manifest() {
    for (fails, code, says) in [
        ("cuptiSubscribe=39", "occupied", "CUPTI serves another tool"),
        ("cuptiActivityEnable=35", "not_permitted", "NVreg_RestrictProfilingToAdminUsers=0"),
        ("cuptiActivityEnable=27", "unsupported", "CUPTI cannot trace this GPU (error 27)"),
        ("cuptiActivityRegisterCallbacks=999", "cupti_failed", "`cuptiActivityRegisterCallbacks` failed"),
    ] {
        let ran = run(&[("CUPTI_DOUBLE_FAIL", fails)]);
        let gpu = &ran.manifest["gpu"];
        assert_eq!((&gpu["source"], &gpu["reason_code"]), (&Value::from("none"), &Value::from(code)), "{fails}");
        let warnings = ran.manifest["warnings"].as_array().unwrap();
        assert!(warnings.len() == 1 && warnings[0].as_str().unwrap().contains(says), "{fails}: {warnings:?}");
        assert_eq!(ran.stage("transformer").get("gpu_busy_ns"), None, "absent, not 0");
        assert!(ran.of("kernel").is_empty() && ran.trace.count("transformer") == 2);
        let log = calls(&ran.place, "cupti.log");
        let left = |what: &str| log.iter().filter(|line| line.starts_with(what)).count();
        assert!(left("cuptiActivityDisable") + 1 >= left("cuptiActivityEnable"), "switched off again: {log:?}");
        assert_eq!(left("cuptiUnsubscribe"), usize::from(fails != "cuptiSubscribe=39"), "{log:?}");
    }
}

#[test]
fn beside_another_tool_cupti_is_not_touched() {
    let ran = run(&[("NSYS_PROFILING_SESSION_ID", "7")]);
    assert_eq!(ran.manifest["gpu"]["reason_code"], "tool_attached");
    assert_eq!(calls(&ran.place, "cupti.log"), Vec::<String>::new());
}

#[test]
fn a_missing_or_ancient_cupti_is_a_reason_with_its_remedy() {
    let ran = run(&[("CUPTI_DOUBLE_VERSION", "11.6")]);
    assert_eq!(ran.manifest["gpu"]["reason_code"], "cupti_too_old");
    assert!(ran.manifest["gpu"]["reason"].as_str().unwrap().contains("has API 16, older than CUDA 11.7's (API 17)"));
    let folder = tempdir().unwrap();
    let mut command = machine("without_cupti", folder.path());
    succeeded(command.env("PROFILER_CUPTI_LIB", folder.path().join("nothing")));
    let gpu = manifest(&session(folder.path()))["gpu"].clone();
    assert_eq!(gpu["reason_code"], "cupti_unusable");
    let reason = gpu["reason"].as_str().unwrap();
    assert!(reason.contains("nothing: cannot open shared object file") && reason.contains("unset it"), "{gpu}");
}

#[test]
#[ignore = "run by the test above, as a process of its own"]
fn without_cupti() {
    if in_child() {
        start_profile_with(ProfilerConfig::torch(perf())).unwrap();
        drop(stage!("work"));
        stop_profile().unwrap().wait().unwrap();
    }
}

/// Records an event and waits for it, on two streams, and waits for an event from before the
/// session.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn waits() {
    if !in_child() {
        return;
    }
    make_context();
    let device = Device::open();
    device.record_event(5, 2);
    start_profile_with(ProfilerConfig::torch(perf()).cuda_sync_events(true)).unwrap();
    {
        let _stage = stage!("overlap");
        device.kernel(c"kernel", 7, 1_000);
        device.record_event(7, 1);
        device.wait_for_event(20, 1);
        device.record_event(9, 1);
        device.wait_for_event(u32::MAX, 1);
        device.wait_for_event(20, 2);
    }
    stop_profile().unwrap().wait().unwrap();
}

#[test]
fn a_wait_says_which_record_of_which_stream_it_waited_for() {
    for version in ["11.7", "12.9", "13.5"] {
        let folder = tempdir().unwrap();
        succeeded(machine("waits", folder.path()).env("CUPTI_DOUBLE_VERSION", version));
        let trace = Trace::read(&session(folder.path()));
        let events = trace.json["traceEvents"].as_array().unwrap();
        let args = |wanted: &dyn Fn(&Value) -> bool| -> Vec<&Value> {
            events.iter().filter(|event| wanted(event)).map(|event| &event["args"]).collect()
        };
        let mut records = args(&|event| event["name"] == "cuEventRecord");
        records.sort_by_key(|args| args["correlation"].as_u64());
        let mut waits = args(&|event| event["cat"] == "cuda_sync");
        waits.sort_by_key(|args| args["correlation"].as_u64());
        let kinds: Vec<_> = waits.iter().map(|args| args["cuda_sync_kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["Stream Wait Event", "Event Sync", "Stream Wait Event"], "{version}");
        let stage = &trace.named("overlap")[0].args["External id"];
        for ((wait, record), stream) in waits.iter().zip(&records).zip([7, 9]) {
            assert_eq!(wait["wait_on_stream"], stream, "{version}");
            assert_eq!(wait["wait_on_cuda_event_record_corr_id"], record["correlation"], "{version}");
            assert_eq!((&wait["wait_on_cuda_event_id"], &wait["External id"]), (&Value::from(1), stage), "{version}");
        }
        let before = waits[2];
        assert_eq!(before["wait_on_cuda_event_id"], 2);
        assert!(before.get("wait_on_stream").is_none(), "recorded before the session: {before}");
    }
}

/// Launches through the driver API and through the runtime API, which calls the driver inside.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn launches() {
    if !in_child() {
        return;
    }
    make_context();
    let names =
        if std::env::var_os("TENSORBOARD").is_some() { CudaApiNames::Tensorboard } else { CudaApiNames::Runtime };
    start_profile_with(ProfilerConfig::torch(perf()).cuda_api_names(names)).unwrap();
    {
        let (_op, device) = (op!("attention"), Device::open());
        device.kernel(c"softmax", 7, 1_000);
        device.copy(7, 4096, 1_000);
        device.fill(7, 4096, 1_000);
        device.runtime_kernel(c"norm", 7, 1_000);
    }
    stop_profile().unwrap().wait().unwrap();
}

/// E5: launches through the driver API have the names that consumers look for, with the called
/// function as an argument.
#[test]
fn driver_calls_have_the_runtimes_names_if_asked() {
    for (names, category) in [("RUNTIME", "cuda_runtime"), ("TENSORBOARD", "Runtime")] {
        let folder = tempdir().unwrap();
        succeeded(machine("launches", folder.path()).env(names, "1"));
        let trace = Trace::read(&session(folder.path()));
        let of_name = |name: &str| {
            let calls = trace.named(name).into_iter().map(|call| (call.category.clone(), call.args["called"].clone()));
            calls.collect::<Vec<_>>()
        };
        let called = |name: &str| (category.to_owned(), Value::from(name));
        assert_eq!(of_name("cudaMemcpyAsync"), [called("cuMemcpyHtoDAsync_v2")]);
        assert_eq!(of_name("cudaMemsetAsync"), [called("cuMemsetD8Async")]);
        assert_eq!(of_name("cudaLaunchKernel"), [called("cuLaunchKernel"), (category.to_owned(), Value::Null)]);
        assert_eq!(of_name("cuLaunchKernel"), [("cuda_driver".to_owned(), Value::Null)], "inside the runtime's");
    }
}
