//! Several ranks' traces as one file, for a viewer that shows them above each other.
//!
//! ```text
//! files ─► input (head; then one event a line) ─► align (pure: whose clock is how far off) ─► rewrite (event by event) ─► sink
//! ```
//!
//! An event is copied byte by byte but for its numbers: `pid`, `ts` and ids. So every name arrives as it was written, no
//! slice changes its length, and memory does not grow with the trace. It lies in `export` because it is the other half of
//! [`chrome`](super::chrome): what that writes, this reads, and both go through the same [`sink`](super::sink).

mod align;
mod container;
mod error;
mod head;
mod input;
mod rewrite;
mod rows;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chrome::page::Page;
use super::write_file;

pub use align::Alignment;
pub use error::MergeError;

use align::Placed;
use head::Head;
use input::Input;
use rewrite::{Ids, Rewriter};
use rows::Processes;

/// How ranks are merged.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    force: bool,
}

impl MergeOptions {
    /// Merges ranks of different sessions, and traces without clock anchors, all the same; [`Merged::notes`] says so.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }
}

/// A merged trace, complete and on the disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Merged {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The session of its ranks; that of the first, if they were forced together.
    pub session: String,
    /// The ranks, in ascending order.
    pub ranks: Vec<MergedRank>,
    /// What its reader should know, in full sentences: what was forced, which ranks are missing.
    pub notes: Vec<String>,
}

/// A rank of a [`Merged`] trace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MergedRank {
    /// Its number.
    pub rank: u32,
    /// Where it was read from.
    pub file: PathBuf,
    /// The host it ran on.
    pub host: String,
    /// Its events, all of which are in the merged file.
    pub events: u64,
    /// By what it was placed.
    pub alignment: Alignment,
    /// Nanoseconds that were added to its times, to bring them to the first rank's clock.
    pub offset_ns: i64,
    /// By how many nanoseconds it may still be off against the first rank; `None` if nothing is known of that.
    pub uncertainty_ns: Option<u64>,
}

impl Merged {
    /// Events in the file.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.ranks.iter().map(|rank| rank.events).sum()
    }
}

/// Merges the traces of several ranks into the file `output`, compressed if its name ends in `.gz`.
///
/// An input is a trace of this profiler, or a folder, of which every `trace_rank*.json` and `.json.gz` is taken. Processes
/// are named and sorted by rank, ids stay apart, and times are brought to the clock of the lowest rank: ranks of one host
/// share a monotonic clock and fit to within the reading of it; those of different hosts fit as well as their real-time
/// clocks do. [`MergedRank`] and the file's metadata state offset and uncertainty of each.
///
/// Reads one event at a time, at 200 to 400 MB/s; memory does not grow with the traces.
///
/// ```no_run
/// use profiler_runtime::{MergeOptions, merge};
///
/// let merged = merge(&["perf/job-7"], "perf/job-7/trace_merged.json.gz", &MergeOptions::default())?;
/// for rank in &merged.ranks {
///     println!("rank {} on {}: {} ns, ± {:?} ns", rank.rank, rank.host, rank.offset_ns, rank.uncertainty_ns);
/// }
/// # Ok::<(), profiler_runtime::MergeError>(())
/// ```
///
/// # Errors
///
/// Ranks of different sessions, a rank twice, a trace without clock anchors, a file that is not a trace of this profiler or
/// is cut off; and what reading and writing may meet. The first and the third give way to [`MergeOptions::force`]. Nothing
/// is left under the name `output` that was not there before.
pub fn merge<P: AsRef<Path>>(
    inputs: &[P],
    output: impl AsRef<Path>,
    options: &MergeOptions,
) -> Result<Merged, MergeError> {
    let output = output.as_ref();
    let files = files_of(inputs)?;
    if let Some(input) = files.iter().find(|file| is_same_file(file, output)) {
        return Err(MergeError::OutputIsInput { file: input.clone() });
    }
    let mut ranks = files.into_iter().map(Input::open).collect::<Result<Vec<_>, _>>()?;
    ranks.sort_by_key(|input| input.head.rank());
    let notes = check(&ranks, options.force)?;
    let placed = align::place(&ranks.iter().map(|input| &input.head).collect::<Vec<_>>());
    write(ranks, &placed, output, notes)
}

/// The traces among and in the inputs.
fn files_of(inputs: &[impl AsRef<Path>]) -> Result<Vec<PathBuf>, MergeError> {
    let mut files = Vec::new();
    for input in inputs.iter().map(AsRef::as_ref) {
        if !input.is_dir() {
            files.push(input.to_owned());
            continue;
        }
        let failed = |source| MergeError::Read { file: input.to_owned(), source: Arc::new(source) };
        let before = files.len();
        for entry in fs::read_dir(input).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if is_trace_name(&entry.file_name().to_string_lossy()) {
                files.push(entry.path());
            }
        }
        if files.len() == before {
            return Err(MergeError::NoTraces { folder: input.to_owned() });
        }
    }
    if files.is_empty() { Err(MergeError::NoInputs) } else { Ok(files) }
}

fn is_trace_name(name: &str) -> bool {
    name.starts_with("trace_rank") && (name.ends_with(".json") || name.ends_with(".json.gz"))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

/// Whether these belong together; what had to be overlooked, if `force` allows it. `ranks` are in order.
fn check(ranks: &[Input], force: bool) -> Result<Vec<String>, MergeError> {
    let mut notes = Vec::new();
    let Some(first) = ranks.first() else { return Err(MergeError::NoInputs) };
    for pair in ranks.windows(2) {
        let [one, other] = pair else { continue };
        if one.head.rank() == other.head.rank() {
            let (first, second) = (one.events.file.clone(), other.events.file.clone());
            return Err(MergeError::RankTwice { rank: one.head.rank(), first, second });
        }
    }
    for input in ranks {
        let (file, head) = (&input.events.file, &input.head);
        if head.session() != first.head.session() {
            let error = MergeError::Sessions {
                file: file.clone(),
                session: head.session().to_owned(),
                other_file: first.events.file.clone(),
                other_session: first.head.session().to_owned(),
            };
            overlook(error, force, &mut notes)?;
        }
        if head.clock().is_none() {
            overlook(MergeError::NoAnchors { file: file.clone() }, force, &mut notes)?;
        }
    }
    notes.extend(missing_ranks(ranks));
    Ok(notes)
}

fn overlook(error: MergeError, force: bool, notes: &mut Vec<String>) -> Result<(), MergeError> {
    if !force {
        return Err(error);
    }
    notes.push(format!("merged by force: {error}"));
    Ok(())
}

/// Which ranks of the job are not among these.
fn missing_ranks(ranks: &[Input]) -> Option<String> {
    let size = ranks.iter().map(|input| input.head.world_size()).max().unwrap_or(0);
    let there = |rank: &u32| ranks.iter().any(|input| input.head.rank() == *rank);
    let missing: Vec<String> = (0..size).filter(|rank| !there(rank)).take(16).map(|rank| rank.to_string()).collect();
    let count = (size as usize).saturating_sub(ranks.iter().filter(|input| input.head.rank() < size).count());
    let more = if count > missing.len() { ", …" } else { "" };
    (count > 0).then(|| format!("{count} of {size} ranks are not in this file: {}{more}", missing.join(", ")))
}

fn write(ranks: Vec<Input>, placed: &[Placed], output: &Path, mut notes: Vec<String>) -> Result<Merged, MergeError> {
    let heads: Vec<&Head> = ranks.iter().map(|input| &input.head).collect();
    let base = container::base(&heads, placed);
    notes.extend(placed.iter().zip(&heads).filter_map(|(placed, head)| placed.doubt(head.rank())));
    let session = heads.first().map_or("", |head| head.session()).to_owned();
    let opening = container::opening(&ranks, placed, base, &notes);
    let mut merged_ranks = Vec::with_capacity(ranks.len());
    let mut failure = None;
    let gzip = output.extension().is_some_and(|extension| extension == "gz");
    let written = write_file(output, gzip, |out| {
        let mut page = Page::new(out);
        page.text.extend_from_slice(&opening?);
        match copy(ranks, placed, base, &mut page) {
            Ok(copied) => merged_ranks = copied,
            Err(error) => {
                failure = Some(error);
                return Err(std::io::ErrorKind::InvalidData.into());
            }
        }
        container::close(&mut page, output);
        page.finish()
    });
    if let Some(error) = failure {
        return Err(error);
    }
    let written = written.map_err(|source| MergeError::Write { file: output.to_owned(), source: Arc::new(source) })?;
    Ok(Merged { path: output.to_owned(), bytes: written.bytes, session, ranks: merged_ranks, notes })
}

/// Every event of every rank.
fn copy(ranks: Vec<Input>, placed: &[Placed], base: u64, page: &mut Page<'_>) -> Result<Vec<MergedRank>, MergeError> {
    let (mut processes, mut ids) = (Processes::default(), Ids::default());
    let mut merged = Vec::with_capacity(ranks.len());
    for (Input { head, events: mut lines }, placed) in ranks.into_iter().zip(placed) {
        let shift = container::shift(&head, placed, base);
        let mut rewriter = Rewriter::new(&head, shift, &mut processes, &mut ids);
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
        ids.end_rank();
        merged.push(MergedRank {
            rank: head.rank(),
            host: head.host_name.clone(),
            file: lines.file,
            events,
            alignment: placed.alignment,
            offset_ns: placed.offset_ns,
            uncertainty_ns: placed.uncertainty_ns,
        });
    }
    Ok(merged)
}
