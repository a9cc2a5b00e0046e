//! Child processes with a double of libc, whose functions fail on request.

#![allow(dead_code, reason = "each test program uses its part")]

#[path = "../../../system_double/src/what.rs"]
mod what;

use std::process::Command;

use profiler_tests::{child_of, double};
pub(crate) use what::What;

/// Creates a command that runs the `#[ignore]`d test `name` of this program with the double.
pub(crate) fn child(name: &str) -> Command {
    let mut child = child_of(name);
    child.env("LD_PRELOAD", double("system_double"));
    child
}

/// Sets what goes wrong in this process, which was started by [`child`].
pub(crate) fn set(what: What, how: i64) {
    let name = c"system_double";
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "the double is preloaded");
    // SAFETY: the double's function has this type.
    let set: extern "C" fn(libc::c_int, i64) = unsafe { std::mem::transmute(found) };
    set(what as libc::c_int, how);
}

/// Makes every panic of this process abort, as `panic = "abort"` does.
pub(crate) fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
}
