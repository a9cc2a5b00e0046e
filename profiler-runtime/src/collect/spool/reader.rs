//! Reads the spool of a dead process.
//!
//! The contents are untrusted: rows and lines carry checksums, lengths come from the file's size,
//! and whatever does not fit is skipped and counted. A thread's entries end at the first one that
//! was never written; the last one may be torn.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::journal::{self, DriverLine, JournalLine, SiteLine, WindowLine};
use super::{
    ANCHOR, ANCHORS, CHECK, CHUNKS, ChunkAllocator, HEADER, HORIZON, ITERATIONS, JOURNALS, LOST, MAGIC, OVERWRITTEN,
    SLAB, Spool, VERSION, anchor_words, check, chunk_at, row_at,
};
use crate::os::mapping::{self, Mapping};
use profiler_core::clock::Anchor;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::carry_over::Carry;
use profiler_core::stream::chunk::{Chunk, ENTRIES};
use profiler_core::stream::entry::Entry;
use profiler_core::stream::losses::Losses;
use profiler_core::stream::registry::{Log, ThreadIdentity, ThreadLog};
use profiler_core::stream::segment::Run;
use profiler_core::stream::shared::Shared;

/// Highest plausible site number; higher ones are ignored.
const MAX_SITES: u32 = 1 << 20;

/// A recording read from a spool.
pub(crate) struct RecoveredSpool {
    /// Last description of its session.
    pub(crate) session: Value,
    /// Driver of the session, if it became known after the session's start.
    pub(crate) driver: Option<DriverLine>,
    /// Lines about loaded code, in order.
    pub(crate) code: Vec<Value>,
    /// Last state of the source of GPU times.
    pub(crate) gpu: Option<Value>,
    /// Entries of its last recording.
    pub(crate) log: Log,
    /// Sites in order of number.
    pub(crate) sites: Vec<&'static Site>,
    /// Anchors: the process's first, the recording's start, and the last one stored.
    pub(crate) process: Anchor,
    pub(crate) start: Anchor,
    pub(crate) last: Anchor,
    /// Tick of the last entry.
    pub(crate) end: u64,
    /// Number of completed iterations.
    pub(crate) iterations: u64,
    /// Number of torn entries.
    pub(crate) torn: u64,
    /// Number of missing entries between others, of unreadable lines and of unreadable rows.
    pub(crate) unreadable: u64,
    /// Lock of the journal, which keeps other processes from recovering it.
    pub(crate) lock: File,
}

/// The reason why a spool cannot be recovered.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// Its process is alive.
    Alive,
    /// It cannot be read; the sentence says why.
    Unreadable(String),
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The contents of a journal.
#[derive(Default)]
struct JournalContents {
    session: Option<Value>,
    driver: Option<DriverLine>,
    code: Vec<Value>,
    gpu: Option<Value>,
    threads: HashMap<u32, ThreadIdentity>,
    sites: BTreeMap<u32, SiteLine<'static>>,
    window: Option<WindowLine>,
    unreadable: u64,
}

/// Reads a spool and locks its journal.
///
/// # Errors
///
/// Returns an error if its process is alive, or if the files are no spool.
pub(crate) fn open(entries: &Path, journal: &Path) -> Result<RecoveredSpool, SpoolError> {
    let lock = File::options().read(true).append(true).open(journal)?;
    if !mapping::lock(&lock)? {
        return Err(SpoolError::Alive);
    }
    let journal = JournalContents::read(&fs::read(journal)?);
    let (Some(session), Some(window)) = (journal.session, journal.window) else {
        return Err(SpoolError::Unreadable(
            "its journal does not say what was recorded: nothing was, or it is damaged".into(),
        ));
    };
    let spool = Arc::new(Spool::open(entries)?);
    let horizon = spool.horizon();
    let mut chunks = spool.chunks();
    let (mut torn, mut gaps, mut threads) = (0, 0, Vec::new());
    for (ordinal, pieces) in &mut chunks {
        let from = window.from.iter().find(|(known, _)| known == ordinal).map_or(0, |(_, position)| *position);
        let (runs, missing) = join(pieces, from);
        gaps += missing;
        let unknown = || ThreadIdentity { ordinal: *ordinal, os_id: 0, name: format!("thread {ordinal}") };
        let thread = journal.threads.get(ordinal).cloned().unwrap_or_else(unknown);
        threads.push(ThreadLog { thread: thread.into(), runs: runs.into(), lost: 0, carry: None });
    }
    for thread in &mut threads {
        torn += u64::from(drop_torn(thread));
        if horizon > 0 {
            thread.carry = Some(Carry::of_orphans(thread.entries(), horizon).into());
        }
    }
    threads.retain(|thread| !thread.runs.is_empty());
    threads.sort_by_key(|thread| thread.thread.identity().ordinal);
    let last = spool.last_anchor().filter(|last| last.ticks > window.start.ticks).unwrap_or(window.start);
    let end = threads.iter().filter_map(last_ticks).max().unwrap_or(0).max(window.start.ticks);
    let gone = Carry::of_overwritten(spool.count(OVERWRITTEN));
    Ok(RecoveredSpool {
        session,
        driver: journal.driver,
        code: journal.code,
        gpu: journal.gpu,
        log: Log {
            threads,
            // Included in `lost_elsewhere`.
            losses: Losses::default(),
            lost_elsewhere: spool.count(LOST),
            gone,
            horizon,
        },
        sites: sites(journal.sites),
        process: window.process,
        start: window.start,
        last,
        end,
        iterations: spool.count(ITERATIONS),
        torn,
        unreadable: journal.unreadable + gaps + spool.damaged(),
        lock,
    })
}

impl JournalContents {
    fn read(journal: &[u8]) -> Self {
        let (lines, unreadable) = journal::read(journal);
        let mut contents = Self { unreadable, ..Self::default() };
        for line in lines {
            match line {
                JournalLine::Session(session) => (contents.session, contents.driver) = (Some(session), None),
                JournalLine::Driver(driver) => contents.driver = Some(driver),
                JournalLine::Thread { ordinal, os_id, name } => {
                    let name = name.into_owned();
                    contents.threads.insert(ordinal, ThreadIdentity { ordinal, os_id, name });
                }
                JournalLine::Site(site) => drop(contents.sites.insert(site.number, site)),
                JournalLine::Window(window) => contents.window = Some(window),
                JournalLine::Code(code) => contents.code.push(code),
                JournalLine::Events(gpu) => contents.gpu = Some(gpu),
            }
        }
        contents
    }
}

/// One chunk of a thread: the position of its first entry, and its entries.
type Piece = (u64, Run);

impl Spool {
    fn open(path: &Path) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        // Opening a pipe would block until it has a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(wrong("the file of entries is no file"));
        }
        let file = File::open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if bytes < HEADER {
            return Err(wrong("the file of entries is too short"));
        }
        let mapping = Mapping::new(file, bytes, false)?;
        // ORDERING: no process writes to the file any more.
        if mapping.word(0).load(Ordering::Relaxed) != MAGIC {
            return Err(wrong("the file of entries is no spool of this kind of machine"));
        }
        let version = mapping.word(8).load(Ordering::Relaxed);
        if version != VERSION {
            return Err(wrong(&format!(
                "its journal has version {}, this one reads {}: recover it with the version of `profiler-runtime` that \
                 its program was built with",
                journal_version(version),
                journal_version(VERSION),
            )));
        }
        // CAST: a file of this many slabs does not fit on any disk.
        let slabs = ((bytes - HEADER) / SLAB) as u32;
        let chunks = ChunkAllocator::read_only(slabs, slabs.saturating_mul(CHUNKS as u32));
        Ok(Self { mapping, path: path.to_owned(), capacity: 0, chunks: Mutex::new(chunks), journal: None })
    }

    fn number(&self, at: usize) -> u64 {
        // ORDERING: no process writes to the file any more.
        self.mapping.word(at).load(Ordering::Relaxed)
    }

    /// Returns a count, capped so that sums of counts do not overflow.
    fn count(&self, at: usize) -> u64 {
        self.number(at).min(1 << 60)
    }

    fn horizon(&self) -> u64 {
        self.number(HORIZON)
    }

    fn last_anchor(&self) -> Option<Anchor> {
        let read = |turn: usize| {
            let at = ANCHORS + turn * ANCHOR;
            let [ticks, monotonic_ns, unix_ns, uncertainty_ticks, asleep_ns] =
                [0, 8, 16, 24, 32].map(|word| self.number(at + word));
            let anchor = Anchor { ticks, monotonic_ns, unix_ns, uncertainty_ticks, asleep_ns };
            (self.number(at + CHECK) == u64::from(check(&anchor_words(&anchor)))).then_some(anchor)
        };
        [read(0), read(1)].into_iter().flatten().max_by_key(|anchor| anchor.ticks)
    }

    /// Returns a chunk's thread and its position in that thread's stream; an error if the row is
    /// damaged.
    fn row(&self, number: u32) -> Result<Option<(u32, u64)>, ()> {
        let at = row_at(number);
        let (base, second) = (self.number(at), self.number(at + 8));
        // CAST: the halves.
        let (thread, sum) = ((second >> 32) as u32, second as u32);
        match sum {
            0 => Ok(None),
            _ if sum == check(&[base, thread.into(), number.into()]) && base < 1 << 60 => Ok(Some((thread, base))),
            _ => Err(()),
        }
    }

    fn damaged(&self) -> u64 {
        (0..self.allocator().used()).filter(|number| self.row(*number).is_err()).count() as u64
    }

    /// Returns every chunk with entries, grouped by thread.
    fn chunks(self: &Arc<Self>) -> BTreeMap<u32, Vec<Piece>> {
        let mut found: BTreeMap<u32, Vec<Piece>> = BTreeMap::new();
        let used = self.allocator().used();
        for number in 0..used {
            let Ok(Some((thread, base))) = self.row(number) else { continue };
            let start = self.mapping.at(chunk_at(number));
            let chunk = Chunk::found(Arc::clone(self) as _, number, start, base, ENTRIES);
            // SAFETY: any bytes are valid entries, and no process writes to the file any more.
            let length = written(unsafe { chunk.published(0, ENTRIES) });
            chunk.release();
            if length > 0 {
                // SAFETY: as above.
                found.entry(thread).or_default().push((base, unsafe { Run::new(Shared::new(chunk), 0, length) }));
            }
        }
        found
    }
}

/// Returns the name of a layout version.
fn journal_version(word: u64) -> String {
    let known = JOURNALS.iter().find(|(known, _)| *known == word);
    known.map_or_else(|| format!("of layout {word}"), |(_, name)| format!("{name} (layout {word})"))
}

/// Returns the number of entries that were written to a chunk; the rest is zero. Entries inside may
/// be zero too, if a power failure has lost a page.
fn written(entries: &[Entry]) -> usize {
    entries.iter().rposition(|entry| !entry.is_empty()).map_or(0, |last| last + 1)
}

/// Returns a thread's runs in order from position `from` on, and the number of entries that are
/// missing between them.
fn join(pieces: &mut Vec<Piece>, from: u64) -> (Vec<Run>, u64) {
    pieces.sort_by_key(|(base, _)| *base);
    let (mut runs, mut missing, mut next) = (Vec::new(), 0, None);
    for (base, mut run) in pieces.drain(..) {
        let end = base + run.entries().len() as u64;
        if end <= from || next.is_some_and(|next| base < next) {
            continue;
        }
        missing += next.map_or(0, |next| base - next);
        run.skip(from.saturating_sub(base) as usize);
        next = Some(end);
        runs.push(run);
    }
    (runs, missing)
}

/// Drops the last entry if only half of it was stored.
fn drop_torn(thread: &mut ThreadLog) -> bool {
    let Some(last) = thread.runs.last_mut() else { return false };
    let is_torn = last.entries().last().is_some_and(|entry| entry.is_timed() && entry.value() == 0);
    if is_torn {
        last.drop_last();
    }
    is_torn
}

fn last_ticks(thread: &ThreadLog) -> Option<u64> {
    let last = thread.runs.last()?;
    last.entries().iter().rev().find(|entry| entry.is_timed()).map(|entry| entry.value())
}

/// Returns all sites up to the highest number. A site that is missing in the journal is named by
/// its number.
fn sites(mut known: BTreeMap<u32, SiteLine<'_>>) -> Vec<&'static Site> {
    known.retain(|number, _| (1..=MAX_SITES).contains(number));
    let last = known.last_key_value().map_or(0, |(number, _)| *number);
    // A gap costs memory for each site in it; a journal with an implausible gap is not trusted.
    let last = if last as usize > 2 * known.len() + 64 { 0 } else { last };
    let lost = |number: u32| -> &'static Site {
        let name = Box::leak(format!("site {number}").into_boxed_str());
        Box::leak(Box::new(Site::new(Kind::Stage, name, "", 0, "")))
    };
    (1..=last).map(|number| known.remove(&number).map_or_else(|| lost(number), SiteLine::leak)).collect()
}
