//! The house rules of `profiler-runtime`, read from its sources: dependencies point downwards, and `unsafe` stays in
//! its rooms.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// From the top down: a room may use those behind it.
const ROOMS: [&str; 8] = ["control", "bridge", "session", "export", "model", "collect", "record", "config"];
/// What `model` and `export` may know although it stands beside or below in another role: nothing may be added here
/// lightly.
const SHARED: [&str; 1] = ["error"];
/// What every room may use.
const EVERYWHERE: &str = "logging";
const MAY_BE_UNSAFE: [&str; 2] = ["record", "collect"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiler-runtime/src")
}

/// Every source file of a room, with its text.
fn files(room: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![sources().join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// Names after every `crate::`, also in `crate::{a, b}`, outside of comments.
fn used(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut names = Vec::new();
    // `$crate::` of a macro is its user's business.
    for after in code.split("crate::").skip(1) {
        let list = after.strip_prefix('{').and_then(|list| list.split('}').next());
        let first =
            |path: &str| path.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        names.extend(
            list.unwrap_or(after.split(';').next().unwrap_or_default()).split(',').map(first).take(if list.is_some() {
                99
            } else {
                1
            }),
        );
    }
    names
}

#[test]
fn no_room_uses_one_above_it() {
    let mut checked = 0;
    for (place, room) in ROOMS.iter().enumerate() {
        for (path, text) in files(room) {
            for name in used(&text) {
                let below = ROOMS[place..].contains(&name.as_str());
                let above = ROOMS[..place].contains(&name.as_str());
                let shared = name == EVERYWHERE || SHARED.contains(&name.as_str()) && place < 3;
                let public = name.starts_with(|letter: char| letter.is_uppercase()) || name.starts_with("__");
                assert!(!above && (below || shared || public), "{} uses `crate::{name}`", path.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} uses were found: the test reads the wrong place");
}

#[test]
fn unsafe_stays_in_its_rooms() {
    for room in ROOMS.iter().filter(|room| !MAY_BE_UNSAFE.contains(room)) {
        for (path, text) in files(room) {
            let found = text.lines().find(|line| !line.trim_start().starts_with("//") && line.contains("unsafe "));
            assert_eq!(found, None, "{}", path.display());
        }
    }
    let root = fs::read_to_string(sources().join("lib.rs")).unwrap();
    for room in ["config", "control", "export", "model", "session"] {
        assert!(root.contains(&format!("#[forbid(unsafe_code)]\nmod {room};")), "`{room}` forbids it");
    }
}

#[test]
fn the_reader_of_uses_finds_lists_and_skips_comments() {
    let text = "//! crate::control\nuse crate::record::{self, gate};\nuse crate::{model, export::Manifest};\n\
                let x = crate::config::nearest;";
    assert_eq!(used(text), ["record", "model", "export", "config"]);
}

/// D1: a message that goes past `logging` is told to nobody in a program without a logger.
#[test]
fn messages_go_through_logging() {
    for room in ROOMS {
        for (path, text) in files(room).into_iter().filter(|(path, _)| !path.ends_with("http/audit.rs")) {
            let found =
                text.lines().find(|line| ["error!", "warn!"].iter().any(|name| line.contains(&format!("log::{name}"))));
            assert_eq!(found, None, "{}", path.display());
        }
    }
}
