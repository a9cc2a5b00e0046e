//! Memory option in a program without the profiler's allocator: the manifest says how to add it.

use profiler_runtime::artifacts::ArtifactKind;
use profiler_runtime::memory::{Device, record_alloc, record_free};
use profiler_runtime::{start_profile_with, stop_profile};
use profiler_tests::{Bench, timing};

#[test]
fn without_the_allocator_the_manifest_says_how_to_switch_it_on() {
    let bench = Bench::alone();
    start_profile_with(bench.config().torch_profiler_with_memory(true)).unwrap();
    drop(std::hint::black_box(vec![0_u8; 1000]));
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    for name in ["memory_snapshot_rank0.pickle", "memory_rank0.svg"] {
        let missing = manifest.missing.iter().find(|missing| missing.name == name).unwrap();
        assert!(missing.reason.contains("#[global_allocator]"), "{}", missing.reason);
        assert!(!stopped.folder().unwrap().join(name).exists());
    }
    assert_eq!(timing(stopped.folder().unwrap())["memory"]["source"], "none");
}

#[test]
fn a_framework_can_report_without_the_allocator() {
    let bench = Bench::alone();
    start_profile_with(bench.config().torch_profiler_with_memory(true)).unwrap();
    record_alloc(Device::Cuda(0), 0x1000, 64);
    record_free(Device::Cuda(0), 0x1000, 64);
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    assert!(
        manifest.artifact(ArtifactKind::MemorySnapshot).is_some()
            && manifest.artifact(ArtifactKind::MemoryChart).is_some()
    );
    let report = timing(stopped.folder().unwrap());
    assert_eq!(report["memory"]["source"], "record_alloc");
    assert_eq!(report["memory"]["devices"][0]["peak_bytes"], 64);
}
