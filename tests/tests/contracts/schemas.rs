//! The JSON reports of real sessions, checked against the published schemas.

use crate::schema_support::{problems, undescribed};
use profiler_runtime::memory::record_alloc;
use profiler_runtime::{
    ProfilerConfig, op, profiled_stage, request, request_scope, stage, start_profile_with, step, stop_profile,
};
use profiler_tests::{Bench, manifest, timing};
use serde_json::{Value, json};

#[profiled_stage("fetch")]
async fn fetch() {
    tokio::task::yield_now().await;
    drop(op!("parse"));
}

/// Records something of everything that a report can hold.
fn pipeline() {
    for index in 0..3_u64 {
        let _request = request(&format!("request-{index}"));
        let _outer = stage!("outer");
        let _step = step!("step", index);
        record_alloc(profiler_runtime::memory::Device::Cuda(0), 0x7000 + index, 4096);
        std::hint::black_box(vec![0_u8; 1 << 16]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        request_scope("async", fetch()).await;
        let never = request_scope("dropped", std::future::pending::<()>());
        tokio::select! { biased; () = never => {}, () = fetch() => {} }
    });
    std::mem::forget(stage!("open"));
}

/// Records a session, checks its reports against the schemas, and returns them.
fn checked(config: ProfilerConfig, work: impl FnOnce()) -> (Value, Value) {
    start_profile_with(config).unwrap();
    work();
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let folder = stopped.folder().unwrap();
    let (timing, manifest) = (timing(folder), manifest(folder));
    assert_eq!(problems("timing", &timing), Vec::<String>::new(), "{timing:#}");
    assert_eq!(problems("manifest", &manifest), Vec::<String>::new(), "{manifest:#}");
    assert_eq!(undescribed("timing", &timing), Vec::<String>::new());
    assert_eq!(undescribed("manifest", &manifest), Vec::<String>::new());
    (timing, manifest)
}

#[test]
fn reports_of_sessions_are_as_their_schemas_say() {
    let bench = Bench::alone();
    let everything =
        bench.config().torch_profiler_with_memory(true).pipeline_profiler(true).pipeline_targets(["outer"]);
    let (timing, _) = std::thread::spawn(|| checked(everything, pipeline)).join().unwrap();
    assert_eq!((&timing["requests"]["count"], &timing["requests"]["cancelled"]), (&json!(5), &json!(1)));
    checked(bench.config(), || ());
    checked(bench.config().stages(["outer"]), || drop(stage!("outer")));
    checked(bench.config().ring(true).max_buffer_mb(1), || (0..100_000).for_each(|_| drop(stage!("much"))));
}

/// A schema refuses a report with a wrong value or a missing field, and accepts a new field.
#[test]
fn a_schema_refuses_what_is_not_a_report() {
    let bench = Bench::alone();
    let (timing, manifest) = checked(bench.config(), || drop(stage!("one")));
    let refused = |name: &str, report: &Value, change: &dyn Fn(&mut Value)| {
        let mut changed = report.clone();
        change(&mut changed);
        !problems(name, &changed).is_empty()
    };
    assert!(refused("timing", &timing, &|timing| timing["stages"][0]["sum_ns"] = json!(0.5)));
    assert!(refused("timing", &timing, &|timing| timing["schema_version"] = json!("3.0")));
    assert!(refused("timing", &timing, &|timing| drop(timing["requests"].as_object_mut().unwrap().remove("p99_ns"))));
    assert!(refused("manifest", &manifest, &|manifest| manifest["artifacts"][0]["crc32"] = json!("none")));
    assert!(!refused("timing", &timing, &|timing| timing["stages"][0]["new_field"] = json!([])), "a minor version");
    let mut newer = timing.clone();
    newer["stages"][0]["new_field"] = json!([]);
    assert_eq!(undescribed("timing", &newer).len(), 1, "a field that the schema does not describe");
}
