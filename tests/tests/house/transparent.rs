//! The attributes are transparent: a program of functions of every shape behaves the same with them
//! and without, recording or not, and rustc and clippy say the same about it, except for the lints
//! in [`LOST`].

#![allow(clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::LazyLock;

use crate::transparent_support::{ANNOTATED, Lint, PLAIN, Programs, is_listed_compiler};
use profiler_tests::{Bench, Trace};

static PROGRAMS: LazyLock<Programs> = LazyLock::new(Programs::build);

/// Maximum number of bytes that the attribute may add to the future of an `async fn`.
const ROOM: usize = 192;

/// Reason of a lint that looks for the body in the function, where the attribute has put a closure
/// or an async block around it.
const ELSEWHERE: &str = "looks at the function's own statements";
/// Reason of a lint that leaves out code of macros, where the attribute binds a parameter again.
const BOUND_AGAIN: &str = "leaves out what is used by a macro";

/// Lints that an annotated function does not have: the reason, the lint, and the functions of the
/// program.
const LOST: &[(&str, &str, &[&str])] = &[
    (ELSEWHERE, "clippy::boxed_local", &["lints::boxed_local"]),
    (ELSEWHERE, "clippy::manual_async_fn", &["lints::manual_async"]),
    (ELSEWHERE, "clippy::needless_lifetimes", &["bodies::entry", "lints::needless_lifetimes"]),
    (
        ELSEWHERE,
        "clippy::needless_pass_by_value",
        &["lints::boxed_local", "lints::hash_map", "lints::needless_pass_by_value"],
    ),
    (
        ELSEWHERE,
        "clippy::needless_return",
        &[
            "lints::macro_in_tail",
            "lints::needless_return",
            "lints::needless_return_later",
            "lints::unused_assignments",
        ],
    ),
    (ELSEWHERE, "clippy::unnecessary_wraps", &["lints::unnecessary_wraps"]),
    (ELSEWHERE, "clippy::unused_async", &["lints::dead_later", "lints::unused_async", "lints::unused_async_self"]),
    (ELSEWHERE, "unconditional_recursion", &["lints::unconditional_recursion"]),
    (BOUND_AGAIN, "clippy::used_underscore_binding", &["lints::used_underscore"]),
    (BOUND_AGAIN, "unused_variables", &["fragments::some"]),
];

/// Lints about a `mut` parameter that point at its name instead of at `mut`, and then call it
/// assigned instead of passed.
const MOVED: &[(&str, &str)] =
    &[("unused_assignments", "asyncs::mutable"), ("unused_assignments", "lints::unused_assignments")];

/// Splits a story `size of …: n` into the bytes and what follows.
fn size(story: &str) -> Option<(usize, &str)> {
    let story = story.strip_prefix("size of ")?;
    let (size, rest) = story.split_once('\n').unwrap_or((story, ""));
    Some((size.rsplit(' ').next()?.parse().ok()?, rest))
}

/// Returns the stories that differ, the plain one first.
fn compare(plain: &[String], annotated: &[String]) -> String {
    assert_eq!(plain.len(), annotated.len(), "not the same stories");
    let same = |(plain, annotated): &(&String, &String)| match (size(plain), size(annotated)) {
        (Some((plain, after)), Some((annotated, after_too))) => annotated <= plain + ROOM && after == after_too,
        _ => plain == annotated,
    };
    let differing = plain.iter().zip(annotated).filter(|pair| !same(pair));
    differing.map(|(plain, annotated)| format!("\n{plain}\nbut annotated: {annotated}\n")).collect()
}

/// F1, F2, F4, F5, F7, F9: annotated functions return, drop, panic and name their callers as plain
/// ones do.
#[test]
fn annotated_functions_behave_like_plain_ones() {
    let plain = PROGRAMS.stories(PLAIN, None);
    assert!(plain.len() > 250, "{} stories", plain.len());
    let differing = compare(&plain, &PROGRAMS.stories(ANNOTATED, None));
    assert!(differing.is_empty(), "{differing}");
}

/// F1: annotated functions behave like plain ones also while a session records them.
#[test]
fn recorded_functions_behave_like_plain_ones() {
    let bench = Bench::alone();
    let recorded = PROGRAMS.stories(ANNOTATED, Some(bench.path()));
    let differing = compare(&PROGRAMS.stories(PLAIN, None), &recorded);
    assert!(differing.is_empty(), "{differing}");
    let session = bench.path().read_dir().unwrap().next().unwrap().unwrap().path();
    let trace = Trace::read(&session);
    for name in ["used_in_another_order", "borrowing", "never", "cloned", "decode_twice", "item_never", "redundant"] {
        assert!(trace.count(name) > 0, "`{name}` was not recorded");
    }
}

/// Returns the lints of one list that are not in the other, as often as they are not.
fn without<'a>(lints: &'a [Lint], others: &[Lint]) -> Vec<&'a Lint> {
    let mut others = others.to_vec();
    let mut missing = Vec::new();
    for lint in lints {
        match others.iter().position(|other| other == lint) {
            Some(at) => drop(others.swap_remove(at)),
            None => missing.push(lint),
        }
    }
    missing
}

/// Returns the name and the function by which [`LOST`] knows a lint.
fn key(lint: &Lint) -> (&str, &str) {
    (&lint.name, &lint.function)
}

fn lines<T: Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}

/// F3, F6: no lint is added, and every lost lint is listed with its reason.
#[test]
fn annotated_functions_have_the_lints_of_plain_ones() {
    if !is_listed_compiler() {
        eprintln!("this compiler has other lints than those listed here: they were not compared");
        return;
    }
    let (plain, annotated) = (PROGRAMS.lints(PLAIN), PROGRAMS.lints(ANNOTATED));
    assert!(plain.len() > 40, "{} lints", plain.len());
    let mut added = without(&annotated, &plain);
    let mut lost = without(&plain, &annotated);
    for moved in MOVED {
        for lints in [&mut added, &mut lost] {
            let at = lints.iter().position(|lint| key(lint) == *moved);
            lints.swap_remove(at.unwrap_or_else(|| panic!("{moved:?} has not moved")));
        }
    }
    if !PROGRAMS.with_clippy {
        eprintln!("clippy is not installed: its lints were not compared");
    }
    let known: BTreeSet<(&str, &str)> = LOST
        .iter()
        .flat_map(|(_, name, functions)| functions.iter().map(move |function| (*name, *function)))
        .filter(|(name, _)| PROGRAMS.with_clippy || !name.starts_with("clippy::"))
        .collect();
    let unknown: Vec<_> = lost.iter().filter(|lint| !known.contains(&key(lint))).collect();
    let lost: BTreeSet<_> = lost.iter().map(|lint| key(lint)).collect();
    let not_lost: Vec<_> = known.difference(&lost).map(|(name, function)| format!("{name} in {function}")).collect();
    assert!(
        added.is_empty() && unknown.is_empty() && not_lost.is_empty(),
        "added:{}\nlost, but not in `LOST`:{}\nin `LOST`, but not lost:{}",
        lines(&added),
        lines(&unknown),
        lines(&not_lost)
    );
}

#[test]
fn there_are_functions_of_every_shape() {
    let annotated: usize = PROGRAMS.sources.values().map(|source| source.annotated()).sum();
    assert!(annotated >= 200, "{annotated} annotated functions");
}
