//! The code that recorded addresses lie in: function, file and line, looked up once per address when a session is over.

use std::collections::HashMap;
use std::fmt;

/// Names for the addresses of a recording's call stacks.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    by_address: HashMap<u64, Vec<Frame>>,
}

/// One function of a call stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Frame {
    /// Path of the function.
    pub(crate) function: String,
    /// Source file, empty if the program carries no debug information.
    pub(crate) file: String,
    /// Line in the file, 0 if it is not known.
    pub(crate) line: u32,
}

impl Symbols {
    /// The functions of a stack, leaf first; inlined ones are told, those of the profiler and of the runtime's start-up
    /// are left out. A lookup per address, no allocation.
    pub(crate) fn frames<'a>(&'a self, stack: &'a [u64]) -> impl Iterator<Item = &'a Frame> + 'a {
        stack.iter().filter_map(|address| self.by_address.get(address)).flatten()
    }
}

impl fmt::Display for Frame {
    /// As in PyTorch's traces: `file(line): function`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.file.is_empty() {
            f.write_str(&self.function)
        } else {
            write!(f, "{}({}): {}", self.file, self.line, self.function)
        }
    }
}
