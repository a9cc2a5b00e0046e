//! `flame_cpu_rank*.svg`: the folded stacks as a flame graph, to be opened in a browser. Behind the feature
//! `flamegraph`: inferno, which draws it, is under the CDDL, and a program may not want that.

use std::io::{self, Write};

use crate::model::Context;

use super::folded::Folded;

/// Why there is no picture, if there is none.
pub(super) const OFF: Option<&str> = if cfg!(feature = "flamegraph") {
    None
} else {
    Some(
        "the crate feature `flamegraph` is off: switch it on, or draw it from the folded stacks with `inferno-flamegraph`",
    )
};

/// Draws the picture.
#[cfg(feature = "flamegraph")]
pub(super) fn write(stacks: &Folded, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    use inferno::flamegraph::{Options, from_lines};

    let lines: Vec<String> = stacks.functions().collect();
    let mut options = Options::default();
    options.title = format!("CPU time of {}, rank {}", context.process_name, context.rank);
    options.subtitle = Some(format!("session {}: own time of ranges by call stack", context.session));
    "µs".clone_into(&mut options.count_name);
    "functions and ranges".clone_into(&mut options.name_type);
    // The same program gets the same colours.
    options.hash = true;
    from_lines(&mut options, lines.iter().map(String::as_str), out).map_err(io::Error::other)
}

/// Never called: [`OFF`] says why.
#[cfg(not(feature = "flamegraph"))]
pub(super) fn write(_stacks: &Folded, _context: &Context, _out: &mut dyn Write) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
