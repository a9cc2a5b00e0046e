//! Writes a session's artifacts in the background and lets callers wait for them.
//!
//! One thread builds and writes them; any number of threads may wait. A panic of the exporter
//! becomes an error and never reaches the host.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::artifacts;
use super::gpu::{Gpu, GpuSealed};
use super::place::Claim;
use super::window;
use crate::collect::spool::active::ActiveSpool;
use crate::collect::stacks;
use crate::collect::stacks::symbols::{self, StdFrames};
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

/// Begin of the warning about a spool that could not grow.
const FAILED_SPOOL: &str = "the spool could not grow, and ranges are lost for it";

/// Interval at which `wait_with` reports progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Handle of a session that has ended. A background thread writes its artifacts; dropping the
/// handle neither waits for them nor stops them. Cheap to clone.
#[derive(Clone, Debug)]
#[must_use = "the artifacts are written in the background: `wait` for them before the program ends"]
pub struct ExportHandle(Arc<Ended>);

#[derive(Debug)]
struct Ended {
    session: SessionId,
    folder: Option<PathBuf>,
    progress: Gauge,
    recorded_iterations: AtomicU64,
    /// Process that wrote the session. A forked child has a copy, whose outcome is never set.
    process: Stamp,
    start_warnings: OnceLock<Vec<String>>,
    outcome: Mutex<Outcome>,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Outcome {
    /// Result of writing the artifacts, and when it was set.
    result: Option<(Result<Manifest, Error>, Instant)>,
    /// True if the host's logger has received the messages.
    is_logged: bool,
}

impl Outcome {
    /// Returns the result once the host's logger has received the messages or its timeout has
    /// passed: the caller may end the process next.
    fn ready(&self) -> Option<&Result<Manifest, Error>> {
        self.result.as_ref().filter(|_| self.logger_time_left().is_zero()).map(|(result, _)| result)
    }

    /// Returns the rest of the logger's timeout.
    fn logger_time_left(&self) -> Duration {
        match &self.result {
            Some(_) if self.is_logged => Duration::ZERO,
            Some((_, when)) => logging::TIMEOUT.saturating_sub(when.elapsed()),
            None => Duration::MAX,
        }
    }
}

/// A sealed session on its way to the exporters.
pub(crate) struct Export {
    /// Sealed recording.
    pub(crate) recording: Recording,
    /// Configuration of the session.
    pub(crate) config: ProfilerConfig,
    /// GPU part, before and after it was ended.
    pub(crate) gpu: Option<Gpu>,
    pub(crate) sealed: Option<GpuSealed>,
    /// Claim on the folder, held until the artifacts are in it.
    pub(crate) claim: Option<Claim>,
    /// Spool that holds the recording, if it is not in memory; deleted after the artifacts and
    /// those of `dump` are written.
    pub(crate) spool: Option<ActiveSpool>,
    /// Last dump, if it may still be being written. It reads from the same spool.
    pub(crate) dump: Option<ExportHandle>,
    /// Handle for waiting on the artifacts.
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

    /// Returns the folder of its artifacts; `None` if the configuration has none, or only files
    /// with paths of their own.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// Returns the number of recorded iterations of the driving loop.
    #[must_use]
    pub fn recorded_iterations(&self) -> u64 {
        // ORDERING: written once, before the handle of an ended session is returned.
        self.0.recorded_iterations.load(Ordering::Relaxed)
    }

    /// Stores the warnings that were reported when the session began.
    pub(super) fn set_start_warnings(&self, warnings: &[String]) {
        self.0.start_warnings.get_or_init(|| warnings.to_vec());
    }

    /// Returns the warnings that were reported when the session began.
    pub(crate) fn start_warnings(&self) -> &[String] {
        self.0.start_warnings.get().map_or(&[], Vec::as_slice)
    }

    /// Stores the number of recorded iterations, when the session ends.
    pub(super) fn set_recorded_iterations(&self, recorded: u64) {
        // ORDERING: as above.
        self.0.recorded_iterations.store(recorded, Ordering::Relaxed);
    }

    /// Waits until every artifact is on disk and returns the list. An artifact that could not be
    /// written is in the manifest, with the reason.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Export`] if the exporter panicked, and [`Error::ParentsSession`] in a child
    /// that was forked after the session began.
    pub fn wait(&self) -> Result<Manifest, Error> {
        loop {
            if let Some(result) = self.wait_timeout(Duration::MAX) {
                return result;
            }
        }
    }

    /// Waits like [`wait`](Self::wait), but at most for `timeout`; returns `None` if the artifacts
    /// are not written by then.
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Result<Manifest, Error>> {
        if let Err(error) = self.check_process() {
            return Some(Err(error));
        }
        let start = Instant::now();
        let mut outcome = self.outcome();
        while outcome.ready().is_none() {
            let left = timeout.checked_sub(start.elapsed())?.min(outcome.logger_time_left());
            (outcome, _) = self.0.written.wait_timeout(outcome, left).unwrap_or_else(PoisonError::into_inner);
        }
        outcome.ready().cloned()
    }

    /// Returns the progress of writing the artifacts.
    #[must_use]
    pub fn progress(&self) -> ExportProgress {
        self.0.progress.read()
    }

    /// Waits like [`wait`](Self::wait) and calls `watch` with the progress ten times a second and
    /// at the end: for a progress bar.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`wait`](Self::wait).
    pub fn wait_with(&self, mut watch: impl FnMut(&ExportProgress)) -> Result<Manifest, Error> {
        loop {
            let outcome = self.wait_timeout(PROGRESS_INTERVAL);
            watch(&self.progress());
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    /// Waits for the artifacts and returns the session's operator table, as PyTorch's
    /// `key_averages()` does. Costs a pass over the distinct rows, not over the recording.
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

    /// Returns whether the artifacts are written or never will be.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.is_foreign() || self.outcome().ready().is_some()
    }

    /// Returns whether the session belongs to a process that this one was forked from. Such a
    /// session must not be waited for.
    pub(super) fn is_foreign(&self) -> bool {
        self.0.process.is_foreign()
    }

    fn check_process(&self) -> Result<(), Error> {
        if self.is_foreign() { Err(Error::ParentsSession { session: self.session().clone() }) } else { Ok(()) }
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the outcome. Waiting callers continue once [`set_logged`](Self::set_logged) was
    /// called or the logger's timeout has passed.
    fn settle(&self, result: Result<Manifest, Error>) {
        if let Err(error) = &result {
            logging::error!("{error}");
        }
        self.outcome().result = Some((result, Instant::now()));
        self.0.written.notify_all();
    }

    fn set_logged(&self) {
        self.outcome().is_logged = true;
        self.0.written.notify_all();
    }
}

impl Export {
    /// Waits for the GPU and ends its recording. Called before [`launch`](Self::launch), on the
    /// thread that ended the session and without the session lock.
    pub(crate) fn finish_gpu(mut self) -> Self {
        self.sealed = self.gpu.take().map(Gpu::finish);
        self
    }

    /// Writes the artifacts on a new thread, or on this one if the system provides none.
    pub(crate) fn launch(self) {
        let (hand_over, export) = mpsc::sync_channel(1);
        let work = move || export.recv().map_or((), run);
        let started = shutdown::without_signals(|| std::thread::Builder::new().name(THREAD.to_owned()).spawn(work));
        let Err(error) = started else { return drop(hand_over.send(self)) };
        let (_held, session) = (logging::hold(), self.stopped.session());
        logging::warn!(
            "cannot start the thread `{THREAD}`: {error}; session `{session}` is written on the calling thread"
        );
        // If a write exceeds the file size limit, the signal must not reach this thread.
        shutdown::without_signals(|| run(self));
    }
}

fn run(export: Export) {
    let _own = ledger::own();
    // The host's logger may block, so messages are delivered after the artifacts are on disk.
    let held = logging::hold();
    let Export { mut recording, config, sealed, claim, spool, dump, stopped, .. } = export;
    let result = catch_unwind(AssertUnwindSafe(|| {
        recording.context.costs = costs();
        // Measuring the costs has already used some of the delay.
        window::resample_clocks(&mut recording.window);
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
            let std = StdFrames::new(config.stack_std_functions);
            recording.symbols = symbols::resolve(&recording.log, std);
            recording.context.warnings.extend(symbols::missing(&recording.symbols));
        }
        let mut trace = Trace::build(recording);
        // Some failures only show when the spool is read.
        let failed = spool.as_ref().and_then(failed_spool);
        let warnings = &mut trace.context.warnings;
        warnings.extend(failed.filter(|_| !warnings.iter().any(|warning| warning.starts_with(FAILED_SPOOL))));
        artifacts::write(&mut trace, &config, stopped.folder().unwrap_or(Path::new("")), &stopped.0.progress)
    }));
    drop(claim);
    if let (Some(spool), Ok(manifest)) = (spool, &result) {
        finish_spool(&spool, manifest, &stopped);
    }
    if let Some(dump) = dump {
        // Its failure was reported by its own export.
        let _ = dump.wait();
    }
    stopped.settle(
        result.map_err(|panic| Error::Export {
            session: stopped.session().clone(),
            message: export::panic_text(&*panic),
        }),
    );
    drop(held);
    stopped.set_logged();
}

/// Returns a warning if the spool could not hold the whole recording, with the reason.
pub(super) fn failed_spool(spool: &ActiveSpool) -> Option<String> {
    spool.failure().map(|reason| format!("{FAILED_SPOOL}: {reason}"))
}

/// Deletes the spool, or keeps it for `recover` if artifacts could not be written.
fn finish_spool(spool: &ActiveSpool, manifest: &Manifest, stopped: &ExportHandle) {
    let session = stopped.session();
    if !manifest.errors.is_empty() {
        logging::warn!("session `{session}` keeps its spool: `recover` makes the artifacts that could not be written");
    } else if let Err(error) = spool.discard() {
        logging::warn!("session `{session}` cannot delete its spool, which nobody needs any more: {error}");
    }
}

/// Returns the costs of recording on this machine, measured when recording began.
fn costs() -> Costs {
    Costs { stack: stacks::ns_per_stack(), link: correlation::ns_per_link(), ..Costs::measure() }
}
