//! A spool that its process has left behind, read back.
//!
//! None of its contents is trusted: rows and lines carry checksums, lengths are those of the file,
//! and the rest is left out and counted. Each thread's entries end at the first that was never
//! written; the very last may be torn.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::journal::{self, DriverNote, Note, SiteNote, WindowNote};
use super::{
    ANCHOR, ANCHORS, CHECK, CHUNKS, HEADER, HORIZON, ITERATIONS, JOURNALS, LOST, MAGIC, OVERWRITTEN, Room, SLAB, Spool,
    VERSION, anchor_words, check, chunk_at, row_at,
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

/// Most sites that are plausible; higher numbers are ignored.
const MOST_SITES: u32 = 1 << 20;

/// The recording of a dead process.
pub(crate) struct Salvaged {
    /// Last note of its session.
    pub(crate) session: Value,
    /// Driver of the session, if it became known later.
    pub(crate) driver: Option<DriverNote>,
    /// Notes of its code, in order.
    pub(crate) code: Vec<Value>,
    /// Last note of the source of GPU times.
    pub(crate) gpu: Option<Value>,
    /// Entries of its last recording.
    pub(crate) log: Log,
    /// Sites in order of number.
    pub(crate) sites: Vec<&'static Site>,
    /// Anchors: its first, the recording's, and the last that was noted.
    pub(crate) process: Anchor,
    pub(crate) start: Anchor,
    pub(crate) last: Anchor,
    /// Tick of the last entry.
    pub(crate) end: u64,
    /// Number of iterations that had passed.
    pub(crate) iterations: u64,
    /// Number of entries that were being written.
    pub(crate) torn: u64,
    /// Number of entries that are missing between others, and of lines and rows that cannot be
    /// read.
    pub(crate) unreadable: u64,
    /// Lock of the journal: no other process recovers it.
    pub(crate) lock: File,
}

/// The reason why a spool is not read.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The process lives.
    Alive,
    /// The spool cannot be read, with the reason in a sentence.
    Unreadable(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The contents of a journal.
#[derive(Default)]
struct Told {
    session: Option<Value>,
    driver: Option<DriverNote>,
    code: Vec<Value>,
    gpu: Option<Value>,
    threads: HashMap<u32, ThreadIdentity>,
    sites: BTreeMap<u32, SiteNote<'static>>,
    window: Option<WindowNote>,
    unreadable: u64,
}

/// Reads a spool.
///
/// # Errors
///
/// Fails if its process lives, or if it is not a spool.
pub(crate) fn open(entries: &Path, journal: &Path) -> Result<Salvaged, Refusal> {
    let lock = File::options().read(true).append(true).open(journal)?;
    if !mapping::lock(&lock)? {
        return Err(Refusal::Alive);
    }
    let told = Told::read(&fs::read(journal)?);
    let (Some(session), Some(window)) = (told.session, told.window) else {
        return Err(Refusal::Unreadable(
            "its journal does not say what was recorded: nothing was, or it is damaged".into(),
        ));
    };
    let spool = Arc::new(Spool::open(entries)?);
    let horizon = spool.horizon();
    let mut found = spool.chunks();
    let (mut torn, mut gaps, mut threads) = (0, 0, Vec::new());
    for (ordinal, chunks) in &mut found {
        let from = window.from.iter().find(|(known, _)| known == ordinal).map_or(0, |(_, position)| *position);
        let (runs, missing) = join(chunks, from);
        gaps += missing;
        let unknown = || ThreadIdentity { ordinal: *ordinal, os_id: 0, name: format!("thread {ordinal}") };
        let thread = told.threads.get(ordinal).cloned().unwrap_or_else(unknown);
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
    Ok(Salvaged {
        session,
        driver: told.driver,
        code: told.code,
        gpu: told.gpu,
        log: Log {
            threads,
            // Counted among those lost elsewhere.
            losses: Losses::default(),
            lost_elsewhere: spool.count(LOST),
            gone,
            horizon,
        },
        sites: sites(told.sites),
        process: window.process,
        start: window.start,
        last,
        end,
        iterations: spool.count(ITERATIONS),
        torn,
        unreadable: told.unreadable + gaps + spool.damaged(),
        lock,
    })
}

impl Told {
    fn read(journal: &[u8]) -> Self {
        let (notes, unreadable) = journal::read(journal);
        let mut told = Self { unreadable, ..Self::default() };
        for note in notes {
            match note {
                Note::Session(session) => (told.session, told.driver) = (Some(session), None),
                Note::Driver(driver) => told.driver = Some(driver),
                Note::Thread { ordinal, os_id, name } => {
                    let name = name.into_owned();
                    told.threads.insert(ordinal, ThreadIdentity { ordinal, os_id, name });
                }
                Note::Site(site) => drop(told.sites.insert(site.number, site)),
                Note::Window(window) => told.window = Some(window),
                Note::Code(code) => told.code.push(code),
                Note::Events(gpu) => told.gpu = Some(gpu),
            }
        }
        told
    }
}

/// One chunk of a thread: number, position of its first entry, and its entries.
type Piece = (u64, Run);

impl Spool {
    fn open(path: &Path) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        // Opening a pipe waits for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(wrong("the file of entries is no file"));
        }
        let file = File::open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if bytes < HEADER {
            return Err(wrong("the file of entries is too short"));
        }
        let mapping = Mapping::new(file, bytes, false)?;
        // ORDERING: its process is dead.
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
        let room = Room::filled(slabs, slabs.saturating_mul(CHUNKS as u32));
        Ok(Self { mapping, path: path.to_owned(), capacity: 0, room: Mutex::new(room), journal: None })
    }

    fn number(&self, at: usize) -> u64 {
        // ORDERING: its process is dead.
        self.mapping.word(at).load(Ordering::Relaxed)
    }

    /// Returns a number of things: few enough that sums of them do not overflow.
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

    /// Returns the thread of a chunk, and its position there.
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
        (0..self.room().used()).filter(|number| self.row(*number).is_err()).count() as u64
    }

    /// Returns every chunk with entries, by thread.
    fn chunks(self: &Arc<Self>) -> BTreeMap<u32, Vec<Piece>> {
        let mut found: BTreeMap<u32, Vec<Piece>> = BTreeMap::new();
        let used = self.room().used();
        for number in 0..used {
            let Ok(Some((thread, base))) = self.row(number) else { continue };
            let start = self.mapping.at(chunk_at(number));
            let chunk = Chunk::found(Arc::clone(self) as _, number, start, base, ENTRIES);
            // SAFETY: any bytes are entries, and the file's process is dead: nobody writes.
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

/// Returns the name of a journal's version.
fn journal_version(word: u64) -> String {
    let known = JOURNALS.iter().find(|(known, _)| *known == word);
    known.map_or_else(|| format!("of layout {word}"), |(_, name)| format!("{name} (layout {word})"))
}

/// Returns how many entries of a chunk were written: the rest is zero. A page lost in a power
/// failure leaves a hole.
fn written(entries: &[Entry]) -> usize {
    entries.iter().rposition(|entry| !entry.is_empty()).map_or(0, |last| last + 1)
}

/// Returns a thread's runs in order, from position `from` on, and how many entries are missing
/// between them.
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

/// Drops a last entry of which only half was stored.
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

/// Returns all sites up to the highest number; a site that the journal has lost is named by its
/// number.
fn sites(mut known: BTreeMap<u32, SiteNote<'_>>) -> Vec<&'static Site> {
    known.retain(|number, _| (1..=MOST_SITES).contains(number));
    let most = known.last_key_value().map_or(0, |(number, _)| *number);
    // Filling a gap costs memory: one that no journal can have is not filled.
    let most = if most as usize > 2 * known.len() + 64 { 0 } else { most };
    let lost = |number: u32| -> &'static Site {
        let name = Box::leak(format!("site {number}").into_boxed_str());
        Box::leak(Box::new(Site::new(Kind::Stage, name, "", 0, "")))
    };
    (1..=most).map(|number| known.remove(&number).map_or_else(|| lost(number), SiteNote::leak)).collect()
}
