//! The house rules, read from the sources: dependencies point downwards, files use each other in no
//! circle, and `unsafe` stays in its rooms.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::layers_support::{CRATES, Crate};
use proc_macro2::TokenTree;
use profiler_tests::sources::{Arrow, Source, arrows, circles, product, workspace};

/// Returns the crates whose folders exist, with their files.
fn crates() -> Vec<(&'static Crate, Vec<Source>)> {
    let all = CRATES.iter().map(|of| (of, product(&workspace().join(of.name).join("src"))));
    all.filter(|(_, sources)| !sources.is_empty()).collect()
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

fn words(tokens: &[TokenTree], found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => drop(found.insert(word.to_string())),
            TokenTree::Group(group) => words(&group.stream().into_iter().collect::<Vec<_>>(), found),
            _ => {}
        }
    }
}

/// Returns the words in a file's code.
fn words_of(source: &Source) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    words(&source.tokens, &mut found);
    found
}

#[test]
fn every_room_has_files_and_every_file_a_room() {
    assert!(!crates().is_empty(), "the test reads the wrong place");
    for (of, sources) in crates() {
        let found: BTreeSet<&str> = sources.iter().map(|source| room(&source.name)).collect();
        assert_eq!(found, of.rooms.iter().copied().collect(), "rooms of `{}`: found, and planned", of.name);
    }
}

#[test]
fn no_room_uses_one_above_it() {
    for (of, sources) in crates() {
        let place = |room: &str| of.rooms.iter().position(|other| *other == room);
        let mut known: BTreeSet<_> = of.rising.iter().map(|(from, to, _)| (*from, *to)).collect();
        let arrows = arrows(&sources);
        let rising = |arrow: &&Arrow| place(room(&arrow.to)) < place(room(&arrow.from));
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for arrow in arrows.iter().filter(rising) {
            let rooms = (room(&arrow.from), room(&arrow.to));
            match known.contains(&rooms) {
                true => drop(seen.insert(rooms)),
                false => wrong.push(format!("{} uses `{}`, {}", arrow.from, arrow.path, arrow.to)),
            }
        }
        assert!(wrong.is_empty(), "{}: arrows up:\n{}", of.name, wrong.join("\n"));
        known.retain(|rooms| !seen.contains(rooms));
        assert!(known.is_empty(), "{}: these arrows are gone, take them off the list: {known:?}", of.name);
        assert!(arrows.len() > sources.len(), "{} arrows: the test reads too little", arrows.len());
    }
}

#[test]
fn no_crate_uses_one_above_it() {
    for (place, of) in CRATES.iter().enumerate() {
        let above: Vec<String> = CRATES[..place].iter().map(|above| above.name.replace('-', "_")).collect();
        for source in product(&workspace().join(of.name).join("src")) {
            let words = words_of(&source);
            let found: Vec<_> = above.iter().filter(|name| words.contains(*name)).collect();
            assert!(found.is_empty(), "{}: {} names {found:?}", of.name, source.name);
        }
    }
}

/// The circles of files are those that are listed: a new one is an error, and so is one that is
/// gone.
#[test]
fn files_use_each_other_in_no_new_circle() {
    for (of, sources) in crates() {
        let arrows = arrows(&sources);
        let found = circles(&arrows);
        let listed: Vec<Vec<&str>> = of.circles.iter().map(|(files, _)| files.to_vec()).collect();
        let mut wrong = Vec::new();
        for circle in found.iter().filter(|circle| !listed.iter().any(|files| files == *circle)) {
            wrong.push(format!("new, or changed: {circle:?}"));
            let inside = arrows.iter().filter(|arrow| circle.contains(&arrow.from) && circle.contains(&arrow.to));
            wrong.extend(inside.map(|arrow| format!("    {} uses {}: `{}`", arrow.from, arrow.to, arrow.path)));
        }
        let gone = listed.iter().filter(|files| !found.iter().any(|circle| circle == *files));
        wrong.extend(gone.map(|files| format!("gone, or changed: {files:?}")));
        assert!(wrong.is_empty(), "circles of `{}`:\n{}", of.name, wrong.join("\n"));
        assert!(of.circles.iter().all(|(_, reason)| !reason.is_empty()));
    }
}

#[test]
fn unsafe_stays_in_its_rooms() {
    for (of, sources) in crates() {
        let is_free = |source: &&Source| !of.may_be_unsafe.contains(&room(&source.name));
        for source in sources.iter().filter(is_free) {
            assert!(!words_of(source).contains("unsafe"), "{}: {}", of.name, source.name);
        }
        let root = fs::read_to_string(workspace().join(of.name).join("src/lib.rs")).unwrap();
        // These rooms have no code of their own: re-exports, and code that runs in the user's
        // crate.
        let own = of.rooms.iter().filter(|room| !["lib", "block_macros"].contains(room));
        for room in own.filter(|room| !of.may_be_unsafe.contains(room)) {
            let forbids = |public: &str| root.contains(&format!("#[forbid(unsafe_code)]\n{public}mod {room};"));
            assert!(forbids("") || forbids("pub "), "{}: `{room}` forbids it", of.name);
        }
    }
}

/// A library that annotates itself makes its users compile at most six packages, or ten if it
/// records.
#[test]
fn a_library_brings_ten_packages_at_most() {
    const NOT_HERE: [&str; 4] = ["serde", "log", "tokio", "flate2"];
    for (features, most) in [("", 6), ("enable", 10)] {
        let mut command = Command::new(env!("CARGO"));
        command.args(["tree", "--offline", "-p", "profiler-core", "-e", "normal", "--prefix", "none"]);
        let output = command.args(["--features", features]).current_dir(workspace()).output().unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(packages.contains("profiler-core"), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(packages.len() <= most, "{packages:?}");
        assert!(NOT_HERE.iter().all(|name| !packages.contains(name)), "{packages:?}");
    }
}

/// D1: messages go through `logging`, because a program without a logger loses all others.
#[test]
fn messages_go_through_logging() {
    for (of, sources) in crates() {
        let own = |source: &&Source| room(&source.name) != "logging" && !source.name.ends_with("http/audit.rs");
        for source in sources.iter().filter(own) {
            let found =
                source.text.lines().find(|line| ["log::error!", "log::warn!"].iter().any(|name| line.contains(name)));
            assert_eq!(found, None, "{}: {}", of.name, source.name);
        }
    }
}
