//! Merge of several ranks' traces into one file, for viewers that show them together.
//!
//! ```text
//! files ─► input (metadata, then one event per line) ─► align (computes clock offsets) ─► rewrite (event by event) ─► sink
//! ```
//!
//! An event is copied byte by byte except for its numbers: `pid`, `ts` and ids. So names stay as
//! they were written, no slice changes its length, and memory does not grow with the traces. The
//! merge is the counterpart of [`chrome`](super::chrome): it reads what that writes, and both write
//! through [`sink`](crate::export::output::sink).

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

use align::RankOffset;
use input::Input;
use metadata::Metadata;
use rewrite::Rewriter;

/// Merges the traces of several ranks into the file `output`, gzip-compressed if its name ends in
/// `.gz`. A pipe or device is written into; if `output` is a link, its target is replaced.
///
/// An input is a trace of this profiler, or a folder, from which every `trace_rank*.json` and
/// `.json.gz` is taken. Processes are named and sorted by rank, ids are made unique, and times are
/// converted to the clock of the lowest rank. Ranks on one host share a monotonic clock and align
/// up to the error of its readings; ranks on different hosts align as well as their real-time
/// clocks do. [`MergedRank`] and the file's metadata state the offset and uncertainty of each rank.
///
/// Reads one event at a time, about 230 MB of traces per second of CPU time, in constant memory.
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
/// Returns an error for ranks of different sessions, for a rank that occurs twice, for a trace
/// without clock anchors, for a file that is truncated or not a trace of this profiler, or if
/// reading or writing fails. [`MergeOptions::force`] turns a session mismatch and missing clock
/// anchors into notes. On error, an earlier file at `output` is unchanged.
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
    ranks.sort_by_key(|input| input.metadata.distributed.rank);
    let notes = check::notes(&ranks, options.force)?;
    let offsets = align::offsets(&ranks.iter().map(|input| &input.metadata).collect::<Vec<_>>());
    write(ranks, &offsets, output, notes)
}

/// Returns the input files, and the traces in the input folders.
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
    offsets: &[RankOffset],
    output: &Path,
    mut notes: Vec<String>,
) -> Result<MergedTrace, MergeError> {
    let metadata: Vec<&Metadata> = ranks.iter().map(|input| &input.metadata).collect();
    let base = container::base(&metadata, offsets);
    notes.extend(offsets.iter().zip(&metadata).filter_map(|(offset, rank)| offset.doubt(rank.distributed.rank)));
    let session = metadata.first().map_or("", |first| &first.profiler.session).to_owned();
    let opening = container::opening(&ranks, offsets, base, &notes);
    let mut merged_ranks = Vec::with_capacity(ranks.len());
    let gzip = output.extension().is_some_and(|extension| extension == "gz");
    let written = write_file(output, gzip, |out| {
        let mut page = Page::new(out);
        page.text.extend_from_slice(&opening?);
        merged_ranks = copy(ranks, offsets, base, &mut page).map_err(io::Error::other)?;
        close(&mut page.text, &output.to_string_lossy());
        page.finish()
    });
    let failed = |source| MergeError::Write { file: output.to_owned(), source: Arc::new(source) };
    let written = written.map_err(|error| error.downcast().unwrap_or_else(failed))?;
    Ok(MergedTrace { path: output.to_owned(), bytes: written.bytes, session, ranks: merged_ranks, notes })
}

/// Copies all events of all ranks.
fn copy(
    ranks: Vec<Input>,
    offsets: &[RankOffset],
    base: u64,
    page: &mut Page<'_>,
) -> Result<Vec<MergedRank>, MergeError> {
    let mut rewriter = Rewriter::default();
    let mut merged = Vec::with_capacity(ranks.len());
    for (Input { metadata, events: mut lines }, offset) in ranks.into_iter().zip(offsets) {
        rewriter.begin_rank(&metadata, container::shift(&metadata, offset, base));
        let mut events = 0;
        while let Some(event) = lines.next_event()? {
            if !merged.is_empty() || events > 0 {
                page.text.extend_from_slice(b",\n");
            }
            if let Err(what) = rewriter.event(event, &mut page.text) {
                return Err(lines.malformed(what));
            }
            page.flush_if_full();
            events += 1;
        }
        let RankOffset { alignment, offset_ns, uncertainty_ns } = *offset;
        let (rank, host, file) = (metadata.distributed.rank, metadata.host_name, lines.file);
        merged.push(MergedRank { rank, host, file, events, alignment, offset_ns, uncertainty_ns });
    }
    Ok(merged)
}
