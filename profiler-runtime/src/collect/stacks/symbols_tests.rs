//! Tests which functions of a stack are shown.

use profiler_core::hooks::stack::MAX_DEPTH;

use super::*;

fn frame(function: &str) -> Frame {
    Frame { function: function.to_owned(), file: "src/a.rs".to_owned(), line: 7 }
}

/// Creates symbols in which address `n` has the `n`th of these functions, each a chain of inlined
/// ones.
fn symbols(functions: &[&[&str]], std: StdFrames) -> (Symbols, Vec<u64>) {
    let found =
        |names: &&[&str]| names.iter().filter_map(|name| classified(frame(name), &Sources::default(), std)).collect();
    let by_address = (1..).zip(functions.iter().map(found)).collect();
    let addresses = (1..=functions.len() as u64).collect();
    (Symbols::new(by_address), addresses)
}

fn names(functions: &[&[&str]]) -> Vec<String> {
    let (symbols, stack) = symbols(functions, StdFrames::Hidden);
    symbols.frames(&stack).map(|frame| frame.function.to_owned()).collect()
}

#[test]
fn the_profiler_and_the_runtimes_start_are_hidden() {
    let shown = names(&[
        &["profiler_runtime::collect::stacks::capture::capture"],
        &["profiler_runtime::record::range::run", "wan::layers::linear"],
        &["wan::attention", "wan::block"],
        &["<profiler_runtime::record::future::Instrumented<F> as core::future::future::Future>::poll"],
        &["wan::main"],
        &["core::ops::function::FnOnce::call_once"],
        &["std::sys::backtrace::__rust_begin_short_backtrace"],
        &["std::rt::lang_start::{{closure}}"],
        &["main"],
        &["_start"],
    ]);
    assert_eq!(shown, ["wan::layers::linear", "wan::attention", "wan::block", "wan::main"]);
}

#[test]
fn an_annotated_function_and_its_body_are_one_frame() {
    let (run_recorded, run) = ("profiler_runtime::record::range::run_recorded", "profiler_runtime::record::range::run");
    for closure in ["{{closure}}", "{closure#0}"] {
        let body = format!("wan::block::{closure}");
        let shown = names(&[&["wan::linear"], &[&body, run_recorded], &[run, "wan::block"]]);
        assert_eq!(shown, ["wan::linear", "wan::block"], "by its name");
        assert_eq!(names(&[&[&body], &["wan::block"]]), [body.as_str(), "wan::block"], "a closure of the user's own");
    }
    let poll = "<profiler_runtime::record::future::Instrumented<F> as core::future::future::Future>::poll";
    assert_eq!(names(&[&["wan::load::{{closure}}"], &[poll], &["wan::load"]]).len(), 2, "a future is not its poller");
    let body = "wan::load::{{closure}}::{{closure}}";
    let shown = names(&[&[body, poll], &["wan::load::{{closure}}"], &["wan::main::{{closure}}"]]);
    assert_eq!(shown, ["wan::load", "wan::main::{{closure}}"], "an `async fn` by its name");
}

/// E7: functions that the standard library runs between two functions of the program are hidden
/// unless the configuration shows them.
#[test]
fn functions_of_std_are_hidden_unless_configured() {
    let stack: &[&[&str]] = &[
        &["wan::block::{{closure}}", "<core::iter::adapters::map::Map<I,F> as core::iter::Iterator>::fold"],
        &["<&mut alloc::vec::Vec<T> as core::iter::Extend<T>>::extend", "<wan::Vae as core::fmt::Display>::fmt"],
        &["std::panicking::catch_unwind", "stdlib::main"],
    ];
    let of_program = ["wan::block::{{closure}}", "<wan::Vae as core::fmt::Display>::fmt", "stdlib::main"];
    assert_eq!(names(stack), of_program);
    let (kept, addresses) = symbols(stack, StdFrames::Shown);
    assert_eq!(kept.frames(&addresses).count(), 6);
}

#[test]
fn functions_without_names_are_shown() {
    let none = NO_SYMBOL;
    assert_eq!(names(&[&[none], &[none], &["wan::main"], &[none]]), [none, "wan::main", none]);
}

#[test]
fn a_stack_that_is_cut_says_so() {
    let (symbols, _) =
        symbols(&[&["wan::recursive"], &["std::sys::backtrace::__rust_begin_short_backtrace"]], StdFrames::Shown);
    let mut stack = vec![1; MAX_DEPTH];
    let last = |stack: &[u64]| symbols.frames(stack).last().map(|frame| frame.function.to_owned());
    assert_eq!(last(&stack).as_deref(), Some("(deeper functions)"));
    stack[MAX_DEPTH - 1] = 2;
    assert_eq!(last(&stack).as_deref(), Some("wan::recursive"), "it reached the start");
}

#[test]
fn missing_debug_information_is_explained() {
    let (mut symbols, _) = symbols(&[&["wan::linear"], &["wan::block"]], StdFrames::Shown);
    assert_eq!(missing(&symbols), None);
    let bare = |function: &str| vec![Found::Frame(Frame { function: function.to_owned(), ..Frame::default() })];
    symbols.by_address.insert(9, bare("malloc"));
    assert_eq!(missing(&symbols), None, "nothing can be done about C libraries");
    symbols.by_address.insert(10, bare("wan::norm"));
    assert!(missing(&symbols).is_some_and(|sentence| sentence.contains("line-tables-only")));
    symbols.by_address.insert(11, bare(NO_SYMBOL));
    assert!(missing(&symbols).is_some_and(|sentence| sentence.contains("strip")));
}

/// D11: if `/proc` is missing, `strip` is not to blame.
#[test]
fn only_a_checked_cause_is_named() {
    let (mut symbols, _) = symbols(&[&["wan::linear"]], StdFrames::Hidden);
    symbols.by_address.insert(9, vec![Found::Frame(Frame { function: NO_SYMBOL.to_owned(), ..Frame::default() })]);
    let warning = |can_find_files| missing_where(&symbols, can_find_files).unwrap_or_default();
    assert!(
        warning(false).contains("`/proc` cannot be read") && !warning(false).contains("strip"),
        "{}",
        warning(false)
    );
    assert!(warning(true).contains("no symbol table") && !warning(true).contains("/proc"), "{}", warning(true));
}
