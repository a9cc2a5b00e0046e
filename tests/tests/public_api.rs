//! The public API of the published crates, as `public_api/*.txt` holds it: one line per item, with
//! its signature. A changed API is a change of these files, which `UPDATE_PUBLIC_API=1` writes.
//!
//! A binary of its own, because it documents the whole workspace with every feature first. It uses
//! the build that clippy and the documentation use, so those steps of `check.sh` are faster later.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use profiler_runtime::artifacts::{KeyAverages, Manifest};
use profiler_runtime::config::{ConfigError, ParsedConfig};
use profiler_runtime::job::{ControlError, Coordinator, LinkError, LocalController, WorkerHandle};
use profiler_runtime::merge::{MergeError, MergedTrace};
use profiler_runtime::request::CurrentRequest;
use profiler_runtime::session::Status;
use profiler_runtime::{Error, ExportHandle, ProfileGuard, ProfilerConfig, SessionId};
use profiler_tests::sources::workspace;
use profiler_tests::succeeded;
use public_api::Builder;
use serde_json::Value;

/// Version of rustdoc's JSON that the pinned `public-api` reads: that of Rust 1.95.
const FORMAT: u64 = 57;
/// Published crates, with the modules whose items count. Rustdoc omits the re-exports of hidden
/// modules unless it describes hidden items, too.
const CRATES: [(&str, &[&str]); 6] = [
    ("profiler_core", &[]),
    ("profiler_runtime", &[]),
    ("profiler_runtime_macros", &[]),
    ("profiler_shapes", &[]),
    ("profiler_trace", &["profiler_trace::artifacts", "profiler_trace::merge"]),
    ("profiler_tracing", &[]),
];

/// Describes every crate as JSON. Only nightly's rustdoc can, so `RUSTC_BOOTSTRAP` makes this one
/// pass for nightly; the compiler stays stable, because build scripts would choose other code.
fn describe(folder: &Path, flags: &str) {
    let rustdoc = folder.join("rustdoc");
    fs::write(&rustdoc, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n").unwrap();
    fs::set_permissions(&rustdoc, Permissions::from_mode(0o755)).unwrap();
    let manifest = fs::read_to_string(workspace().join("profiler-runtime/Cargo.toml")).unwrap();
    let docs = manifest.split("[package.metadata.docs.rs]").nth(1).unwrap();
    let list = docs.split("features = [").nth(1).unwrap().split(']').next().unwrap();
    let features = list.split(',').map(|name| format!("profiler-runtime/{}", name.trim().trim_matches('"')));
    let features = features.collect::<Vec<_>>().join(",");
    succeeded(
        Command::new(env!("CARGO"))
            .args(["doc", "--workspace", "--no-deps", "--features", &features])
            .current_dir(workspace())
            .env("RUSTDOC", &rustdoc)
            .env("RUSTDOCFLAGS", format!("-Z unstable-options --output-format json {flags}")),
    );
}

/// Returns the file that describes a crate.
fn described(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("doc").join(name).with_extension("json")
}

/// Returns the version of the JSON in a file.
fn format_of(json: &Path) -> u64 {
    let described: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    described["format_version"].as_u64().unwrap()
}

/// Returns one line for each public item of these modules, or of all modules if none is named. Of
/// derived traits only the `impl` counts, because their methods say nothing more.
fn items(json: &Path, modules: &[&str]) -> BTreeSet<String> {
    let all = |omits_derived| {
        let builder = Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true);
        let api = builder.omit_auto_derived_impls(omits_derived).build().unwrap();
        api.items().map(ToString::to_string).collect::<BTreeSet<String>>()
    };
    let (without_derived, with_derived) = (all(true), all(false));
    let derived = with_derived.into_iter().filter(|item| item.starts_with("impl"));
    let counts = |item: &String| modules.is_empty() || modules.iter().any(|module| item.contains(module));
    without_derived.into_iter().chain(derived).filter(counts).collect()
}

/// Returns the lines that are in one list only, `-` in the old and `+` in the new one.
fn difference(old: &BTreeSet<String>, new: &BTreeSet<String>) -> String {
    old.symmetric_difference(new).fold(String::new(), |mut text, item| {
        let _ = writeln!(text, "{} {item}", if old.contains(item) { '-' } else { '+' });
        text
    })
}

#[test]
fn the_public_api_is_as_it_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut changes = String::new();
    for hidden in [false, true] {
        describe(folder.path(), if hidden { "--document-hidden-items" } else { "" });
        for (name, modules) in CRATES.iter().filter(|(_, modules)| modules.is_empty() != hidden) {
            let json = described(name);
            let format = format_of(&json);
            if format != FORMAT {
                eprintln!("skipped: rustdoc writes JSON of version {format}, and `public-api` reads {FORMAT}");
                return;
            }
            let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("public_api").join(name).with_extension("txt");
            let now = items(&json, modules);
            if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
                let lines: String = now.iter().flat_map(|item| [item.as_str(), "\n"]).collect();
                fs::write(&kept, lines).unwrap();
            }
            let before = fs::read_to_string(&kept).unwrap_or_default().lines().map(str::to_owned).collect();
            let change = difference(&before, &now);
            if !change.is_empty() {
                let _ = write!(changes, "{name}:\n{change}");
            }
        }
    }
    assert!(changes.is_empty(), "the public API has changed; `UPDATE_PUBLIC_API=1` keeps it:\n{changes}");
}

/// Errors pass through `Box<dyn Error + Send + Sync>`; handles and results move to other threads.
#[test]
fn handles_results_and_errors_move_to_other_threads() {
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    fn moves<T: Send + Sync + std::fmt::Debug + 'static>() {}
    is_error::<Error>();
    is_error::<ConfigError>();
    is_error::<ControlError>();
    is_error::<LinkError>();
    is_error::<MergeError>();
    moves::<(ExportHandle, ProfileGuard, SessionId, Status)>();
    moves::<(ProfilerConfig, ParsedConfig, Manifest, KeyAverages, MergedTrace)>();
    moves::<(Coordinator, LocalController, WorkerHandle, CurrentRequest)>();
}
