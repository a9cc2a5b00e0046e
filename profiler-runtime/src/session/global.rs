//! The process's one active session, and everything that happens to it.
//!
//! ```text
//! Idle ── start ─► Active ── stop, iterations, duration ─► (sealed) ─► Idle, while a thread writes the artifacts
//! ```
//!
//! One lock serialises start, stop, steps and timers; a step takes it only while a session is
//! active, stages and ops never. Nothing is logged and no thread is started under it, because the
//! host's logger may itself be profiled. A session that ended by itself waits here for the stop
//! that asks for its artifacts, until a new one starts.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::active::{Active, Given};
use super::export_job::{Export, ExportHandle};
use super::gpu::Gpu;
use super::place::{self, Names};
use super::status::Status;
use super::{ending, timer};
use crate::collect::nvtx;
use crate::collect::spool::journal::Note;
use crate::config::ParsedConfig;
use crate::error::Error;
use crate::logging::{self, Waiting};
use crate::os::shutdown::Ending;
use crate::session_id::SessionId;
use profiler_core::hooks::steps::{self, StepEnd};
use profiler_core::memory::ledger;
use profiler_core::process::PerProcess;
use profiler_core::site::pinned;
use profiler_core::{clock, gate, process};
use profiler_trace::model::EndedBy;

/// The state that the lock guards.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The active session.
    pub(super) active: Option<Active>,
    /// Session that ended by itself, for the next stop.
    ended: Option<ExportHandle>,
    /// Sessions whose artifacts were not written at the last look, oldest first.
    exporting: Vec<ExportHandle>,
    /// Session that ended last.
    last: Option<ExportHandle>,
    names: Names,
}

static SLOT: PerProcess<Mutex<Slot>> = PerProcess::new(|_| Mutex::default());
/// Signals that the active session or its deadline has changed.
pub(super) static CHANGED: PerProcess<Condvar> = PerProcess::new(|_| Condvar::new());

/// Takes the lock. A child that was forked off has a slot of its own.
pub(super) fn lock() -> MutexGuard<'static, Slot> {
    process::check();
    SLOT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a session; the handle is for callers that may wait for its artifacts later. `given` is
/// the name that a coordinator has chosen for all ranks.
///
/// # Errors
///
/// Fails if a session is active, its folder cannot be written, or it needs a timer and there is no
/// thread for it.
pub(crate) fn start(parsed: ParsedConfig, given: Option<Given>) -> Result<ExportHandle, Error> {
    let _own = ledger::own();
    pinned::pin_this_library();
    steps::listen(step_ended);
    // Not under the lock: it loads a library and may log.
    nvtx::attach();
    let gpu = Gpu::prepare(&parsed.config);
    let mut slot = lock();
    if let Some(active) = &slot.active {
        return Err(Error::AlreadyActive { session: active.session().clone() });
    }
    // A session that is being written reads its clock once more.
    if slot.exporting.iter().all(ExportHandle::is_written) {
        clock::choose();
    }
    let mut active = Active::new(parsed, given, gpu, &mut slot.names, |name| std::env::var_os(name))?;
    if active.is_timed() {
        timer::spawn(active.session().clone())?;
    }
    ending::watch(active.config());
    active.begin(Instant::now());
    let (handle, warnings) = (active.handle(), active.warnings());
    handle.note_warnings(&warnings);
    slot.active = Some(active);
    slot.ended = None;
    drop(slot);
    CHANGED.notify_all();
    for warning in warnings {
        logging::warn!("session `{}`: {warning}", handle.session());
    }
    Ok(handle)
}

/// Stops the active session, or returns the one that ended by itself since the last stop.
///
/// # Errors
///
/// Fails if there is neither.
pub(crate) fn stop() -> Result<ExportHandle, Error> {
    let _own = ledger::own();
    let mut slot = lock();
    if let Some(export) = slot.seal(EndedBy::Stop) {
        drop(slot);
        return Ok(launch(export));
    }
    slot.ended.take().ok_or(Error::NotActive)
}

/// Writes the active session's recording so far, while it goes on.
///
/// # Errors
///
/// Fails if there is none, it records nothing yet, or another dump is being written.
pub(crate) fn dump() -> Result<ExportHandle, Error> {
    let _own = ledger::own();
    let export = lock().active.as_mut().ok_or(Error::NotActive)?.dump(EndedBy::Dump)?;
    Ok(launch(export))
}

/// Stops this session if it is still the active one.
pub(crate) fn stop_this(session: &SessionId) {
    let _own = ledger::own();
    let mut slot = lock();
    if slot.active.as_ref().is_some_and(|active| active.session() == session) {
        let export = slot.seal(EndedBy::Stop);
        drop(slot);
        export.map(launch);
    } else if slot.ended.as_ref().is_some_and(|ended| ended.session() == session) {
        slot.ended = None;
    }
}

/// Stops this session as [`stop_this`] does, at the end of its guard.
pub(crate) fn stop_guarded(session: &SessionId) {
    if let Some(active) = lock().active.as_mut().filter(|active| active.session() == session) {
        active.context.is_guarded = true;
    }
    stop_this(session);
}

/// Returns whether there is a session that is not on disk; `None` if that is unknown, because a
/// lock is held.
pub(super) fn is_busy() -> Option<bool> {
    let mut slot = SLOT.try_lock().ok()?;
    slot.exporting.retain(|stopped| !stopped.is_written());
    Some(slot.active.is_some() || !slot.exporting.is_empty())
}

/// Stops, as the process is ending, the active session if its configuration wants that, and waits
/// for all artifacts, no longer than until `deadline`.
pub(super) fn finish(how: Ending, deadline: Instant) {
    let _own = ledger::own();
    let Some(mut slot) = lock_until(deadline) else { return };
    let is_wanted = slot.active.as_ref().is_some_and(|active| ending::is_written_on(active.config(), how));
    let export = if is_wanted { slot.seal(how.into()) } else { None };
    let waited_for = slot.exporting.clone();
    drop(slot);
    export.map(launch);
    for stopped in waited_for {
        let _ = stopped.wait_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// Takes the lock, unless its holder keeps it for too long: that may be the thread that has
/// crashed.
fn lock_until(deadline: Instant) -> Option<MutexGuard<'static, Slot>> {
    loop {
        match SLOT.try_lock() {
            Ok(slot) => return Some(slot),
            Err(TryLockError::Poisoned(slot)) => return Some(slot.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}

/// Names a session of a job and makes its folder, for [`start`] in each of its workers. Starts
/// nothing here. `asked` is the name that a request gives it, `prefix` what the name begins with;
/// both are plain names.
///
/// # Errors
///
/// Fails if the folder is remote, or cannot be created.
pub(crate) fn reserve(
    base: Option<&Path>,
    asked: Option<&str>,
    prefix: Option<&str>,
) -> Result<(SessionId, Option<PathBuf>), Error> {
    let env = |name: &str| std::env::var_os(name);
    let ranks = place::read_ranks(env).0;
    let reserve = |names: &mut Names| names.reserve(base, asked, prefix, ranks, env);
    // A name that is asked for is numbered for itself: the first of it has no number.
    let place = if asked.is_some() { reserve(&mut Names::default()) } else { reserve(&mut lock().names) }?;
    for warning in place.warnings {
        logging::warn!("{warning}");
    }
    Ok((place.session, place.folder))
}

/// Waits until nothing is being written any more.
pub(crate) fn wait_for_exports() {
    let exporting = lock().exporting.clone();
    for stopped in exporting {
        // A failure has been logged where it happened.
        let _ = stopped.wait();
    }
}

/// Returns what the profiler is doing.
pub(crate) fn status() -> Status {
    let _own = ledger::own();
    let mut slot = lock();
    if let Some(active) = &slot.active {
        return Status::Active(active.progress());
    }
    slot.exporting.retain(|stopped| !stopped.is_written());
    slot.exporting.last().map_or(Status::Idle, |stopped| Status::Exporting { session: stopped.session().clone() })
}

/// Returns the session that ended last, however it did.
pub(crate) fn last() -> Option<ExportHandle> {
    lock().last.clone()
}

/// Counts a bare `next_step()` call: the end of an iteration that no site names.
pub(crate) fn step_call() {
    if gate::load() & gate::STEPS == 0 || ledger::is_own() {
        return;
    }
    steps::mark();
    advance(|active| active.step_call(Instant::now()));
}

/// Counts a step that ends: while steps are counted, `profiler_core` reports each, on the thread
/// that ended it.
fn step_ended(end: StepEnd) {
    // In a signal handler, say, that interrupted the session on this thread, which holds the lock.
    if ledger::is_own() {
        return;
    }
    advance(|active| active.step_end(end, Instant::now()));
}

/// Applies an event to the active session, and exports the session if it is over then.
pub(super) fn advance(event: impl FnOnce(&mut Active) -> Option<EndedBy>) {
    let _own = ledger::own();
    let mut slot = lock();
    let Some(active) = slot.active.as_mut() else { return };
    let deadline = active.deadline();
    let ended = event(active);
    let (moved, news) = (active.deadline() != deadline, active.take_news());
    let dump = active.take_due_dump().then(|| active.dump(EndedBy::SlowStep));
    if matches!(dump, Some(Err(_))) {
        active.note_failed_dump();
    }
    let export = ended.and_then(|why| slot.seal(why));
    if let Some(export) = &export {
        slot.ended = Some(export.stopped.clone());
    }
    drop(slot);
    let held = (dump.is_some() || export.is_some()).then(logging::hold);
    news.into_iter().for_each(|(spooling, driver)| spooling.note(&Note::Driver(driver)));
    if moved {
        CHANGED.notify_all();
    }
    match dump {
        Some(Ok(dump)) => drop(launch(dump)),
        Some(Err(error)) => logging::warn!("a slow iteration is not dumped: {error}"),
        None => {}
    }
    export.map(launch);
    if let Some(held) = held {
        log_elsewhere(held.take());
    }
}

/// Logs on a thread of its own: this one is in a function of the program's, which has asked the
/// profiler for nothing.
fn log_elsewhere(messages: Waiting) {
    if messages.is_empty() {
        return;
    }
    let work = move || {
        let _own = ledger::own();
        messages.deliver();
    };
    // Without a thread they are lost: the manifest has what matters of them.
    drop(thread::Builder::new().name("profiler-log".to_owned()).spawn(work));
}

/// Sends a recording on its way to its artifacts. The host's logger gets its messages afterwards:
/// it may block.
fn launch(export: Export) -> ExportHandle {
    let _held = logging::hold();
    CHANGED.notify_all();
    let export = export.finish_gpu();
    let (stopped, goes_on) = (export.stopped.clone(), export.recording.context.ended_by.goes_on());
    let session = stopped.session();
    if goes_on {
        logging::info!("`{session}` is being written while its session goes on");
    } else {
        logging::info!("session `{session}` is over; its artifacts are being written");
    }
    export.launch();
    stopped
}

impl Slot {
    /// Ends the active session; the caller launches the export without the lock.
    fn seal(&mut self, ended_by: EndedBy) -> Option<Export> {
        let export = self.active.take()?.seal(ended_by);
        self.exporting.retain(|stopped| !stopped.is_written());
        self.exporting.push(export.stopped.clone());
        self.last = Some(export.stopped.clone());
        Some(export)
    }
}
