//! Records into a spool: created before a session's first entry, removed after its last.
//!
//! Threads that are filling a chunk in memory leave it at their next range (`gate::MOVING`), so
//! that a recording lies in its spool from its first range on.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::journal::{Journal, JournalLine, WindowLine};
use super::{ITERATIONS, LOST, OVERWRITTEN, Spool};
use profiler_core::clock::Anchor;
use profiler_core::gate;
use profiler_core::memory::ledger;
use profiler_core::site;
use profiler_core::stream::registry::{self, Marks};
use profiler_core::stream::store::{self, Store};

/// A session's spool, from the start of its recording until its artifacts are written.
#[derive(Clone)]
pub(crate) struct ActiveSpool {
    spool: Arc<Spool>,
    journal: Arc<Journal>,
    /// Positions at which the recording began.
    from: Arc<Mutex<Option<Marks>>>,
    /// Number of anchors written.
    ticks: Arc<AtomicUsize>,
}

impl std::fmt::Debug for ActiveSpool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ActiveSpool").field(&self.spool.path).finish()
    }
}

impl ActiveSpool {
    /// Creates both files and directs all further entries of this process to them. `session` is the
    /// description that [`reader`](super::reader) returns after a crash.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be created or mapped, which is the case on every system
    /// but Linux.
    pub(crate) fn begin(entries: &Path, journal: &Path, max_bytes: u64, session: Value) -> io::Result<Self> {
        let _own = ledger::own();
        let journal = Arc::new(Journal::create(journal)?);
        let spool = Spool::create(entries, max_bytes, Some(Arc::clone(&journal)));
        let spool = Arc::new(spool.inspect_err(|_| drop(journal.discard()))?);
        let new = Self { spool, journal, from: Arc::default(), ticks: Arc::default() };
        new.append(&JournalLine::Session(session));
        let store: Arc<dyn Store> = Arc::clone(&new.spool) as _;
        site::announce_to(Some(Arc::clone(&new.spool) as _));
        registry::record_into(&store);
        new.tick();
        Ok(new)
    }

    /// Appends a line to the journal. A line that borrows its texts allocates nothing.
    pub(crate) fn append(&self, line: &JournalLine<'_>) {
        let _own = ledger::own();
        self.journal.append(line);
    }

    /// Stores the number of completed iterations of the loop that drives the session.
    pub(crate) fn set_iterations(&self, passed: u64) {
        self.spool.set(ITERATIONS, passed);
    }

    /// Begins a recording of the entries from these positions on.
    pub(crate) fn open_window(&self, start: Anchor, from: &Marks) {
        // No entry of this recording has been overwritten yet.
        self.spool.set(OVERWRITTEN, 0);
        let line = WindowLine { process: Anchor::of_process(), start, from: from.positions() };
        self.append(&JournalLine::Window(line));
        *self.from.lock().unwrap_or_else(PoisonError::into_inner) = Some(from.clone());
    }

    /// Returns whether threads still fill chunks outside this spool; the gate makes them leave
    /// those.
    pub(crate) fn must_move(&self) -> bool {
        registry::is_one_behind()
    }

    /// Stores the present time and the losses so far.
    pub(crate) fn tick(&self) {
        let _own = ledger::own();
        if !registry::is_one_behind() {
            gate::moved();
        }
        // ORDERING: only the alternation between two slots matters.
        self.spool.write_anchor(self.ticks.fetch_add(1, Ordering::Relaxed), &Anchor::now());
        if let Some(from) = &*self.from.lock().unwrap_or_else(PoisonError::into_inner) {
            self.spool.set(LOST, registry::lost_since(from));
        }
    }

    /// Waits until the recording so far is on the disk.
    pub(crate) fn sync(&self) {
        // If the disk fails, recording goes on: what has reached the disk survives.
        let _ = self.spool.sync().and_then(|()| self.journal.sync());
    }

    /// Ends the recording: further entries go to memory.
    pub(crate) fn end(&self) {
        let _own = ledger::own();
        self.tick();
        store::remove();
        site::announce_to(None);
    }

    /// Returns the reason if the file could not grow.
    pub(crate) fn failure(&self) -> Option<String> {
        self.spool.failure()
    }

    /// Deletes both files, once the artifacts are written.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be deleted.
    pub(crate) fn discard(&self) -> io::Result<()> {
        self.journal.discard()?;
        self.spool.discard()
    }
}
