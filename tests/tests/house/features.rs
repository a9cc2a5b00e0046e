//! A feature is listed once, in its crate's manifest; the tables of the documentation, docs.rs and
//! `check.sh` follow it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use profiler_tests::sources::workspace;
use serde_json::Value;

/// Crates that people depend on.
const CRATES: [&str; 6] = [
    "profiler-core",
    "profiler-runtime",
    "profiler-runtime-macros",
    "profiler-shapes",
    "profiler-trace",
    "profiler-tracing",
];
/// Feature that needs a library which a machine may not have.
const NOT_EVERYWHERE: &str = "nvtx-sdk";

/// Returns the published packages as `cargo metadata` describes them.
fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--offline", "--no-deps", "--format-version", "1"]).current_dir(workspace());
    let metadata: Value = serde_json::from_slice(&cargo.output().unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| CRATES.iter().any(|name| package["name"] == *name));
    let ours: Vec<Value> = ours.cloned().collect();
    assert_eq!(ours.len(), CRATES.len());
    ours
}

fn words(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Returns a package's features, and those that are on by default.
fn features(package: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let names = package["features"].as_object().unwrap().keys().filter(|name| *name != "default").cloned().collect();
    (names, words(&package["features"]["default"]))
}

/// Returns the rows of a text's table of features: the feature, and true if it is on by default.
fn table(text: &str) -> Vec<(String, bool)> {
    let lines = text.lines().map(|line| line.trim_start_matches("//!").trim());
    let table =
        lines.skip_while(|line| !line.starts_with("| feature |")).skip(2).take_while(|line| line.starts_with('|'));
    let mut rows = Vec::new();
    for line in table {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (names, default) = (cells.next().unwrap(), cells.next().unwrap());
        rows.extend(names.split('`').skip(1).step_by(2).map(|name| (name.to_owned(), default == "yes")));
    }
    rows
}

#[test]
fn the_documentation_has_every_feature_and_its_default() {
    let read = |path: &str| fs::read_to_string(workspace().join(path)).unwrap();
    for package in packages() {
        let (names, default) = features(&package);
        let wanted: BTreeSet<_> = names.iter().map(|name| (name.clone(), default.contains(name))).collect();
        let pages: &[&str] = match package["name"].as_str().unwrap() {
            "profiler-runtime" => &["profiler-runtime/docs/features.md"],
            "profiler-trace" => &["profiler-trace/src/lib.rs"],
            "profiler-core" => &["profiler-core/src/lib.rs"],
            "profiler-shapes" => &["profiler-shapes/src/lib.rs"],
            _ => &[],
        };
        for page in pages {
            let rows = table(&read(page));
            assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), wanted, "the table in {page}");
            assert_eq!(rows.len(), wanted.len(), "a row is there twice in {page}");
        }
    }
}

#[test]
fn docs_rs_shows_what_every_feature_adds() {
    for package in packages() {
        let (names, default) = features(&package);
        let metadata = &package["metadata"]["docs"]["rs"];
        let shown = if metadata["all-features"] == true { names.clone() } else { words(&metadata["features"]) };
        let shown: BTreeSet<_> = shown.union(&default).cloned().collect();
        let wanted: BTreeSet<_> = names.into_iter().filter(|name| name != NOT_EVERYWHERE).collect();
        assert_eq!(shown, wanted, "{}", package["name"]);
    }
}

#[test]
fn the_default_is_light() {
    let runtime = packages().into_iter().find(|package| package["name"] == "profiler-runtime").unwrap();
    assert_eq!(features(&runtime).1, ["enable", "stacks", "xlsx"].map(str::to_owned).into());
    for others in packages().iter().filter(|package| package["name"] != "profiler-runtime") {
        assert_eq!(features(others).1, BTreeSet::new(), "{}", others["name"]);
    }
}
