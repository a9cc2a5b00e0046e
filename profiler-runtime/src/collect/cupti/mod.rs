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
mod layout;
mod noise;
mod search;

use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::record::correlate::{self, Hooks};

use super::driver::Driver;
use super::gpu::{Absent, ClockSample, GpuLog, GpuLosses, GpuRecord};

pub(crate) use api::Cupti;
use api::{FORCED, OUR_IDS, SYSTEM_THREAD_IDS, absent, kind};
use buffers::Full;

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
struct Running {
    number: u64,
    driver: &'static Driver,
    cupti: &'static Cupti,
    subscriber: Subscriber,
    kinds: Vec<u32>,
    began: ClockSample,
}

/// CUPTI's handle of the one who may subscribe.
#[derive(Debug)]
struct Subscriber(*mut c_void);

// SAFETY: the handle is only ever passed back to CUPTI, whose functions may be called on any thread.
unsafe impl Send for Subscriber {}

#[derive(Debug)]
struct State {
    last: u64,
    running: Option<Running>,
    /// Captures that a later start has ended, for the sessions whose they are.
    ended: Vec<(u64, Undecoded)>,
}

static STATE: Mutex<State> = Mutex::new(State { last: 0, running: None, ended: Vec::new() });

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

/// Starts recording; whatever fails, nothing is left switched on.
fn begin(driver: &'static Driver, cupti: &'static Cupti, wanted: Wanted, number: u64) -> Result<Running, Absent> {
    let functions = &cupti.functions;
    let mut handle = ptr::null_mut();
    // A subscription without a single callback: the one reliable way to learn that CUPTI serves somebody else.
    // SAFETY: the handle is written to a local; `ignore` matches the signature of callbacks.
    check("cuptiSubscribe", unsafe { (functions.subscribe)(&mut handle, ignore, ptr::null_mut()) })?;
    let mut running =
        Running { number, driver, cupti, subscriber: Subscriber(handle), kinds: Vec::new(), began: sample(cupti) };
    match running.enable(wanted) {
        Ok(()) => {
            running.began = sample(cupti);
            Ok(running)
        }
        Err(reason) => {
            running.disable();
            drop(buffers::take());
            Err(reason)
        }
    }
}

impl Running {
    fn enable(&mut self, wanted: Wanted) -> Result<(), Absent> {
        let functions = &self.cupti.functions;
        buffers::prepare(wanted.buffer_bytes, self.cupti.may_be_refused());
        // SAFETY: sets a number.
        check("cuptiSetThreadIdType", unsafe { (functions.thread_ids)(SYSTEM_THREAD_IDS) })?;
        register(self.cupti)?;
        correlate::install(Hooks { push, pop });
        let always = [
            kind::EXTERNAL_CORRELATION,
            kind::DRIVER,
            kind::RUNTIME,
            kind::CONCURRENT_KERNEL,
            kind::COPY,
            kind::PEER_COPY,
            kind::FILL,
            kind::OVERHEAD,
        ];
        let asked = [(wanted.syncs, kind::SYNCHRONIZATION), (wanted.memory, kind::MEMORY)];
        let asked = asked.into_iter().filter_map(|(asked, kind)| asked.then_some(kind));
        for kind in always.into_iter().chain(asked) {
            // SAFETY: takes a number; the callbacks for the records are registered.
            check("cuptiActivityEnable", unsafe { (functions.enable)(kind) })?;
            self.kinds.push(kind);
        }
        self.leave_out_noise();
        self.dropped(&[]);
        Ok(())
    }

    /// Saves the cost of recording what nobody wants to see, where this CUPTI can (12.5 and newer).
    fn leave_out_noise(&self) {
        let functions = &self.cupti.functions;
        let lists = [(functions.enable_runtime, &noise::RUNTIME[..]), (functions.enable_driver, &noise::DRIVER[..])];
        for (switch, calls) in lists {
            let Some(switch) = switch else { continue };
            for &call in calls {
                // SAFETY: takes two numbers. A failure costs records that the decoder leaves out too.
                unsafe { switch(call, 0) };
            }
        }
    }

    fn disable(&mut self) {
        for kind in self.kinds.drain(..).rev() {
            // SAFETY: takes a number.
            unsafe { (self.cupti.functions.disable)(kind) };
        }
        // SAFETY: the handle is the one that `cuptiSubscribe` returned, and is used no more.
        unsafe { (self.cupti.functions.unsubscribe)(self.subscriber.0) };
    }

    /// Waits for the GPU first: a forced flush returns what still runs without an end, and never again
    /// (pytorch#195844).
    fn end(mut self) -> Undecoded {
        self.driver.synchronize();
        let ended = sample(self.cupti);
        self.disable();
        // SAFETY: takes a number; completed buffers come back through the callbacks before it returns.
        unsafe { (self.cupti.functions.flush)(FORCED) };
        let (full, buffers, queues) = buffers::take();
        let losses = GpuLosses { dropped: self.dropped(&queues), buffers, ..GpuLosses::default() };
        Undecoded { driver: self.driver, cupti: self.cupti, full, clocks: [self.began, ended], losses }
    }

    /// Records that CUPTI could not store since it was asked last.
    fn dropped(&self, queues: &[(usize, u32)]) -> u64 {
        let ask = |&(context, stream): &(usize, u32)| {
            let mut count = 0;
            // SAFETY: the count is written to a local; a context is null or one that CUPTI named.
            let code = unsafe {
                (self.cupti.functions.dropped)(ptr::with_exposed_provenance_mut(context), stream, &mut count)
            };
            if code == 0 { count as u64 } else { 0 }
        };
        let others = queues.iter().filter(|queue| **queue != (0, 0));
        others.chain([&(0, 0)]).map(ask).sum()
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
        let mut reader = decode::Reader::new(self.cupti, log);
        for full in self.full {
            reader.read(full);
        }
        GpuRecord::Recorded(Box::new(reader.finish()))
    }
}

/// Whether recording could start: starts it and ends it at once. A session that records is not disturbed.
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

fn check(call: &'static str, code: i32) -> Result<(), Absent> {
    if code == 0 { Ok(()) } else { Err(absent(call, code)) }
}

/// Once in a process: CUPTI has one pair of callbacks.
fn register(cupti: &Cupti) -> Result<(), Absent> {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    if REGISTERED.get().is_none() {
        // SAFETY: the two functions live as long as the process and have the signatures that CUPTI wants.
        let code = unsafe { (cupti.functions.register)(buffers::requested, buffers::completed) };
        check("cuptiActivityRegisterCallbacks", code)?;
        let _ = REGISTERED.set(());
    }
    Ok(())
}

/// CUPTI's clock between two readings of ours, the closest of a few tries.
fn sample(cupti: &Cupti) -> ClockSample {
    let read = || {
        let (before_ns, mut source_ns) = (unix_ns(), 0);
        // SAFETY: the time is written to a local.
        unsafe { (cupti.functions.timestamp)(&mut source_ns) };
        ClockSample { source_ns, before_ns, after_ns: unix_ns() }
    };
    let samples = std::array::from_fn::<_, 5, _>(|_| read());
    let width = |sample: &ClockSample| sample.after_ns.saturating_sub(sample.before_ns);
    samples.into_iter().min_by_key(width).unwrap_or_default()
}

fn unix_ns() -> u64 {
    // CAST: 2^64 ns after 1970 is the year 2554.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
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

/// A subscriber's callback that is never asked for.
unsafe extern "C" fn ignore(_: *mut c_void, _: u32, _: u32, _: *const c_void) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_by_its_variables() {
        assert_eq!(attached_tool(|name| name == "CUDA_INJECTION64_PATH"), Some("CUDA_INJECTION64_PATH"));
        assert_eq!(attached_tool(|name| name == "NVTX_INJECTION64_PATH"), None, "NVTX tools need no CUPTI");
    }
}
