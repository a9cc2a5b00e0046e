//! The published crates state one minimum Rust version; no dependency may ask for a newer one.
//!
//! Clippy's lint `incompatible_msrv` checks our own code.

use std::collections::HashMap;
use std::process::Command;

use serde_json::Value;

/// Returns the major and the minor number of a Rust version.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|number| number.parse().expect("a Rust version"));
    (numbers.next().expect("a major version"), numbers.next().unwrap_or(0))
}

#[test]
fn no_dependency_needs_a_newer_rust_than_the_crates_state() {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--all-features", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../profiler-runtime/Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&cargo.stdout).expect("metadata is JSON");
    let packages: HashMap<&str, &Value> =
        array(&metadata["packages"]).map(|package| (text(&package["id"]), package)).collect();
    let nodes: HashMap<&str, &Value> =
        array(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), node)).collect();
    let (&root, package) =
        packages.iter().find(|(_, package)| package["name"] == "profiler-runtime").expect("the crate itself");
    let stated = version(text(&package["rust_version"]));

    let (mut next, mut seen, mut newer) = (vec![root], Vec::new(), Vec::new());
    while let Some(id) = next.pop() {
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        if let Some(needs) = packages[id]["rust_version"].as_str().filter(|needs| version(needs) > stated) {
            newer.push(format!("{} needs Rust {needs}", text(&packages[id]["name"])));
        }
        let wanted = |dependency: &&Value| array(&dependency["dep_kinds"]).any(|kind| kind["kind"] != "dev");
        next.extend(array(&nodes[id]["deps"]).filter(wanted).map(|dependency| text(&dependency["pkg"])));
    }
    assert!(seen.len() > 10, "the walk reached the dependencies");
    assert!(newer.is_empty(), "stated is {stated:?}, but {newer:?}");
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}
