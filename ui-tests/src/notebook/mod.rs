//! The double of the runtime, and the lines that it writes for this thread's annotated functions.

mod call;
mod future;
mod returned;

use std::cell::{Cell, RefCell};

pub use call::{Call, NotebookNumber, describe};
pub use future::{Described, Instrumented, describe_async, instrument, instrument_call};
pub use returned::{OfValue, Returns};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static DETAILS: Cell<bool> = const { Cell::new(true) };
}

/// Takes the lines since the last call.
#[must_use]
pub fn lines() -> Vec<String> {
    LINES.take()
}

/// Sets whether shapes and FLOPs are computed. They are by default.
pub fn want_details(wanted: bool) {
    DETAILS.set(wanted);
}

fn write(line: String) {
    LINES.with_borrow_mut(|lines| lines.push(line));
}

/// An annotated location.
#[derive(Debug)]
pub struct Site {
    /// `Stage`, `Step` or `Op`.
    pub kind: &'static str,
    /// Name that the attribute gives.
    pub name: &'static str,
    /// Names of the user-defined arguments.
    pub arguments: &'static [&'static str],
}

/// A range, which ends when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Range(&'static Site);

impl Range {
    /// Begins a range.
    pub fn enter(site: &'static Site) -> Self {
        write(format!("begin {} {}", site.kind, site.name));
        Self(site)
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        write(format!("end {}", self.0.name));
    }
}

/// Runs `body` as a range.
pub fn run<R>(site: &'static Site, body: impl FnOnce() -> R) -> R {
    let _range = Range::enter(site);
    body()
}

#[doc(hidden)]
#[macro_export]
macro_rules! __notebook_site {
    ($kind:ident, $name:expr $(, [$($argument:expr),*])?) => {{
        static SITE: $crate::notebook::Site = $crate::notebook::Site {
            kind: ::core::stringify!($kind),
            name: $name,
            arguments: &[$($($argument),*)?],
        };
        &SITE
    }};
}

/// Names that generated code may use.
#[doc(hidden)]
pub mod __private {
    pub use super::{OfValue, Range, Returns, describe, describe_async, instrument, instrument_call, run};
    pub use crate::__notebook_site as site;
    pub use profiler_runtime::__private::{count, integer, whole};
    pub use std::boxed::Box;
}
