//! Starts and stops CUPTI recording. A failed start leaves nothing enabled, and the order of a stop
//! loses no record.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::collect::cuda::driver::Driver;
use crate::collect::gpu::source::Wanted;
use crate::collect::gpu::turns::Turns;
use profiler_core::hooks::correlation::{self, Hooks};
use profiler_core::process::PerProcess;
use profiler_trace::records::gpu::{ClockSample, GpuLosses};
use profiler_trace::records::unavailable::Unavailable;

use super::api::{Cupti, FORCED, OUR_IDS, SYSTEM_THREAD_IDS, failed, kind};
use super::decode::Undecoded;
use super::{buffers, ignored_calls};

static TURNS: PerProcess<Mutex<Turns<Running, Undecoded>>> = PerProcess::new(|_| Mutex::new(Turns::new()));

pub(super) fn turns() -> MutexGuard<'static, Turns<Running, Undecoded>> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running recording.
#[derive(Debug)]
pub(super) struct Running {
    driver: &'static Driver,
    cupti: &'static Cupti,
    subscriber: Subscriber,
    kinds: Vec<u32>,
    began: ClockSample,
}

/// A CUPTI subscriber.
#[derive(Debug)]
struct Subscriber(*mut c_void);

// SAFETY: the handle is only passed back to CUPTI, whose functions may be called on any thread.
unsafe impl Send for Subscriber {}

/// Starts recording. On failure, disables everything that was enabled.
pub(super) fn begin(driver: &'static Driver, cupti: &'static Cupti, wanted: Wanted) -> Result<Running, Unavailable> {
    let functions = &cupti.functions;
    let mut handle = ptr::null_mut();
    // Subscribing, even without callbacks, is the one reliable way to learn that CUPTI serves
    // another tool. SAFETY: the handle is written to a local; `ignore` has the signature of a
    // callback.
    check("cuptiSubscribe", unsafe { (functions.subscribe)(&mut handle, ignore, ptr::null_mut()) })?;
    let mut running =
        Running { driver, cupti, subscriber: Subscriber(handle), kinds: Vec::new(), began: sample(cupti) };
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
    fn enable(&mut self, wanted: Wanted) -> Result<(), Unavailable> {
        let functions = &self.cupti.functions;
        buffers::prepare(wanted.buffer_bytes, self.cupti.survives_refused_buffers());
        // SAFETY: takes an integer.
        check("cuptiSetThreadIdType", unsafe { (functions.thread_ids)(SYSTEM_THREAD_IDS) })?;
        register(self.cupti)?;
        correlation::install(Hooks { push, pop });
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
        // A record of a wait names its event; the event's own records say where it was recorded
        // last.
        let optional =
            [(wanted.syncs, kind::SYNCHRONIZATION), (wanted.syncs, kind::CUDA_EVENT), (wanted.memory, kind::MEMORY)];
        let optional = optional.into_iter().filter_map(|(is_wanted, kind)| is_wanted.then_some(kind));
        for kind in always.into_iter().chain(optional) {
            // SAFETY: takes an integer; the callbacks for the records are registered.
            check("cuptiActivityEnable", unsafe { (functions.enable)(kind) })?;
            self.kinds.push(kind);
        }
        self.disable_ignored_calls();
        // Resets the count.
        self.dropped(&[]);
        Ok(())
    }

    /// Disables the recording of [`ignored_calls`], if this CUPTI can (12.5 and newer).
    fn disable_ignored_calls(&self) {
        let functions = &self.cupti.functions;
        let lists = [
            (functions.enable_runtime, &ignored_calls::RUNTIME[..]),
            (functions.enable_driver, &ignored_calls::DRIVER[..]),
        ];
        for (switch, calls) in lists {
            let Some(switch) = switch else { continue };
            for &call in calls {
                // SAFETY: takes two integers. A failure costs records that the decoder ignores too.
                unsafe { switch(call, 0) };
            }
        }
    }

    fn disable(&mut self) {
        for kind in self.kinds.drain(..).rev() {
            // SAFETY: takes an integer.
            unsafe { (self.cupti.functions.disable)(kind) };
        }
        // SAFETY: the handle comes from `cuptiSubscribe` and is not used again.
        unsafe { (self.cupti.functions.unsubscribe)(self.subscriber.0) };
    }

    /// Stops recording after the GPU has finished: a forced flush returns running work without an
    /// end, and never again (pytorch#195844).
    pub(super) fn end(mut self) -> Undecoded {
        self.driver.synchronize();
        let ended = sample(self.cupti);
        self.disable();
        // SAFETY: takes an integer; completed buffers are returned through the callbacks before the
        // call returns.
        unsafe { (self.cupti.functions.flush)(FORCED) };
        let (full, buffers, queues) = buffers::take();
        let losses = GpuLosses { dropped: self.dropped(&queues), buffers, ..GpuLosses::default() };
        Undecoded { driver: self.driver, cupti: self.cupti, full, clocks: [self.began, ended], losses }
    }

    /// Returns the number of records that CUPTI could not store since the previous call.
    fn dropped(&self, queues: &[(usize, u32)]) -> u64 {
        let count_of = |&(context, stream): &(usize, u32)| {
            let mut count = 0;
            // SAFETY: the count is written to a local; a context is null or one that CUPTI has
            // passed.
            let code = unsafe {
                (self.cupti.functions.dropped)(ptr::with_exposed_provenance_mut(context), stream, &mut count)
            };
            if code == 0 { count as u64 } else { 0 }
        };
        let others = queues.iter().filter(|queue| **queue != (0, 0));
        others.chain([&(0, 0)]).map(count_of).sum()
    }
}

/// Starts and stops recording to check whether that works. Does not disturb a session that records.
///
/// # Errors
///
/// Returns the reason if recording cannot start.
pub(super) fn probe(driver: &'static Driver, cupti: &'static Cupti) -> Result<(), Unavailable> {
    let turns = turns();
    if turns.running().is_some() {
        return Ok(());
    }
    let wanted = Wanted { buffer_bytes: buffers::BYTES, ..Wanted::default() };
    begin(driver, cupti, wanted).map(|running| drop(running.end()))
}

fn push(id: u64) {
    if let Some(cupti) = Cupti::in_use() {
        // SAFETY: takes two integers.
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

fn check(call: &'static str, code: i32) -> Result<(), Unavailable> {
    if code == 0 { Ok(()) } else { Err(failed(call, code)) }
}

/// Registers the callbacks once per process, because CUPTI has one pair.
fn register(cupti: &Cupti) -> Result<(), Unavailable> {
    static REGISTERED: PerProcess<OnceLock<()>> = PerProcess::new(|_| OnceLock::new());
    if REGISTERED.get().is_none() {
        // SAFETY: the two functions are static and have the signatures that CUPTI requires.
        let code = unsafe { (cupti.functions.register)(buffers::requested, buffers::completed) };
        check("cuptiActivityRegisterCallbacks", code)?;
        let _ = REGISTERED.set(());
    }
    Ok(())
}

/// Reads CUPTI's clock between two readings of the system clock; keeps the closest of five tries.
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

/// Ignores its call: callback of a subscriber without events.
unsafe extern "C" fn ignore(_: *mut c_void, _: u32, _: u32, _: *const c_void) {}
