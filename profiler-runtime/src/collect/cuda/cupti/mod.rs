//! CUPTI: which kernels, copies and calls ran, and which of our ranges launched them.
//!
//! The activity API, as PyTorch's profiler uses it. The process has one CUPTI, so what runs is global; a session holds a
//! [`Capture`]. No lock that a callback takes is ever held around a call of CUPTI's.
//!
//! ```text
//! Cupti (the library) ─► Capture::start ─► buffers (callbacks) ─► Capture::finish ─► Undecoded::decode ─► GpuLog
//! ```

mod api;
mod buffers;
mod decode;
mod ignored_calls;
mod layout;
mod raw;
mod record;
mod search;
mod switch;

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::driver::Driver;
use profiler_core::process::PerProcess;
use profiler_trace::records::gpu::{ClockSample, GpuLog, GpuLosses, GpuRecord};
use profiler_trace::records::unavailable::Absent;

use api::OUR_IDS;
use buffers::Full;
use switch::{Running, begin};

pub(crate) use api::{Cupti, toolkit};

/// What a session wants beyond kernels, copies, fills and calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Waits for streams, events and contexts.
    pub(crate) syncs: bool,
    /// Device memory taken and given back.
    pub(crate) memory: bool,
    /// Bytes of buffers.
    pub(crate) buffer_bytes: usize,
}

/// A session's use of CUPTI.
#[derive(Debug)]
pub(crate) enum Capture {
    /// There will be no GPU part.
    Absent(Absent),
    /// Can start.
    Ready(&'static Driver, &'static Cupti, Wanted),
    /// Runs, under this number.
    Running(u64),
}

/// What CUPTI delivered, not yet read.
#[derive(Debug)]
pub(crate) struct Undecoded {
    driver: &'static Driver,
    cupti: &'static Cupti,
    full: Vec<Full>,
    clocks: [ClockSample; 2],
    losses: GpuLosses,
}

#[derive(Debug)]
struct State {
    last: u64,
    running: Option<Running>,
    /// Captures that a later start has ended, for the sessions whose they are.
    ended: Vec<(u64, Undecoded)>,
}

static STATE: PerProcess<Mutex<State>> =
    PerProcess::new(|_| Mutex::new(State { last: 0, running: None, ended: Vec::new() }));

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Variables that Nsight Systems and other tools set in the programs that they run.
const TOOLS: [&str; 2] = ["NSYS_PROFILING_SESSION_ID", "CUDA_INJECTION64_PATH"];

/// The variable that says that another tool is attached, if one does. Asked before CUPTI is touched: its activity calls
/// may succeed beside a tool and break the tool's report.
pub(crate) fn attached_tool(env: impl Fn(&str) -> bool) -> Option<&'static str> {
    TOOLS.into_iter().find(|name| env(name))
}

impl Capture {
    /// Finds driver and libcupti, and starts nothing.
    pub(crate) fn prepare(wanted: Wanted) -> Self {
        let tool = attached_tool(|name| std::env::var_os(name).is_some());
        let found = Driver::get().and_then(|driver| match tool {
            Some(variable) => Err(Absent::ToolAttached(variable)),
            None => Cupti::get(driver).map(|cupti| Self::Ready(driver, cupti, wanted)),
        });
        found.unwrap_or_else(Self::Absent)
    }

    /// Starts recording, if that is still to be done. True if the GPU is recorded from now on.
    pub(crate) fn start(&mut self) -> bool {
        if let &mut Self::Ready(driver, cupti, wanted) = self {
            let mut state = state();
            state.end_running();
            *self = match begin(driver, cupti, wanted, state.last + 1) {
                Ok(running) => {
                    state.last += 1;
                    state.running = Some(running);
                    Self::Running(state.last)
                }
                Err(reason) => Self::Absent(reason),
            };
        }
        matches!(self, Self::Running(_))
    }

    /// Why nothing is recorded, if that is known.
    pub(crate) const fn absent(&self) -> Option<&Absent> {
        match self {
            Self::Absent(reason) => Some(reason),
            _ => None,
        }
    }

    /// Waits for the GPU, stops recording and takes what there is.
    ///
    /// # Errors
    ///
    /// Why there is nothing.
    pub(crate) fn finish(self) -> Result<Undecoded, Absent> {
        match self {
            Self::Absent(reason) => Err(reason),
            Self::Ready(..) => Err(Absent::NothingRecorded),
            Self::Running(number) => {
                let mut state = state();
                if state.running.as_ref().is_some_and(|running| running.number == number) {
                    state.end_running();
                }
                let at = state.ended.iter().position(|(ended, _)| *ended == number);
                at.map(|at| state.ended.swap_remove(at).1).ok_or(Absent::NothingRecorded)
            }
        }
    }
}

impl State {
    fn end_running(&mut self) {
        if let Some(running) = self.running.take() {
            self.ended.push((running.number, running.end()));
        }
    }
}

impl Undecoded {
    /// Reads everything. Takes about 50 ns a record.
    pub(crate) fn decode(self) -> GpuRecord {
        let log = GpuLog {
            cupti_version: self.cupti.version,
            driver_version: self.driver.version(),
            devices: self.driver.devices(),
            clocks: self.clocks,
            losses: self.losses,
            ..GpuLog::default()
        };
        let cupti = self.cupti;
        let mut reader = decode::Reader::new(cupti.version, |api, function| cupti.name_of_call(api, function), log);
        let mut keeper = raw::Keeper::from_env(cupti);
        for mut full in self.full {
            let is_whole = record::walk(cupti, &mut full, |record| {
                reader.record(record);
                if let Some(keeper) = &mut keeper {
                    keeper.record(record);
                }
            });
            if !is_whole {
                reader.unreadable();
            }
            full.recycle();
        }
        if let Some(keeper) = keeper {
            keeper.finish();
        }
        GpuRecord::Recorded(Box::new(reader.finish()))
    }
}

/// Returns whether recording could start: starts it and ends it at once. A session that records is not disturbed.
///
/// # Errors
///
/// Why it could not.
pub(crate) fn probe(driver: &'static Driver, cupti: &'static Cupti) -> Result<(), Absent> {
    let state = state();
    if state.running.is_some() {
        return Ok(());
    }
    let wanted = Wanted { buffer_bytes: buffers::BYTES, ..Wanted::default() };
    begin(driver, cupti, wanted, 0).map(|running| drop(running.end()))
}

/// Bytes of GPU records that wait to be read.
pub(crate) fn bytes_in_use() -> usize {
    buffers::bytes_in_use()
}

fn push(id: u64) {
    if let Some(cupti) = Cupti::in_use() {
        // SAFETY: takes two numbers.
        unsafe { (cupti.functions.push)(OUR_IDS, id) };
    }
}

fn pop() {
    if let Some(cupti) = Cupti::in_use() {
        let mut last = 0;
        // SAFETY: the id is written to a local.
        unsafe { (cupti.functions.pop)(OUR_IDS, &mut last) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_by_its_variables() {
        assert_eq!(attached_tool(|name| name == "CUDA_INJECTION64_PATH"), Some("CUDA_INJECTION64_PATH"));
        assert_eq!(attached_tool(|name| name == "NVTX_INJECTION64_PATH"), None, "NVTX tools need no CUPTI");
    }
}
