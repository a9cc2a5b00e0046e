//! Starts and stops sessions by a signal or a file, without code or a port.
//!
//! Triggers act on the [installed](super::job::set_controller) controller, so in a single process,
//! in a worker and in a coordinator's process they have the effect of a request over HTTP. Each
//! trigger has a thread that only waits. Both are off unless the configuration names them. A caller
//! that arms triggers that are armed already shares them: a signal handled twice would start a
//! session and stop it at once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, mem};

use super::job::{self, ControlError, Controller, Report, Selection};
use super::threads;
use crate::config::ProfilerConfig;
use crate::{logging, session};
use profiler_core::memory::ledger;
use profiler_core::process::{PerProcess, Stamp};
use profiler_core::site::pinned;
use profiler_trace::text;

/// Interval at which the file is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Time that the end of the program waits for the artifacts of other processes.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Armed triggers. Dropping them stops the sessions that they have started, and waits for the
/// artifacts.
#[derive(Debug)]
pub(super) struct Triggers {
    state: Arc<Armed>,
    #[cfg(unix)]
    signals: Option<signal_hook::iterator::Handle>,
    /// Threads, joined at the end, because one may be in the middle of a start.
    threads: Vec<JoinHandle<()>>,
    process: Stamp,
}

/// The state that the threads share.
#[derive(Default)]
struct Armed {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Controller of the session that a trigger has started. Kept, because another may be installed
    /// meanwhile.
    started: Option<Arc<dyn Controller>>,
    is_over: bool,
}

/// Returns whether the configuration names a trigger.
pub(super) const fn is_named(config: &ProfilerConfig) -> bool {
    config.toggle_on_sigusr2 || config.trigger_file.is_some()
}

/// The triggers armed last, with the signal and the file that their configuration names.
type Last = Option<((bool, Option<PathBuf>), Weak<Triggers>)>;

static LAST: PerProcess<Mutex<Last>> = PerProcess::new(|_| Mutex::default());

/// Arms the triggers that the configuration names; returns `None` if there are none, or if this
/// system supports none of them.
pub(super) fn arm(config: &ProfilerConfig) -> Option<Arc<Triggers>> {
    if !is_named(config) {
        return None;
    }
    let named = (config.toggle_on_sigusr2, config.trigger_file.clone());
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let same = last.as_ref().filter(|(armed, _)| *armed == named);
    if let Some(armed) = same.and_then(|(_, armed)| armed.upgrade()) {
        return Some(armed);
    }
    pinned::pin_this_library();
    let mut triggers = Triggers {
        state: Arc::default(),
        #[cfg(unix)]
        signals: None,
        threads: Vec::new(),
        process: Stamp::here(),
    };
    if config.toggle_on_sigusr2 {
        triggers.arm_signal();
    }
    if let Some(file) = config.trigger_file.clone() {
        triggers.arm_file(file);
    }
    let triggers = (!triggers.threads.is_empty()).then(|| Arc::new(triggers))?;
    *last = Some((named, Arc::downgrade(&triggers)));
    Some(triggers)
}

/// Arms the triggers that the configuration names for the rest of the process, for a server without
/// a guard.
#[cfg(feature = "http")]
pub(super) fn arm_permanently(config: &ProfilerConfig) {
    mem::forget(arm(config));
}

impl Triggers {
    /// Lets SIGUSR2 start and stop sessions.
    #[cfg(unix)]
    fn arm_signal(&mut self) {
        let begun = signal_hook::iterator::Signals::new([signal_hook::consts::SIGUSR2]).and_then(|mut signals| {
            let (handle, armed) = (signals.handle(), Arc::clone(&self.state));
            let work = move || signals.forever().for_each(|_| armed.toggle());
            self.threads.push(threads::spawn("profiler-signal", work)?);
            self.signals = Some(handle);
            Ok(())
        });
        if let Err(error) = begun {
            logging::error!("`toggle_on_sigusr2` does nothing: cannot wait for the signal: {error}");
        }
    }

    #[cfg(not(unix))]
    fn arm_signal(&mut self) {
        logging::warn!("`toggle_on_sigusr2` does nothing: this system has no such signal; use `trigger_file`");
    }

    /// Runs a session while the file exists.
    fn arm_file(&mut self, file: PathBuf) {
        let armed = Arc::clone(&self.state);
        match threads::spawn("profiler-trigger", move || armed.watch(&file)) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => logging::error!("`trigger_file` does nothing: there is no thread for it: {error}"),
        }
    }
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Armed").finish_non_exhaustive()
    }
}

impl Armed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls for the file until the triggers are dropped.
    fn watch(&self, file: &Path) {
        let mut existed = false;
        let mut state = self.state();
        while !state.is_over {
            drop(state);
            // In a folder that cannot be read, no file is found.
            let exists = file.exists();
            match (existed, exists) {
                (false, true) => self.start("the trigger file is there"),
                (true, false) => self.stop("the trigger file is gone"),
                _ => {}
            }
            existed = exists;
            let waits = self.changed.wait_timeout_while(self.state(), POLL_INTERVAL, |state| !state.is_over);
            state = waits.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the controller of the session that a trigger has started, or else the installed one.
    fn controller(&self) -> Arc<dyn Controller> {
        self.state().started.clone().unwrap_or_else(job::controller)
    }

    #[cfg(unix)]
    fn toggle(&self) {
        use job::WorkerState::{Recording, Silent};
        let runs = |state| matches!(state, Recording | Silent);
        let status = self.controller().status();
        if status.session.is_some() && status.workers.iter().any(|worker| runs(worker.state)) {
            self.stop("SIGUSR2");
        } else {
            self.start("SIGUSR2");
        }
    }

    fn start(&self, why: &str) {
        let controller = job::controller();
        match controller.start(&Selection::default()) {
            Ok(report) => {
                log_report(&format!("{why}: session `{}` is started", report.session), &report);
                self.state().started = Some(controller);
            }
            Err(error) => logging::error!("{why}, but no session is started: {error}"),
        }
    }

    fn stop(&self, why: &str) {
        let controller = self.controller();
        self.state().started = None;
        match controller.stop(&Selection::default(), Duration::ZERO) {
            Ok(report) => log_report(&format!("{why}: session `{}` is stopped", report.session), &report),
            // The session has ended by itself, or another caller has stopped it.
            Err(ControlError::NotActive) => logging::info!("{why}: no session is active any more"),
            Err(error) => logging::error!("{why}, but no session is stopped: {error}"),
        }
    }
}

fn log_report(what: &str, report: &Report) {
    logging::info!("{what}");
    for worker in report.workers.iter().filter(|worker| worker.state.is_failure()) {
        let why = worker.error.as_deref().unwrap_or("it does not say why");
        let (name, why) = (text::plain(&worker.worker.name), text::plain(why));
        logging::error!("`{name}` (rank {}): {why}", worker.worker.rank);
    }
}

impl Drop for Triggers {
    fn drop(&mut self) {
        let _own = ledger::own();
        if self.process.is_foreign() {
            // The threads exist only in the parent, and the sessions belong to it.
            mem::forget(mem::take(&mut self.threads));
            return;
        }
        #[cfg(unix)]
        if let Some(signals) = &self.signals {
            signals.close();
        }
        self.state.state().is_over = true;
        self.state.changed.notify_all();
        for thread in self.threads.drain(..) {
            logging::join(thread);
        }
        let started = self.state.state().started.take();
        if let Some(controller) = started {
            // Another caller may have stopped it.
            let _ = controller.stop(&Selection::default(), STOP_TIMEOUT);
        }
        session::wait_for_exports();
    }
}
