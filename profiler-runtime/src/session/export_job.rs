//! The artifacts of a session that has ended, now or later.
//!
//! One thread builds and writes them; any number wait. The exporter's panic is an error here, never
//! the host's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::artifacts;
use super::gpu::{Gpu, GpuSealed};
use super::place::Claim;
use super::window;
use crate::collect::spool::active::Spooling;
use crate::collect::stacks;
use crate::collect::stacks::symbols::{self, Std};
use crate::config::ProfilerConfig;
use crate::error::Error;
use crate::logging;
use crate::os::shutdown;
use crate::session_id::SessionId;
use profiler_core::hooks::correlation;
use profiler_core::memory::ledger;
use profiler_core::overhead::Costs;
use profiler_core::process::Stamp;
use profiler_trace::export::{self, ExportProgress, Gauge, KeyAverages, Manifest};
use profiler_trace::model::{GroupBy, Recording, Trace};
use profiler_trace::records::gpu::GpuRecord;
use profiler_trace::records::unavailable::Unavailable;

/// Name of the threads that write artifacts.
const THREAD: &str = "profiler-export";

/// Begin of the sentence about a spool that took no more.
const FAILED_SPOOL: &str = "the spool could not grow, and ranges are lost for it";

/// Time between two updates of a progress bar.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A session that has ended. Its artifacts are written by a background thread; dropping this
/// neither waits for them nor stops them. Cheap to clone.
#[derive(Clone, Debug)]
#[must_use = "the artifacts are written in the background: `wait` for them before the program ends"]
pub struct ExportHandle(Arc<Ended>);

#[derive(Debug)]
struct Ended {
    session: SessionId,
    folder: Option<PathBuf>,
    progress: Gauge,
    recorded_iterations: AtomicU64,
    /// Process of the session. A forked child has a copy, which nobody settles.
    process: Stamp,
    start_warnings: OnceLock<Vec<String>>,
    outcome: Mutex<Outcome>,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Outcome {
    /// Outcome of the artifacts, and when it was known.
    result: Option<(Result<Manifest, Error>, Instant)>,
    /// True if the host's logger has been told.
    is_told: bool,
}

impl Outcome {
    /// Returns the result once the host has been told, or its logger has had its time: the caller
    /// may end the process.
    fn known(&self) -> Option<&Result<Manifest, Error>> {
        self.result.as_ref().filter(|_| self.time_to_tell().is_zero()).map(|(result, _)| result)
    }

    /// Returns how much longer the logger may take.
    fn time_to_tell(&self) -> Duration {
        match &self.result {
            Some(_) if self.is_told => Duration::ZERO,
            Some((_, when)) => logging::PATIENCE.saturating_sub(when.elapsed()),
            None => Duration::MAX,
        }
    }
}

/// A sealed recording on its way to the exporters.
pub(crate) struct Export {
    /// Sealed recording.
    pub(crate) recording: Recording,
    /// Configuration of the session.
    pub(crate) config: ProfilerConfig,
    /// The GPU's part, before and after it is ended.
    pub(crate) gpu: Option<Gpu>,
    pub(crate) sealed: Option<GpuSealed>,
    /// Claim on the folder, until the artifacts are in it.
    pub(crate) claim: Option<Claim>,
    /// Spool of the recording, if not in memory; deleted when the artifacts are written, and those
    /// of `dump`, too.
    pub(crate) spool: Option<Spooling>,
    /// Dump that has to be written too.
    pub(crate) dump: Option<ExportHandle>,
    /// Handle for those who wait for it.
    pub(crate) stopped: ExportHandle,
}

impl ExportHandle {
    pub(crate) fn new(session: SessionId, folder: Option<PathBuf>) -> Self {
        Self(Arc::new(Ended {
            session,
            folder,
            progress: Gauge::default(),
            recorded_iterations: AtomicU64::new(0),
            process: Stamp::here(),
            start_warnings: OnceLock::new(),
            outcome: Mutex::default(),
            written: Condvar::new(),
        }))
    }

    /// Returns the session's id.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.0.session
    }

    /// Returns the folder of its artifacts; `None` if only a report with a path of its own is
    /// configured, or nothing.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// Returns how many iterations of the driving loop it has recorded.
    #[must_use]
    pub fn recorded_iterations(&self) -> u64 {
        // ORDERING: written once, before anybody is handed what has ended.
        self.0.recorded_iterations.load(Ordering::Relaxed)
    }

    /// Records the warnings that its user was given when it began.
    pub(super) fn note_warnings(&self, warnings: &[String]) {
        self.0.start_warnings.get_or_init(|| warnings.to_vec());
    }

    /// Returns the warnings that its user was given when it began.
    pub(crate) fn start_warnings(&self) -> &[String] {
        self.0.start_warnings.get().map_or(&[], Vec::as_slice)
    }

    /// Records how many iterations it has recorded: it is over.
    pub(super) fn note_iterations(&self, recorded: u64) {
        // ORDERING: as above.
        self.0.recorded_iterations.store(recorded, Ordering::Relaxed);
    }

    /// Waits until every artifact is on disk, and lists them. An artifact that could not be written
    /// is in the manifest, with the reason.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Export`] if the exporter panicked; [`Error::ParentsSession`] in a child
    /// that was forked off after the session began.
    pub fn wait(&self) -> Result<Manifest, Error> {
        loop {
            if let Some(result) = self.wait_timeout(Duration::MAX) {
                return result;
            }
        }
    }

    /// Waits like [`wait`](Self::wait), but no longer than `most`: `None` if the artifacts are not
    /// written by then.
    pub fn wait_timeout(&self, most: Duration) -> Option<Result<Manifest, Error>> {
        if let Err(error) = self.check_process() {
            return Some(Err(error));
        }
        let start = Instant::now();
        let mut outcome = self.outcome();
        while outcome.known().is_none() {
            let left = most.checked_sub(start.elapsed())?.min(outcome.time_to_tell());
            (outcome, _) = self.0.written.wait_timeout(outcome, left).unwrap_or_else(PoisonError::into_inner);
        }
        outcome.known().cloned()
    }

    /// Returns how far the artifacts are.
    #[must_use]
    pub fn progress(&self) -> ExportProgress {
        self.0.progress.read()
    }

    /// Waits like [`wait`](Self::wait), and meanwhile shows `watch` how far the artifacts are, ten
    /// times a second and at the end: for a progress bar.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`wait`](Self::wait).
    pub fn wait_with(&self, mut watch: impl FnMut(&ExportProgress)) -> Result<Manifest, Error> {
        loop {
            let outcome = self.wait_timeout(BETWEEN_LOOKS);
            watch(&self.progress());
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    /// Returns the operator table of the session, as PyTorch's `key_averages()` does, once its
    /// artifacts are written. Costs a pass over the distinct rows, not over the recording.
    ///
    /// ```no_run
    /// use profiler_runtime::artifacts::{GroupBy, SortBy};
    ///
    /// let stopped = profiler_runtime::stop_profile()?;
    /// println!("{}", stopped.key_averages(GroupBy::Name)?.sort_by(SortBy::CpuTime).row_limit(10).table());
    /// # Ok::<(), profiler_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`wait`](Self::wait).
    pub fn key_averages(&self, by: GroupBy) -> Result<KeyAverages, Error> {
        Ok(self.wait()?.key_averages(by))
    }

    /// Returns whether the artifacts are written, or never will be.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.is_foreign() || self.outcome().known().is_some()
    }

    /// Returns whether the session is that of a process which this one was forked off: no part of
    /// it may be waited for.
    pub(super) fn is_foreign(&self) -> bool {
        self.0.process.is_foreign()
    }

    fn check_process(&self) -> Result<(), Error> {
        if self.is_foreign() { Err(Error::ParentsSession { session: self.session().clone() }) } else { Ok(()) }
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the outcome of the artifacts. Waiting callers go on when the host has been
    /// [told](Self::note_told), or soon after.
    fn settle(&self, result: Result<Manifest, Error>) {
        if let Err(error) = &result {
            logging::error!("{error}");
        }
        self.outcome().result = Some((result, Instant::now()));
        self.0.written.notify_all();
    }

    fn note_told(&self) {
        self.outcome().is_told = true;
        self.0.written.notify_all();
    }
}

impl Export {
    /// Waits for the GPU and ends its part. Before [`launch`](Self::launch), on the thread that
    /// ended the session, and without the slot's lock.
    pub(crate) fn finish_gpu(mut self) -> Self {
        self.sealed = self.gpu.take().map(Gpu::finish);
        self
    }

    /// Writes the artifacts on a thread of their own; on this one if the system gives none.
    pub(crate) fn launch(self) {
        let (hand_over, export) = mpsc::sync_channel(1);
        let work = move || export.recv().map_or((), run);
        let started = shutdown::without_signals(|| std::thread::Builder::new().name(THREAD.to_owned()).spawn(work));
        let Err(error) = started else { return drop(hand_over.send(self)) };
        let (_held, session) = (logging::hold(), self.stopped.session());
        logging::warn!(
            "cannot start the thread `{THREAD}`: {error}; session `{session}` is written on the calling thread"
        );
        // No thread is left to take a signal that a limit on files sends to the one that writes.
        shutdown::without_signals(|| run(self));
    }
}

fn run(export: Export) {
    let _own = ledger::own();
    // The host's logger may block: it gets every message when the artifacts are on disk.
    let held = logging::hold();
    let Export { mut recording, config, sealed, claim, spool, dump, stopped, .. } = export;
    let result = catch_unwind(AssertUnwindSafe(|| {
        recording.context.costs = costs();
        // The measuring of costs has taken some time already.
        window::look_back(&mut recording.window);
        if let Some(mut sealed) = sealed {
            recording.context.warnings.append(&mut sealed.warnings);
            recording.gpu = sealed.decode();
        }
        if recording.context.is_frontend
            && matches!(&recording.gpu, GpuRecord::Absent(reason) if *reason == Unavailable::NOT_WANTED)
        {
            recording.gpu = GpuRecord::Absent(Unavailable::LEFT_TO_WORKERS);
        }
        if config.torch_profiler_with_stack {
            let std = Std::of(config.stack_std_functions);
            recording.symbols = symbols::resolve(&recording.log, std);
            recording.context.warnings.extend(symbols::missing(&recording.symbols));
        }
        let mut trace = Trace::build(recording);
        // Some losses show only when the spool is read.
        let failed = spool.as_ref().and_then(failed_spool);
        let warnings = &mut trace.context.warnings;
        warnings.extend(failed.filter(|_| !warnings.iter().any(|told| told.starts_with(FAILED_SPOOL))));
        artifacts::write(&mut trace, &config, stopped.folder().unwrap_or(Path::new("")), &stopped.0.progress)
    }));
    drop(claim);
    if let (Some(spool), Ok(manifest)) = (spool, &result) {
        finish_spool(&spool, manifest, &stopped);
    }
    if let Some(dump) = dump {
        // Its failure was reported where it happened.
        let _ = dump.wait();
    }
    stopped.settle(
        result.map_err(|panic| Error::Export {
            session: stopped.session().clone(),
            message: export::panic_text(&*panic),
        }),
    );
    drop(held);
    stopped.note_told();
}

/// Returns the sentence that a spool has not held all of its recording, and why.
pub(super) fn failed_spool(spool: &Spooling) -> Option<String> {
    spool.failure().map(|reason| format!("{FAILED_SPOOL}: {reason}"))
}

/// Deletes the spool unless artifacts are missing: only then it is worth its place on the disk.
fn finish_spool(spool: &Spooling, manifest: &Manifest, stopped: &ExportHandle) {
    let session = stopped.session();
    if !manifest.errors.is_empty() {
        logging::warn!("session `{session}` keeps its spool: `recover` makes the artifacts that could not be written");
    } else if let Err(error) = spool.discard() {
        logging::warn!("session `{session}` cannot delete its spool, which nobody needs any more: {error}");
    }
}

/// Returns the costs of recording on this machine, as they were measured when it began.
fn costs() -> Costs {
    Costs { stack: stacks::ns_per_stack(), link: correlation::ns_per_link(), ..Costs::measure() }
}
