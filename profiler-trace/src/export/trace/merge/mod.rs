//! Several ranks' traces as one file, for a viewer that shows them above each other.
//!
//! ```text
//! files ─► input (head; then one event a line) ─► align (pure: whose clock is how far off) ─► rewrite (event by event) ─► sink
//! ```
//!
//! An event is copied byte by byte but for its numbers: `pid`, `ts` and ids. So every name arrives
//! as it was written, no slice changes its length, and memory does not grow with the trace. It lies
//! beside the writers because it is the other half of [`chrome`](super::chrome): what that writes,
//! this reads, and both go through the same [`sink`](crate::export::sink).

mod align;
mod check;
mod container;
mod error;
mod input;
mod merged;
mod metadata;
mod rewrite;
mod rows;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use crate::export::output::sink::write_file;
use crate::export::trace::buffer::Page;
use crate::export::trace::chrome::container::close;

pub use align::Alignment;
pub use error::MergeError;
pub use merged::{MergeOptions, MergedRank, MergedTrace};

use align::Placed;
use input::Input;
use metadata::Head;
use rewrite::Rewriter;

/// Merges the traces of several ranks into the file `output`, compressed if its name ends in `.gz`.
/// A pipe or a device is written into; behind a link, the link's target is replaced.
///
/// An input is a trace of this profiler, or a folder, of which every `trace_rank*.json` and
/// `.json.gz` is taken. Processes are named and sorted by rank, ids stay apart, and times are
/// brought to the clock of the lowest rank: ranks of one host share a monotonic clock and fit to
/// within the reading of it; those of different hosts fit as well as their real-time clocks do.
/// [`MergedRank`] and the file's metadata state offset and uncertainty of each.
///
/// Reads one event at a time, about 230 MB of traces per second of CPU time; memory does not grow
/// with them.
///
/// ```no_run
/// # use profiler_trace as profiler_runtime;
/// use profiler_runtime::merge::{MergeOptions, merge};
///
/// let merged = merge(&["perf/job-7"], "perf/job-7/trace_merged.json.gz", &MergeOptions::default())?;
/// for rank in &merged.ranks {
///     println!("rank {} on {}: {} ns, ± {:?} ns", rank.rank, rank.host, rank.offset_ns, rank.uncertainty_ns);
/// }
/// # Ok::<(), profiler_runtime::merge::MergeError>(())
/// ```
///
/// # Errors
///
/// Ranks of different sessions, a rank twice, a trace without clock anchors, a file that is not a
/// trace of this profiler or is cut off; and what reading and writing may meet. The first and the
/// third give way to [`MergeOptions::force`]. Nothing is left under the name `output` that was not
/// there before.
pub fn merge<P: AsRef<Path>>(
    inputs: &[P],
    output: impl AsRef<Path>,
    options: &MergeOptions,
) -> Result<MergedTrace, MergeError> {
    let output = output.as_ref();
    let files = files_of(inputs)?;
    if let Some(input) = files.iter().find(|file| is_same_file(file, output)) {
        return Err(MergeError::OutputIsInput { file: input.clone() });
    }
    let mut ranks = files.into_iter().map(Input::open).collect::<Result<Vec<_>, _>>()?;
    ranks.sort_by_key(|input| input.head.distributed.rank);
    let notes = check::notes(&ranks, options.force)?;
    let placed = align::place(&ranks.iter().map(|input| &input.head).collect::<Vec<_>>());
    write(ranks, &placed, output, notes)
}

/// Returns the traces among and in the inputs.
fn files_of(inputs: &[impl AsRef<Path>]) -> Result<Vec<PathBuf>, MergeError> {
    let mut files = Vec::new();
    for input in inputs.iter().map(AsRef::as_ref) {
        if !input.is_dir() {
            if is_perfetto_name(&input.to_string_lossy()) {
                return Err(MergeError::Perfetto { file: input.to_owned() });
            }
            files.push(input.to_owned());
            continue;
        }
        let failed = |source| MergeError::Read { file: input.to_owned(), source: Arc::new(source) };
        let (before, mut perfetto) = (files.len(), None);
        for entry in fs::read_dir(input).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if is_trace_name(&name.to_string_lossy()) {
                files.push(entry.path());
            } else if is_perfetto_name(&name.to_string_lossy()) {
                perfetto = Some(entry.path());
            }
        }
        if files.len() == before {
            let none = MergeError::NoTraces { folder: input.to_owned() };
            return Err(perfetto.map_or(none, |file| MergeError::Perfetto { file }));
        }
    }
    if files.is_empty() { Err(MergeError::NoInputs) } else { Ok(files) }
}

fn is_trace_name(name: &str) -> bool {
    name.starts_with("trace_rank") && (name.ends_with(".json") || name.ends_with(".json.gz"))
}

fn is_perfetto_name(name: &str) -> bool {
    name.ends_with(".pftrace") || name.ends_with(".pftrace.gz")
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

fn write(
    ranks: Vec<Input>,
    placed: &[Placed],
    output: &Path,
    mut notes: Vec<String>,
) -> Result<MergedTrace, MergeError> {
    let heads: Vec<&Head> = ranks.iter().map(|input| &input.head).collect();
    let base = container::base(&heads, placed);
    notes.extend(placed.iter().zip(&heads).filter_map(|(placed, head)| placed.doubt(head.distributed.rank)));
    let session = heads.first().map_or("", |head| &head.profiler.session).to_owned();
    let opening = container::opening(&ranks, placed, base, &notes);
    let mut merged_ranks = Vec::with_capacity(ranks.len());
    let gzip = output.extension().is_some_and(|extension| extension == "gz");
    let written = write_file(output, gzip, |out| {
        let mut page = Page::new(out);
        page.text.extend_from_slice(&opening?);
        merged_ranks = copy(ranks, placed, base, &mut page).map_err(io::Error::other)?;
        close(&mut page.text, &output.to_string_lossy());
        page.finish()
    });
    let failed = |source| MergeError::Write { file: output.to_owned(), source: Arc::new(source) };
    let written = written.map_err(|error| error.downcast().unwrap_or_else(failed))?;
    Ok(MergedTrace { path: output.to_owned(), bytes: written.bytes, session, ranks: merged_ranks, notes })
}

/// Copies every event of every rank.
fn copy(ranks: Vec<Input>, placed: &[Placed], base: u64, page: &mut Page<'_>) -> Result<Vec<MergedRank>, MergeError> {
    let mut rewriter = Rewriter::default();
    let mut merged = Vec::with_capacity(ranks.len());
    for (Input { head, events: mut lines }, placed) in ranks.into_iter().zip(placed) {
        rewriter.begin_rank(&head, container::shift(&head, placed, base));
        let mut events = 0;
        while let Some(event) = lines.next_event()? {
            if !merged.is_empty() || events > 0 {
                page.text.extend_from_slice(b",\n");
            }
            if let Err(what) = rewriter.event(event, &mut page.text) {
                return Err(lines.malformed(what));
            }
            page.pause();
            events += 1;
        }
        let Placed { alignment, offset_ns, uncertainty_ns } = *placed;
        let (rank, host, file) = (head.distributed.rank, head.host_name, lines.file);
        merged.push(MergedRank { rank, host, file, events, alignment, offset_ns, uncertainty_ns });
    }
    Ok(merged)
}
