//! The controller that signals and files act on: this process's own, unless the program has installed another.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Controller, Local};
use profiler_core::process::PerProcess;

static INSTALLED: PerProcess<Mutex<Arc<dyn Controller>>> = PerProcess::new(|_| Mutex::new(Arc::new(Local::new())));

/// Makes `controller` the one that triggers act on, such as the [`Coordinator`](super::Coordinator) of a job in the
/// process that has it.
pub fn install(controller: Arc<dyn Controller>) {
    let before = {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *installed, controller)
    };
    // Outside of the lock: a coordinator's end takes a moment.
    drop(before);
}

/// What triggers act on: [`Local`] unless another was [`install`]ed.
#[must_use]
pub fn installed() -> Arc<dyn Controller> {
    Arc::clone(&INSTALLED.lock().unwrap_or_else(PoisonError::into_inner))
}
