//! `flame_cpu_rank*.svg` and `flame_cuda_rank*.svg`: the folded stacks as flame graphs, to be opened in a browser. Behind the feature
//! `flamegraph`: inferno, which draws it, is under the CDDL, and a program may not want that.

use std::io::{self, Write};

use crate::model::Context;

use super::folded::Folded;

/// Why there is no picture, if there is none.
pub(in crate::export) const OFF: Option<&str> = if cfg!(feature = "flamegraph") {
    None
} else {
    Some(
        "the crate feature `flamegraph` is off: switch it on, or draw it from the folded stacks with `inferno-flamegraph`",
    )
};

/// Whose time a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) enum Of {
    /// The host's.
    Cpu,
    /// The GPU's.
    Cuda,
}

/// Draws the picture.
#[cfg(feature = "flamegraph")]
pub(in crate::export) fn write(stacks: &Folded, of: Of, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};

    use crate::export::format::xml;

    let shown = |text: &str| text.chars().map(xml::shown).collect::<String>();
    let lines: Vec<String> = stacks.micros().map(|(line, micros)| format!("{} {micros}", shown(line))).collect();
    let mut options = Options::default();
    let (time, what, names) = match of {
        Of::Cpu => ("CPU time", "own time of ranges by call stack", "functions and ranges"),
        Of::Cuda => ("GPU time", "kernels by the call stack that launched them", "functions, ranges and kernels"),
    };
    options.title = shown(&format!("{time} of {}, {}", context.process_name, context.place()));
    options.subtitle = Some(shown(&format!("session {}: {what}", context.session)));
    "µs".clone_into(&mut options.count_name);
    names.clone_into(&mut options.name_type);
    // The head of a kernel's name says what it is, and the tail of a function's path.
    if matches!(of, Of::Cuda) {
        options.text_truncate_direction = TextTruncateDirection::Right;
    }
    // The same program gets the same colours.
    options.hash = true;
    from_lines(&mut options, lines.iter().map(String::as_str), out).map_err(io::Error::other)
}

/// Never called: [`OFF`] says why.
#[cfg(not(feature = "flamegraph"))]
pub(in crate::export) fn write(_stacks: &Folded, _of: Of, _context: &Context, _out: &mut dyn Write) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
