//! `flame_cpu_rank*.svg` and `flame_cuda_rank*.svg`: flame graphs of the folded stacks, for a
//! browser. They are behind the feature `flamegraph` because inferno, which draws them, is licensed
//! under the CDDL, which some programs must avoid.

use std::io::{self, Write};

use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};

use crate::export::format::xml;
use crate::model::Context;

use super::folded::Folded;

/// Draws the flame graph.
pub(super) fn write(stacks: &Folded, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let (time, what, names) = if stacks.is_gpu {
        ("GPU time", "kernels by the call stack that launched them", "functions, ranges and kernels")
    } else {
        ("CPU time", "own time of ranges by call stack", "functions and ranges")
    };
    let shown = |text: &str| text.chars().map(xml::shown).collect::<String>();
    let lines: Vec<String> = stacks.micros().map(|(line, micros)| format!("{} {micros}", shown(line))).collect();
    let mut options = Options::default();
    options.title = shown(&format!("{time} of {}, {}", context.process_name, context.process_label()));
    options.subtitle = Some(shown(&format!("session {}: {what}", context.session)));
    "µs".clone_into(&mut options.count_name);
    names.clone_into(&mut options.name_type);
    // The start of a kernel's name identifies it; for a function it is the end of its path.
    if stacks.is_gpu {
        options.text_truncate_direction = TextTruncateDirection::Right;
    }
    // Hashed colours are the same in every run of a program.
    options.hash = true;
    from_lines(&mut options, lines.iter().map(String::as_str), out).map_err(io::Error::other)
}
