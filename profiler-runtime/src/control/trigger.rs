//! Start and stop without a line of code or a port: a signal, and a file.
//!
//! Both act on the controller that is [set](super::job::set_controller), so in a single process, in
//! a worker and in a coordinator's process they do the same as a request over HTTP. Each has a
//! thread of its own that only waits; both are off unless the configuration names them. A caller
//! that arms the same triggers again while they are armed shares them: a signal that two would hear
//! starts a session and stops it at once.

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

/// Time between two looks for the file.
const POLL: Duration = Duration::from_millis(200);
/// Time that the end of the program waits for the artifacts of other processes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Triggers that are armed, until this is dropped: then sessions that they have started are stopped
/// and written.
#[derive(Debug)]
pub(super) struct Triggers {
    state: Arc<Armed>,
    #[cfg(unix)]
    signals: Option<signal_hook::iterator::Handle>,
    /// Threads that are joined at the end: one of them may be in the middle of a start.
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
    /// Controller of the session that a trigger has started and none has stopped: another may be
    /// installed since.
    started: Option<Arc<dyn Controller>>,
    is_over: bool,
}

/// Returns whether the configuration names a trigger.
pub(super) const fn is_named(config: &ProfilerConfig) -> bool {
    config.toggle_on_sigusr2 || config.trigger_file.is_some()
}

/// The triggers that were armed last, and what the configuration named for them: the signal, and a
/// file.
type Last = Option<((bool, Option<PathBuf>), Weak<Triggers>)>;

static LAST: PerProcess<Mutex<Last>> = PerProcess::new(|_| Mutex::default());

/// Arms the triggers that the configuration names; `None` if there are none, or this system has
/// none of them.
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
        triggers.listen();
    }
    if let Some(file) = config.trigger_file.clone() {
        triggers.watch(file);
    }
    let triggers = (!triggers.threads.is_empty()).then(|| Arc::new(triggers))?;
    *last = Some((named, Arc::downgrade(&triggers)));
    Some(triggers)
}

/// Arms the triggers that the configuration names until the process ends, for a server that has no
/// guard.
#[cfg(feature = "http")]
pub(super) fn arm_for_good(config: &ProfilerConfig) {
    mem::forget(arm(config));
}

impl Triggers {
    /// Lets SIGUSR2 toggle from now on.
    #[cfg(unix)]
    fn listen(&mut self) {
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
    fn listen(&mut self) {
        logging::warn!("`toggle_on_sigusr2` does nothing: this system has no such signal; use `trigger_file`");
    }

    /// Runs a session while the file is there.
    fn watch(&mut self, file: PathBuf) {
        let armed = Arc::clone(&self.state);
        match threads::spawn("profiler-trigger", move || armed.follow(&file)) {
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

    /// Looks for the file again and again, until the end.
    fn follow(&self, file: &Path) {
        let mut was_there = false;
        let mut state = self.state();
        while !state.is_over {
            drop(state);
            // A folder that cannot be read holds no file.
            let is_there = file.exists();
            match (was_there, is_there) {
                (false, true) => self.start("the trigger file is there"),
                (true, false) => self.stop("the trigger file is gone"),
                _ => {}
            }
            was_there = is_there;
            let waits = self.changed.wait_timeout_while(self.state(), POLL, |state| !state.is_over);
            state = waits.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the controller to stop: that of the session which a trigger has started, or else the
    /// installed one.
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
            // It has ended by itself, or another caller was faster.
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
            // The threads are the parent's, and so are the sessions that they have started.
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
            let _ = controller.stop(&Selection::default(), PATIENCE);
        }
        session::wait_for_exports();
    }
}
