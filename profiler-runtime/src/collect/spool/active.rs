//! The spool that provides chunks at the moment: set up before a session's first entry, removed
//! after its last.
//!
//! Threads that are in the middle of a chunk leave it with their first range (`gate::MOVING`), so
//! that a recording lies in its spool from its first range on.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::journal::{Journal, Note, WindowNote};
use super::{ITERATIONS, LOST, OVERWRITTEN, Spool};
use profiler_core::clock::Anchor;
use profiler_core::gate;
use profiler_core::memory::ledger;
use profiler_core::site;
use profiler_core::stream::registry::{self, Marks};
use profiler_core::stream::store::{self, Store};

/// A session's spool, while it records and until it is exported.
#[derive(Clone)]
pub(crate) struct Spooling {
    spool: Arc<Spool>,
    journal: Arc<Journal>,
    /// Positions at which the recording began.
    from: Arc<Mutex<Option<Marks>>>,
    turn: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Spooling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Spooling").field(&self.spool.path).finish()
    }
}

impl Spooling {
    /// Creates the two files and sends all further entries of this process there. `session` is what
    /// [`reader`](super::reader) returns later.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be created or mapped, as on every system but Linux.
    pub(crate) fn begin(entries: &Path, journal: &Path, most_bytes: u64, session: Value) -> io::Result<Self> {
        let _own = ledger::own();
        let journal = Arc::new(Journal::create(journal)?);
        let spool = Spool::create(entries, most_bytes, Some(Arc::clone(&journal)));
        let spool = Arc::new(spool.inspect_err(|_| drop(journal.discard()))?);
        let new = Self { spool, journal, from: Arc::default(), turn: Arc::default() };
        new.note(&Note::Session(session));
        let store: Arc<dyn Store> = Arc::clone(&new.spool) as _;
        site::announce_to(Some(Arc::clone(&new.spool) as _));
        registry::record_into(&store);
        new.tick();
        Ok(new)
    }

    /// Adds a line to the journal, which [`reader`](super::reader) returns later. Borrowing notes
    /// allocate nothing.
    pub(crate) fn note(&self, note: &Note<'_>) {
        let _own = ledger::own();
        self.journal.append(note);
    }

    /// Notes how many iterations of the loop that drives the session have passed.
    pub(crate) fn note_iterations(&self, passed: u64) {
        self.spool.set(ITERATIONS, passed);
    }

    /// Begins a recording: entries from these positions on count; none has been overwritten yet.
    pub(crate) fn open_window(&self, start: Anchor, from: &Marks) {
        // Nothing is overwritten yet.
        self.spool.set(OVERWRITTEN, 0);
        let note = WindowNote { process: Anchor::of_process(), start, from: from.positions() };
        self.note(&Note::Window(note));
        *self.from.lock().unwrap_or_else(PoisonError::into_inner) = Some(from.clone());
    }

    /// Returns whether threads have to leave the chunks that they write, so that they write here:
    /// the gate makes them.
    pub(crate) fn must_move(&self) -> bool {
        registry::is_one_behind()
    }

    /// Notes the time and the losses so far.
    pub(crate) fn tick(&self) {
        let _own = ledger::own();
        if !registry::is_one_behind() {
            gate::moved();
        }
        // ORDERING: only the alternation matters.
        self.spool.note_anchor(self.turn.fetch_add(1, Ordering::Relaxed), &Anchor::now());
        if let Some(from) = &*self.from.lock().unwrap_or_else(PoisonError::into_inner) {
            self.spool.set(LOST, registry::lost_since(from));
        }
    }

    /// Waits until the recording so far is on the disk.
    pub(crate) fn sync(&self) {
        // A disk that fails is no reason to stop: the part that reached it survives.
        let _ = self.spool.sync().and_then(|()| self.journal.sync());
    }

    /// Ends the recording: entries go to memory again.
    pub(crate) fn end(&self) {
        let _own = ledger::own();
        self.tick();
        store::remove();
        site::announce_to(None);
    }

    /// Returns why the file could not grow, if it could not.
    pub(crate) fn failure(&self) -> Option<String> {
        self.spool.failure()
    }

    /// Deletes both files: there are artifacts instead.
    ///
    /// # Errors
    ///
    /// Fails if one of them cannot be deleted.
    pub(crate) fn discard(&self) -> io::Result<()> {
        self.journal.discard()?;
        self.spool.discard()
    }
}
