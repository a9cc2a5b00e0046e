//! `stacks_cpu_rank*.txt` and `stacks_cuda_rank*.txt`: time by call stack, for flamegraph.pl,
//! inferno and speedscope.
//!
//! Each line is a distinct stack, outermost function first, followed by the name of the range, a
//! space, and the range's own time in whole microseconds. For the GPU, the name of the kernel, copy
//! or fill follows the range that launched it, and the time is its time on the GPU. PyTorch writes
//! one line per event and leaves out the range's name; readers sum the lines up and benefit from
//! the name.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::Path;

use crate::model::{PlacedOp, Trace};
use crate::records::frames::{Shown, Symbols};
use crate::text;
use profiler_core::site::Site;

/// Name in place of a range for work that no range launched.
const NO_RANGE: &str = "(no range)";

/// Time by stack: own time of ranges, or time of GPU work.
#[derive(Debug)]
pub(super) struct Folded {
    /// Nanoseconds by line: outermost function first, then the range, then the kernel. Lines
    /// contain no source positions, so that calls from two lines of a function share a box in the
    /// flame graph.
    lines: BTreeMap<String, u64>,
    #[cfg_attr(not(feature = "flamegraph"), allow(dead_code))]
    pub(super) is_gpu: bool,
}

impl Folded {
    /// Folds the host's time in one pass over the trace, keeping one entry per distinct stack in
    /// memory.
    ///
    /// # Errors
    ///
    /// Returns the reason if there is nothing to show.
    pub(super) fn cpu(trace: &Trace) -> Result<Self, String> {
        let mut sums: HashMap<Box<[u64]>, Vec<(&'static Site, u64)>> = HashMap::new();
        for thread in 0..trace.threads.len() {
            trace.walk(thread, |slice| {
                let stack = slice.args().stack.as_slice();
                let stack_sums = match sums.get_mut(stack) {
                    Some(existing) => existing,
                    None => sums.entry(stack.into()).or_default(),
                };
                match stack_sums.iter_mut().find(|(site, _)| std::ptr::eq(*site, slice.site)) {
                    Some((_, sum)) => *sum += slice.self_ns(),
                    None => stack_sums.push((slice.site, slice.self_ns())),
                }
            });
        }
        if sums.is_empty() {
            return Err("no range was recorded".to_owned());
        }
        let mut lines = BTreeMap::new();
        for (stack, sites) in &sums {
            for (site, ns) in sites {
                *lines.entry(line(&trace.symbols, stack, &[site.name()])).or_default() += ns;
            }
        }
        Self { lines, is_gpu: false }.non_empty()
    }

    /// Folds the GPU's work by the stack of the range that launched it. Work that no range launched
    /// has no stack.
    ///
    /// # Errors
    ///
    /// Returns the reason if there is nothing to show.
    pub(super) fn gpu(trace: &Trace) -> Result<Self, String> {
        let gpu = trace.gpu.as_ref().map_err(|reason| format!("no GPU was recorded: {reason}"))?;
        if gpu.ops.is_empty() {
            return Err("the GPU did nothing".to_owned());
        }
        let mut by_range: HashMap<u64, HashMap<Cow<'_, str>, u64>> = HashMap::new();
        for PlacedOp { op, external_id, .. } in &gpu.ops {
            let kernels = by_range.entry(*external_id).or_default();
            *kernels.entry(gpu.name_of(&op.work)).or_default() += op.end.saturating_sub(op.begin);
        }
        let mut lines = BTreeMap::new();
        let mut push = |stack: &[u64], range: &str, kernels: HashMap<Cow<'_, str>, u64>| {
            for (kernel, ns) in kernels {
                *lines.entry(line(&trace.symbols, stack, &[range, &kernel])).or_default() += ns;
            }
        };
        for thread in 0..trace.threads.len() {
            trace.walk(thread, |slice| {
                if let Some(kernels) = by_range.remove(&slice.external_id) {
                    push(&slice.args().stack, slice.site.name(), kernels);
                }
            });
        }
        by_range.into_values().for_each(|kernels| push(&[], NO_RANGE, kernels));
        Self { lines, is_gpu: true }.non_empty()
    }

    /// Returns an error if no line would be written.
    fn non_empty(self) -> Result<Self, String> {
        if self.micros().next().is_none() { Err("no stack took a whole microsecond".to_owned()) } else { Ok(self) }
    }

    /// Writes the file.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.micros().try_for_each(|(line, micros)| writeln!(out, "{line} {micros}"))
    }

    /// Returns the lines with at least one whole microsecond.
    pub(super) fn micros(&self) -> impl Iterator<Item = (&str, u64)> {
        self.lines.iter().map(|(line, ns)| (line.as_str(), ns / 1000)).filter(|(_, micros)| *micros > 0)
    }
}

/// Builds a line without its time; `names` follow the functions: the range, and the work that it
/// launched.
fn line(symbols: &Symbols, stack: &[u64], names: &[&str]) -> String {
    let mut frames: Vec<Shown<'_>> = symbols.frames(stack).collect();
    frames.reverse();
    let mut line = String::new();
    for frame in frames {
        push(&mut line, &function(frame));
    }
    for name in names {
        push(&mut line, name);
    }
    line
}

/// Returns the name of a frame without its source position. A closure without a known function
/// keeps its file name.
fn function(frame: Shown<'_>) -> Cow<'_, str> {
    match Path::new(frame.file).file_name() {
        Some(file) if frame.function.starts_with('{') => {
            Cow::Owned(format!("{}:{}", file.to_string_lossy(), frame.function))
        }
        _ => Cow::Borrowed(frame.function),
    }
}

/// Appends a frame. Characters that separate frames or the number become `_`, as in PyTorch.
fn push(line: &mut String, frame: &str) {
    if !line.is_empty() {
        line.push(';');
    }
    let plain = |letter: char| if letter == ';' || letter.is_whitespace() || text::acts(letter) { '_' } else { letter };
    line.extend(frame.chars().map(plain));
    if frame.is_empty() {
        line.push('_');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_is_replaced() {
        let mut line = String::new();
        for frame in ["a b", "<[f32; 4] as X>::f", "tab\there\n", ""] {
            push(&mut line, frame);
        }
        assert_eq!(line, "a_b;<[f32__4]_as_X>::f;tab_here_;_");
    }
}
