//! CUPTI while it records: switched on as a whole or not at all, and off again in an order in which
//! nothing is lost.

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
use super::undecoded::Undecoded;
use super::{buffers, ignored_calls};

static TURNS: PerProcess<Mutex<Turns<Running, Undecoded>>> = PerProcess::new(|_| Mutex::new(Turns::new()));

pub(super) fn turns() -> MutexGuard<'static, Turns<Running, Undecoded>> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A recording that goes on.
#[derive(Debug)]
pub(super) struct Running {
    driver: &'static Driver,
    cupti: &'static Cupti,
    subscriber: Subscriber,
    kinds: Vec<u32>,
    began: ClockSample,
}

/// CUPTI's handle of its subscriber.
#[derive(Debug)]
struct Subscriber(*mut c_void);

// SAFETY: the handle is only ever passed back to CUPTI, whose functions may be called on any
// thread.
unsafe impl Send for Subscriber {}

/// Starts recording; whatever fails, nothing is left switched on.
pub(super) fn begin(driver: &'static Driver, cupti: &'static Cupti, wanted: Wanted) -> Result<Running, Unavailable> {
    let functions = &cupti.functions;
    let mut handle = ptr::null_mut();
    // A subscription without a single callback: the one reliable way to learn that CUPTI serves
    // another tool. SAFETY: the handle is written to a local; `ignore` matches the signature of
    // callbacks.
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
        buffers::prepare(wanted.buffer_bytes, self.cupti.may_be_refused());
        // SAFETY: sets a number.
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
        // A wait for an event says which; the last recording of the event is in the events' own
        // records.
        let asked =
            [(wanted.syncs, kind::SYNCHRONIZATION), (wanted.syncs, kind::CUDA_EVENT), (wanted.memory, kind::MEMORY)];
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

    /// Switches off the recording of calls that nobody wants to see, where this CUPTI can (12.5 and
    /// newer).
    fn leave_out_noise(&self) {
        let functions = &self.cupti.functions;
        let lists = [
            (functions.enable_runtime, &ignored_calls::RUNTIME[..]),
            (functions.enable_driver, &ignored_calls::DRIVER[..]),
        ];
        for (switch, calls) in lists {
            let Some(switch) = switch else { continue };
            for &call in calls {
                // SAFETY: takes two numbers. A failure costs records that the decoder leaves out
                // too.
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

    /// Ends recording, once the GPU is done: a forced flush returns running work without an end,
    /// and never again (pytorch#195844).
    pub(super) fn end(mut self) -> Undecoded {
        self.driver.synchronize();
        let ended = sample(self.cupti);
        self.disable();
        // SAFETY: takes a number; completed buffers come back through the callbacks before it
        // returns.
        unsafe { (self.cupti.functions.flush)(FORCED) };
        let (full, buffers, queues) = buffers::take();
        let losses = GpuLosses { dropped: self.dropped(&queues), buffers, ..GpuLosses::default() };
        Undecoded { driver: self.driver, cupti: self.cupti, full, clocks: [self.began, ended], losses }
    }

    /// Returns how many records CUPTI could not store since it was last asked.
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

/// Starts recording and ends it at once, to see whether it could. A session that records is not
/// disturbed.
///
/// # Errors
///
/// Returns the reason why it could not.
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

fn check(call: &'static str, code: i32) -> Result<(), Unavailable> {
    if code == 0 { Ok(()) } else { Err(failed(call, code)) }
}

/// Registers the callbacks once in a process: CUPTI has one pair.
fn register(cupti: &Cupti) -> Result<(), Unavailable> {
    static REGISTERED: PerProcess<OnceLock<()>> = PerProcess::new(|_| OnceLock::new());
    if REGISTERED.get().is_none() {
        // SAFETY: the two functions live as long as the process and have the signatures that CUPTI
        // wants.
        let code = unsafe { (cupti.functions.register)(buffers::requested, buffers::completed) };
        check("cuptiActivityRegisterCallbacks", code)?;
        let _ = REGISTERED.set(());
    }
    Ok(())
}

/// Reads CUPTI's clock between two readings of ours, the closest of a few tries.
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

/// Ignores its call: the callback of a subscriber that asks for none.
unsafe extern "C" fn ignore(_: *mut c_void, _: u32, _: u32, _: *const c_void) {}
