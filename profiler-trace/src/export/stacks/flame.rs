//! `flame_cpu_rank*.svg` and `flame_cuda_rank*.svg`: the folded stacks as flame graphs, to be opened in a browser. Behind the feature
//! `flamegraph`: inferno, which draws it, is under the CDDL, and a program may not want that.

use std::io::{self, Write};

use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};

use crate::export::format::xml;
use crate::model::Context;

use super::Words;
use super::folded::Folded;

/// Draws the picture.
pub(super) fn write(stacks: &Folded, words: Words, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let Words { time, what, names, keeps_head } = words;
    let shown = |text: &str| text.chars().map(xml::shown).collect::<String>();
    let lines: Vec<String> = stacks.micros().map(|(line, micros)| format!("{} {micros}", shown(line))).collect();
    let mut options = Options::default();
    options.title = shown(&format!("{time} of {}, {}", context.process_name, context.place()));
    options.subtitle = Some(shown(&format!("session {}: {what}", context.session)));
    "µs".clone_into(&mut options.count_name);
    names.clone_into(&mut options.name_type);
    if keeps_head {
        options.text_truncate_direction = TextTruncateDirection::Right;
    }
    // The same program gets the same colours.
    options.hash = true;
    from_lines(&mut options, lines.iter().map(String::as_str), out).map_err(io::Error::other)
}
