//! A range begins before the body and ends after its locals are dropped, also when the body returns
//! early or panics.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::panic::catch_unwind;

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};
use profiler_ui_tests::notebook;

struct Local;

impl Drop for Local {
    #[profiled_op("local.drop", crate = notebook)]
    fn drop(&mut self) {}
}

#[profiled_stage("outer", crate = notebook)]
fn outer(early: bool) -> Option<u32> {
    let _local = Local;
    if early {
        return None;
    }
    Some(inner()? + 1)
}

#[profiled_step(crate = notebook)]
fn inner() -> Option<u32> {
    Some(1)
}

#[profiled_stage(crate = notebook)]
fn fails() -> u32 {
    let none: Option<u32> = None;
    none.expect("on purpose")
}

#[profiled_stage("guarded", crate = notebook)]
#[track_caller]
fn guarded() -> u32 {
    let _local = Local;
    1
}

fn main() {
    assert_eq!(outer(false), Some(2));
    let expected =
        ["begin Stage outer", "begin Step inner", "end inner", "begin Op local.drop", "end local.drop", "end outer"];
    assert_eq!(notebook::lines(), expected);

    assert_eq!(outer(true), None);
    assert_eq!(notebook::lines(), ["begin Stage outer", "begin Op local.drop", "end local.drop", "end outer"]);

    std::panic::set_hook(Box::new(|_| {}));
    assert!(catch_unwind(fails).is_err());
    assert_eq!(notebook::lines(), ["begin Stage fails", "end fails"]);

    assert_eq!(guarded(), 1);
    assert_eq!(notebook::lines(), ["begin Stage guarded", "begin Op local.drop", "end local.drop", "end guarded"]);
}
