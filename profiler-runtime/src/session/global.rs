//! The process's one active session and the events that change it.
//!
//! ```text
//! Idle ── start ─► Active ── stop, iterations, duration ─► (sealed) ─► Idle, while a thread writes
//! the artifacts
//! ```
//!
//! One lock serializes start, stop, steps and timers. A step takes it only while a session is
//! active; stages and ops never do. The lock is not held while logging or starting the export
//! thread, because the host's logger may itself be profiled. A session that ended by itself is kept
//! for the next `stop`, which returns its handle, until a new session starts.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::active::{Active, AssignedSession};
use super::export_job::{Export, ExportHandle};
use super::gpu::Gpu;
use super::place::{self, Names};
use super::status::Status;
use super::{ending, timer};
use crate::collect::spool::journal::JournalLine;
use crate::collect::{nvtx, spans};
use crate::config::{ParsedConfig, Warning};
use crate::error::Error;
use crate::logging::{self, HeldMessages};
use crate::os::shutdown::Ending;
use crate::session_id::SessionId;
use profiler_core::hooks::steps::{self, StepEnd};
use profiler_core::memory::ledger;
use profiler_core::process::PerProcess;
use profiler_core::site::pinned;
use profiler_core::{clock, gate, process};
use profiler_trace::model::EndedBy;

/// The state behind the lock.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The active session.
    pub(super) active: Option<Active>,
    /// Session that ended by itself, kept for the next stop.
    ended: Option<ExportHandle>,
    /// Sessions whose artifacts were not written when last checked, oldest first.
    exporting: Vec<ExportHandle>,
    /// Session that ended last.
    last: Option<ExportHandle>,
    names: Names,
}

static SLOT: PerProcess<Mutex<Slot>> = PerProcess::new(|_| Mutex::default());
/// Signals that the active session or its deadline has changed.
pub(super) static CHANGED: PerProcess<Condvar> = PerProcess::new(|_| Condvar::new());

/// Locks the state. A forked child has a state of its own.
pub(super) fn lock() -> MutexGuard<'static, Slot> {
    process::check();
    SLOT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a session and returns the handle for its artifacts. `assigned` is the name that a
/// coordinator has chosen for all ranks.
///
/// # Errors
///
/// Returns an error if a session is active, the folder cannot be written to, or the thread for a
/// time limit cannot be started.
pub(crate) fn start(mut parsed: ParsedConfig, assigned: Option<AssignedSession>) -> Result<ExportHandle, Error> {
    let _own = ledger::own();
    pinned::pin_this_library();
    steps::listen(step_ended);
    // Before the lock is taken, because this loads a library and may log.
    nvtx::attach();
    let gpu = Gpu::prepare(&parsed.config);
    // Asks the program's own filters, too.
    let unseen = spans::prepare(&parsed.config.tracing);
    parsed.warnings.extend(unseen.into_iter().map(|message| Warning { path: "tracing".into(), message }));
    let mut slot = lock();
    if let Some(active) = &slot.active {
        return Err(Error::AlreadyActive { session: active.session().clone() });
    }
    // A session that is being written still reads the clock, so the clock must not change.
    if slot.exporting.iter().all(ExportHandle::is_written) {
        clock::choose();
    }
    let mut active = Active::new(parsed, assigned, gpu, &mut slot.names, |name| std::env::var_os(name))?;
    if active.is_timed() {
        timer::spawn(active.session().clone())?;
    }
    ending::watch(active.config());
    active.begin(Instant::now());
    let (handle, warnings) = (active.handle(), active.warnings());
    handle.set_start_warnings(&warnings);
    slot.active = Some(active);
    slot.ended = None;
    drop(slot);
    CHANGED.notify_all();
    for warning in warnings {
        logging::warn!("session `{}`: {warning}", handle.session());
    }
    Ok(handle)
}

/// Stops the active session, or returns the one that has ended by itself since the last stop.
///
/// # Errors
///
/// Returns [`Error::NotActive`] if there is neither.
pub(crate) fn stop() -> Result<ExportHandle, Error> {
    let _own = ledger::own();
    let mut slot = lock();
    if let Some(export) = slot.seal(EndedBy::Stop) {
        drop(slot);
        return Ok(launch(export));
    }
    slot.ended.take().ok_or(Error::NotActive)
}

/// Writes the active session's recording so far. Recording goes on.
///
/// # Errors
///
/// Returns an error if no session is active, nothing is recorded yet, or another dump is being
/// written.
pub(crate) fn dump() -> Result<ExportHandle, Error> {
    let _own = ledger::own();
    let export = lock().active.as_mut().ok_or(Error::NotActive)?.dump(EndedBy::Dump)?;
    Ok(launch(export))
}

/// Stops `session` if it is still active.
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

/// Stops `session` as [`stop_this`] does, when its guard is dropped.
pub(crate) fn stop_guarded(session: &SessionId) {
    if let Some(active) = lock().active.as_mut().filter(|active| active.session() == session) {
        active.context.is_guarded = true;
    }
    stop_this(session);
}

/// Returns whether a session is active or being written; `None` if another thread holds the lock.
pub(super) fn is_busy() -> Option<bool> {
    let mut slot = SLOT.try_lock().ok()?;
    slot.exporting.retain(|stopped| !stopped.is_written());
    Some(slot.active.is_some() || !slot.exporting.is_empty())
}

/// Stops the active session if its configuration wants that at this ending, and waits for all
/// artifacts until `deadline`.
pub(super) fn finish(how: Ending, deadline: Instant) {
    let _own = ledger::own();
    let Some(mut slot) = lock_until(deadline) else { return };
    let is_wanted = slot.active.as_ref().is_some_and(|active| ending::is_written_on(active.config(), how));
    let export = if is_wanted { slot.seal(how.into()) } else { None };
    let exporting = slot.exporting.clone();
    drop(slot);
    export.map(launch);
    for stopped in exporting {
        let _ = stopped.wait_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// Locks with a deadline, because the crashed thread may be holding the lock.
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

/// Chooses the name of a job's session and creates its folder, for [`start`] in each worker. Does
/// not start a session. `requested` is the name that a request gives, `prefix` the begin of the
/// name; both are plain names.
///
/// # Errors
///
/// Returns an error if the folder is remote or cannot be created.
pub(crate) fn reserve(
    base: Option<&Path>,
    requested: Option<&str>,
    prefix: Option<&str>,
) -> Result<(SessionId, Option<PathBuf>), Error> {
    let env = |name: &str| std::env::var_os(name);
    let ranks = place::read_ranks(env).0;
    let reserve = |names: &mut Names| names.reserve(base, requested, prefix, ranks, env);
    // A requested name is numbered separately: its first session has no number.
    let reserved = if requested.is_some() { reserve(&mut Names::default()) } else { reserve(&mut lock().names) }?;
    for warning in reserved.warnings {
        logging::warn!("{warning}");
    }
    Ok((reserved.session, reserved.folder))
}

/// Waits until no session is being written.
pub(crate) fn wait_for_exports() {
    let exporting = lock().exporting.clone();
    for stopped in exporting {
        // Its own export has logged a failure.
        let _ = stopped.wait();
    }
}

/// Returns the state of the profiler.
pub(crate) fn status() -> Status {
    let _own = ledger::own();
    let mut slot = lock();
    if let Some(active) = &slot.active {
        return Status::Active(active.progress());
    }
    slot.exporting.retain(|stopped| !stopped.is_written());
    slot.exporting.last().map_or(Status::Idle, |stopped| Status::Exporting { session: stopped.session().clone() })
}

/// Returns the session that ended last, for whatever reason.
pub(crate) fn last() -> Option<ExportHandle> {
    lock().last.clone()
}

/// Counts a bare `next_step()` call, which ends an iteration without a site.
pub(crate) fn step_call() {
    if gate::load() & gate::STEPS == 0 || ledger::is_own() {
        return;
    }
    steps::mark();
    advance(|active| active.step_call(Instant::now()));
}

/// Counts a step that has ended. `profiler_core` calls it on the step's thread while steps are
/// counted.
fn step_ended(end: StepEnd) {
    // A signal handler may have interrupted this thread while it holds the lock.
    if ledger::is_own() {
        return;
    }
    advance(|active| active.step_end(end, Instant::now()));
}

/// Applies an event to the active session, and exports the session if that ends it.
pub(super) fn advance(event: impl FnOnce(&mut Active) -> Option<EndedBy>) {
    let _own = ledger::own();
    let mut slot = lock();
    let Some(active) = slot.active.as_mut() else { return };
    let deadline = active.deadline();
    let ended = event(active);
    let (moved, update) = (active.deadline() != deadline, active.take_driver_update());
    let dump = active.take_due_dump().then(|| active.dump(EndedBy::SlowStep));
    if matches!(dump, Some(Err(_))) {
        active.count_failed_dump();
    }
    let export = ended.and_then(|why| slot.seal(why));
    if let Some(export) = &export {
        slot.ended = Some(export.stopped.clone());
    }
    drop(slot);
    let held = (dump.is_some() || export.is_some()).then(logging::hold);
    update.into_iter().for_each(|(spool, driver)| spool.append(&JournalLine::Driver(driver)));
    if moved {
        CHANGED.notify_all();
    }
    match dump {
        Some(Ok(dump)) => drop(launch(dump)),
        Some(Err(error)) => logging::warn!("could not dump a slow iteration: {error}"),
        None => {}
    }
    export.map(launch);
    if let Some(held) = held {
        log_on_new_thread(held.take());
    }
}

/// Logs on a new thread: the calling thread runs the program's code, which a slow logger must not
/// delay.
fn log_on_new_thread(messages: HeldMessages) {
    if messages.is_empty() {
        return;
    }
    let work = move || {
        let _own = ledger::own();
        messages.deliver();
    };
    // If the thread cannot be started, the messages are lost; the manifest has the important ones.
    drop(thread::Builder::new().name("profiler-log".to_owned()).spawn(work));
}

/// Exports a recording. Messages are held back until it is launched, because the host's logger may
/// block.
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
    /// Ends the active session. The caller launches the export after unlocking.
    fn seal(&mut self, ended_by: EndedBy) -> Option<Export> {
        let export = self.active.take()?.seal(ended_by);
        self.exporting.retain(|stopped| !stopped.is_written());
        self.exporting.push(export.stopped.clone());
        self.last = Some(export.stopped.clone());
        Some(export)
    }
}
