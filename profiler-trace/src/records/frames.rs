//! Symbolised call stacks in the form that every artifact shows: leaf first, without the profiler's
//! own functions.
//!
//! The runtime resolves addresses when a session ends; `model` and `export` read the result.

use std::collections::HashMap;
use std::{fmt, slice};

use profiler_core::hooks::stack::MAX_DEPTH;

/// Functions at the addresses of a recording's call stacks.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Functions at each address, innermost first.
    pub by_address: HashMap<u64, Vec<Found>>,
    /// Frame that stands for the part of a stack that was not recorded.
    deeper: Frame,
}

/// One function at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Path of the function.
    pub function: String,
    /// Source file; empty if the program has no debug information.
    pub file: String,
    /// Line in the file; 0 if unknown.
    pub line: u32,
}

/// One function of a call stack, as artifacts show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Path of the function. For an annotated function, whose body runs in a closure, the path of
    /// the function itself.
    pub function: &'a str,
    /// Source file; empty if the program has no debug information.
    pub file: &'a str,
    /// Line in the file; 0 if unknown.
    line: u32,
}

/// A function at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A function that is shown.
    Frame(Frame),
    /// A function of the profiler.
    Profiler,
    /// Function of the profiler that an annotated function calls to run its body.
    Run,
    /// Function of the profiler that polls the body of an annotated `async fn`.
    Poll,
    /// First function of the program's or the thread's own code; its callers belong to the runtime.
    Start,
}

/// Iterator over the functions of one stack.
struct Frames<'a> {
    symbols: &'a Symbols,
    stack: slice::Iter<'a, u64>,
    found: slice::Iter<'a, Found>,
    /// True if the stack continues beyond its recorded part.
    deeper: bool,
    last: Option<Shown<'a>>,
    /// Function of the profiler that called the last shown function, if one did.
    around: Option<&'a Found>,
}

impl Symbols {
    /// Creates a table from the functions at each address, innermost first.
    pub fn new(by_address: HashMap<u64, Vec<Found>>) -> Self {
        Self { by_address, deeper: Frame { function: "(deeper functions)".to_owned(), ..Frame::default() } }
    }

    /// Returns the functions of a stack, leaf first, inlined ones included. Functions of the
    /// profiler and of the runtime's start-up are left out. Costs one lookup per address and no
    /// allocation.
    pub fn frames<'a>(&'a self, stack: &'a [u64]) -> impl Iterator<Item = Shown<'a>> {
        let deeper = stack.len() == MAX_DEPTH;
        Frames { symbols: self, stack: stack.iter(), found: [].iter(), deeper, last: None, around: None }
    }
}

impl<'a> Frames<'a> {
    fn found(&mut self) -> Option<&'a Found> {
        loop {
            if let Some(found) = self.found.next() {
                return Some(found);
            }
            self.found = self.symbols.by_address.get(self.stack.next()?).map(Vec::as_slice).unwrap_or_default().iter();
        }
    }

    /// Returns the next function if it is the profiler's.
    fn runner(&self) -> Option<&'a Found> {
        let mut of_stack = self.stack.clone().filter_map(|address| self.symbols.by_address.get(address));
        let next = self.found.clone().next().or_else(|| of_stack.find_map(|found| found.first()));
        next.filter(|found| matches!(found, Found::Profiler | Found::Run | Found::Poll))
    }

    /// Returns whether the last shown function already represents this one: it is the annotated
    /// function around its own body, or one of several in a row without a symbol.
    fn is_already_shown(&self, frame: &Frame) -> bool {
        let Some(last) = self.last else { return false };
        match self.around {
            Some(Found::Run) => is_body_of(last.function, &frame.function),
            Some(Found::Poll) => is_closure(&frame.function) && without_closures(&frame.function) == last.function,
            _ => last.function == NO_SYMBOL && frame.function == NO_SYMBOL,
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Shown<'a>;

    fn next(&mut self) -> Option<Shown<'a>> {
        loop {
            match self.found() {
                None => return std::mem::take(&mut self.deeper).then(|| Shown::of(&self.symbols.deeper)),
                Some(Found::Profiler) => {}
                Some(found @ (Found::Run | Found::Poll)) => self.around = Some(found),
                Some(Found::Start) => (self.stack, self.found, self.deeper) = ([].iter(), [].iter(), false),
                Some(Found::Frame(frame)) => {
                    let is_already_shown = self.is_already_shown(frame);
                    self.around = None;
                    if is_already_shown {
                        continue;
                    }
                    let mut shown = Shown::of(frame);
                    let function = without_closures(shown.function);
                    if self.runner().is_some() && !function.is_empty() {
                        shown.function = function;
                    }
                    self.last = Some(shown);
                    return Some(shown);
                }
            }
        }
    }
}

impl<'a> Shown<'a> {
    fn of(frame: &'a Frame) -> Self {
        Self { function: &frame.function, file: &frame.file, line: frame.line }
    }
}

impl fmt::Display for Shown<'_> {
    /// Formats the function as in PyTorch's traces: `file(line): function`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.file.is_empty() {
            f.write_str(self.function)
        } else {
            write!(f, "{}({}): {}", self.file, self.line, self.function)
        }
    }
}

/// Name of a function without a symbol.
pub const NO_SYMBOL: &str = "(no symbol)";

/// Returns whether `inner`, which the profiler ran, is the body of the annotated function `outer`.
/// If one of them was inlined, only the last part of its path may be known.
fn is_body_of(inner: &str, outer: &str) -> bool {
    let inner = without_closures(inner);
    inner.is_empty() || inner.ends_with(outer) || outer.ends_with(inner)
}

/// Returns whether the function is a closure, or the body of an `async fn`.
fn is_closure(function: &str) -> bool {
    without_closure(function).len() < function.len()
}

/// Returns the function that contains a closure, across nested closures.
fn without_closures(mut function: &str) -> &str {
    while is_closure(function) {
        function = without_closure(function);
    }
    function
}

/// Returns the function that contains a closure; empty if nothing but the closure is known.
pub fn without_closure(function: &str) -> &str {
    let (around, last) = function.rsplit_once("::").unwrap_or(("", function));
    if last == "{{closure}}" || last.starts_with("{closure#") { around } else { function }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_written_as_in_pytorch() {
        let linear = Frame { function: "wan::linear".to_owned(), file: "src/a.rs".to_owned(), line: 7 };
        assert_eq!(Shown::of(&linear).to_string(), "src/a.rs(7): wan::linear");
        assert_eq!(Shown { file: "", ..Shown::of(&linear) }.to_string(), "wan::linear");
    }

    #[test]
    fn a_body_is_recognised_with_and_without_its_path() {
        for body in ["wan::block::{{closure}}", "wan::block::{closure#0}", "{closure#0}", "wan::block"] {
            assert!(is_body_of(body, "wan::block") && is_body_of(body, "block"), "{body}");
        }
        assert!(!is_body_of("wan::other::{{closure}}", "wan::block"));
    }
}
