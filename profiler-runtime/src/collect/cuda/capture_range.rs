//! Opens and closes the CUDA capture range: `cuProfilerStart` and `cuProfilerStop`, between which
//! an attached Nsight Systems (`--capture-range=cudaProfilerApi`) captures.
//!
//! Starts and stops are paired: a stop follows each successful start, after the GPU has finished
//! its work, and nothing else calls stop. The range belongs to the process, so its state is global.
//! A range that is still open when the next one opens is closed first.

use std::sync::{Mutex, PoisonError};

use super::driver::{Driver, failed};
use profiler_core::process::PerProcess;
use profiler_trace::records::unavailable::Unavailable;

/// Number of the open range, 0 if none is open, and the last number. Locked around driver calls, so
/// that they keep their order.
static OPEN: PerProcess<Mutex<State>> = PerProcess::new(|_| Mutex::new(State { open: 0, last: 0 }));

#[derive(Debug)]
struct State {
    open: u64,
    last: u64,
}

/// A session's capture range.
#[derive(Debug, Default)]
pub(crate) enum CaptureRange {
    /// Must not be opened, now or later.
    #[default]
    Disabled,
    /// Must be opened as soon as there is a context.
    Pending,
    /// Is open, with its number.
    Open(u64),
}

/// Begin of the warning that there was nothing to capture.
const UNOPENED: &str = "the CUDA capture range was never opened: this process had";

impl CaptureRange {
    /// Opens the range if the GPU is in use; otherwise the next [`retry`](Self::retry) tries again.
    ///
    /// # Errors
    ///
    /// Returns the reason if the range can never be opened.
    pub(crate) fn open(&mut self) -> Result<(), Unavailable> {
        *self = Self::Pending;
        self.retry()
    }

    /// Tries again to open a range for which there was no context. Costs a few driver calls while
    /// there is none.
    ///
    /// # Errors
    ///
    /// Returns the reason if the range can never be opened.
    pub(crate) fn retry(&mut self) -> Result<(), Unavailable> {
        if !matches!(self, Self::Pending) {
            return Ok(());
        }
        let opened = Driver::get().and_then(start);
        *self = match opened {
            Ok(Some(number)) => Self::Open(number),
            Ok(None) => Self::Pending,
            Err(_) => Self::Disabled,
        };
        opened.map(drop)
    }

    /// Waits for the GPU and closes the range. Returns a warning if the range was never opened or
    /// could not be closed.
    pub(crate) fn close(self) -> Option<String> {
        match self {
            Self::Disabled => None,
            // `retry` has looked for a context when recording began and after each iteration.
            Self::Pending if Driver::get().is_ok_and(Driver::has_context) => Some(format!(
                "{UNOPENED} no CUDA context when the recording began, and ended no iteration after it had made one: use the \
                 GPU before the start, or end iterations with `next_step()`"
            )),
            Self::Pending => Some(format!(
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

/// Starts the range and returns its number; `None` if there is no context.
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
