//! `flame_cpu_rank*.svg` and `flame_cuda_rank*.svg`: the folded stacks as flame graphs, to be
//! opened in a browser. Behind the feature `flamegraph`: inferno, which draws it, is under the
//! CDDL, and a program may not want that.

use std::io::{self, Write};

use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};

use crate::export::format::xml;
use crate::model::Context;

use super::folded::Folded;

/// Draws the picture.
pub(super) fn write(stacks: &Folded, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let (time, what, names) = if stacks.is_of_gpu {
        ("GPU time", "kernels by the call stack that launched them", "functions, ranges and kernels")
    } else {
        ("CPU time", "own time of ranges by call stack", "functions and ranges")
    };
    let shown = |text: &str| text.chars().map(xml::shown).collect::<String>();
    let lines: Vec<String> = stacks.micros().map(|(line, micros)| format!("{} {micros}", shown(line))).collect();
    let mut options = Options::default();
    options.title = shown(&format!("{time} of {}, {}", context.process_name, context.place()));
    options.subtitle = Some(shown(&format!("session {}: {what}", context.session)));
    "µs".clone_into(&mut options.count_name);
    names.clone_into(&mut options.name_type);
    // The head of a kernel's name says what it is, and the tail of a function's path.
    if stacks.is_of_gpu {
        options.text_truncate_direction = TextTruncateDirection::Right;
    }
    // The same program gets the same colours.
    options.hash = true;
    from_lines(&mut options, lines.iter().map(String::as_str), out).map_err(io::Error::other)
}
