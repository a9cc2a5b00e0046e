//! The CUDA capture range: `cuProfilerStart` and `cuProfilerStop`, which tell an attached Nsight
//! Systems (`--capture-range=cudaProfilerApi`) what to capture.
//!
//! Exactly paired: a stop follows each start that succeeded, after the GPU has done its work, and
//! nothing else calls stop. The range is the process's, so its state is too; a range that is still
//! open when the next one opens is closed first.

use std::sync::{Mutex, PoisonError};

use super::driver::{Driver, failed};
use profiler_core::process::PerProcess;
use profiler_trace::records::unavailable::Unavailable;

/// The number of the open range; 0 if none is. Held while the driver is called, so that calls keep
/// their order.
static OPEN: PerProcess<Mutex<State>> = PerProcess::new(|_| Mutex::new(State { open: 0, last: 0 }));

#[derive(Debug)]
struct State {
    open: u64,
    last: u64,
}

/// A session's range.
#[derive(Debug, Default)]
pub(crate) enum CaptureRange {
    /// It is not to be opened, now or later.
    #[default]
    Shut,
    /// It is to be opened as soon as there is a context.
    Wanted,
    /// It is open, with its number.
    Open(u64),
}

/// Begin of a sentence on why there was nothing to capture.
const UNOPENED: &str = "the CUDA capture range was never opened: this process had";

impl CaptureRange {
    /// Opens it if the GPU is in use, else at the next [`retry`](Self::retry).
    ///
    /// # Errors
    ///
    /// Returns why it will never be open.
    pub(crate) fn open(&mut self) -> Result<(), Unavailable> {
        *self = Self::Wanted;
        self.retry()
    }

    /// Opens a range that could not be opened for want of a context. Costs a few driver calls while
    /// there is none.
    ///
    /// # Errors
    ///
    /// Returns why it will never be open.
    pub(crate) fn retry(&mut self) -> Result<(), Unavailable> {
        if !matches!(self, Self::Wanted) {
            return Ok(());
        }
        let opened = Driver::get().and_then(start);
        *self = match opened {
            Ok(Some(number)) => Self::Open(number),
            Ok(None) => Self::Wanted,
            Err(_) => Self::Shut,
        };
        opened.map(drop)
    }

    /// Waits for the GPU and closes the range. Returns a sentence if it was never opened, or could
    /// not be closed.
    pub(crate) fn close(self) -> Option<String> {
        match self {
            Self::Shut => None,
            // A context is looked for when recording begins and after each iteration.
            Self::Wanted if Driver::get().is_ok_and(Driver::has_context) => Some(format!(
                "{UNOPENED} no CUDA context when the recording began, and ended no iteration after it had made one: use the \
                 GPU before the start, or end iterations with `next_step()`"
            )),
            Self::Wanted => Some(format!(
                "{UNOPENED} no CUDA context: start the session in the process that uses the GPU, and while it does"
            )),
            Self::Open(number) => {
                let mut state = lock();
                let driver = Driver::get().ok()?;
                if state.open == number { stop(&mut state, driver) } else { None }
            }
        }
    }
}

fn lock() -> std::sync::MutexGuard<'static, State> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the range and returns its number; `None` without a context.
fn start(driver: &Driver) -> Result<Option<u64>, Unavailable> {
    if !driver.has_context() {
        return Ok(None);
    }
    let mut state = lock();
    if state.open != 0 {
        stop(&mut state, driver);
    }
    match driver.start_range() {
        Ok(()) => {
            state.last += 1;
            state.open = state.last;
            Ok(Some(state.last))
        }
        Err(None) => Ok(None),
        Err(Some(code)) => Err(failed("cuProfilerStart", code)),
    }
}

fn stop(state: &mut State, driver: &Driver) -> Option<String> {
    driver.synchronize();
    state.open = 0;
    let code = driver.stop_range().err()?;
    let code = code.map_or_else(|| "no context".to_owned(), |code| format!("CUDA error {code}"));
    Some(format!("the CUDA capture range could not be closed: `cuProfilerStop` failed with {code}"))
}
