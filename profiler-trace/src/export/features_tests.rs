//! Artifacts that a session lacks because a feature is off, which the manifest names. Holds with
//! every set of features, and is run with few of them.

use crate::model::testing::Script;
use crate::model::{Content, ExportOptions, MemoryLog, Trace};
use profiler_core::memory::Device;
use profiler_core::memory::{Action, Levels};
use profiler_core::site::Kind;

use super::{Gauge, Manifest, write_session};

/// Writes a session with every output requested; `no_stacks` is the runtime's reason for having no
/// stacks.
fn everything(no_stacks: Option<&'static str>) -> Manifest {
    let folder = tempfile::tempdir().unwrap();
    let mut script = Script::new();
    script.context.options = ExportOptions {
        content: Content::Everything,
        torch_profiler_with_stack: no_stacks.is_none(),
        no_stacks,
        torch_profiler_with_memory: true,
        ..ExportOptions::default()
    };
    let site = script.site(Kind::Op, "op");
    script.begin(site, 1).memory(Action::Alloc, 0, 10, (0x100, 100)).end(site, 20_000).thread("main");
    let levels = |bytes| Levels { devices: vec![(Device::Cpu, bytes)], has_allocator: true, ..Levels::default() };
    script.memory = Some(MemoryLog { begin: levels(0), end: levels(100) });
    let (manifest, remarks) = write_session(&mut Trace::build(script.finish()), folder.path(), &Gauge::default());
    assert_eq!(remarks, [], "what is missing so is no error");
    manifest
}

#[test]
fn an_artifact_without_its_feature_is_missing_and_named() {
    let manifest = everything(None);
    for (name, feature, is_on) in [
        ("memory_rank0.svg", "charts", cfg!(feature = "charts")),
        ("flame_cpu_rank0.svg", "flamegraph", cfg!(feature = "flamegraph")),
        ("ops_rank0.xlsx", "xlsx", cfg!(feature = "xlsx")),
    ] {
        let is_written = manifest.artifacts.iter().any(|artifact| artifact.name == name);
        let reason = manifest.missing.iter().find(|missing| missing.name == name).map(|missing| &*missing.reason);
        assert_eq!(is_written, is_on, "`{name}` with `{feature}` {is_on}: {reason:?}");
        let named = reason.is_some_and(|reason| reason.contains(&format!("the crate feature `{feature}` is off")));
        assert_eq!(named, !is_on, "`{name}` with `{feature}` {is_on}: {reason:?}");
    }
}

#[test]
fn stacks_that_nothing_can_walk_are_missing() {
    let manifest = everything(Some("nobody walks"));
    let missing = manifest.missing.iter().filter(|missing| missing.reason == "nobody walks");
    let names: Vec<&str> = missing.map(|missing| missing.name.as_str()).collect();
    assert_eq!(
        names,
        ["cpu", "cuda"].map(|of| [format!("stacks_{of}_rank0.txt"), format!("flame_{of}_rank0.svg")]).as_flattened()
    );
    assert!(!manifest.artifacts.iter().any(|artifact| artifact.kind.as_str().starts_with("stacks")));
}
