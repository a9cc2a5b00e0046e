//! Streams and events with a clock that the test advances: on this device, no time passes by
//! itself.
//!
//! `double_work` puts work on a stream, and `double_pass` advances the clock. An event occurs when
//! its stream reaches it; before that, it is not ready. `CUDA_DOUBLE_FAIL` is the name of a
//! function that fails. On a device that works by itself, the clock is the machine's.

use std::ffi::{c_int, c_uint, c_void};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::work::Work;
use crate::works::{self, driver_call, note_end, unix_ns, wait_until, works};
use crate::{CURRENT, Context, INVALID_CONTEXT, MAX_DEVICES, device_of, log};

pub(crate) type Stream = *mut c_void;
type Event = *mut c_void;

const INVALID_HANDLE: c_int = 400;
const NOT_READY: c_int = 600;
const LAUNCH_FAILED: c_int = 719;
const NEVER: u64 = u64::MAX;

/// Time of the device, in nanoseconds.
static NOW: AtomicU64 = AtomicU64::new(1_000_000);
/// Number of events that are not destroyed.
static EVENTS: AtomicI64 = AtomicI64::new(0);
/// Number of streams that are not destroyed.
static STREAMS: AtomicI64 = AtomicI64::new(0);
/// The default streams.
static DEFAULT: [Queue; MAX_DEVICES] = [const { Queue::new(0, DEFAULT_NUMBER) }; MAX_DEVICES];

pub(crate) struct Queue {
    /// Context; 0 for a default stream, which belongs to any current context.
    context: usize,
    /// CUPTI's number for the stream.
    pub(crate) number: u32,
    /// Time at which its work ends.
    done: AtomicU64,
    capturing: AtomicU32,
    captured: Mutex<Vec<Work>>,
}

/// The default stream's number.
const DEFAULT_NUMBER: u32 = 7;

impl Queue {
    const fn new(context: usize, number: u32) -> Self {
        let (done, capturing) = (AtomicU64::new(0), AtomicU32::new(0));
        Self { context, number, done, capturing, captured: Mutex::new(Vec::new()) }
    }

    fn end_of_work(&self) -> u64 {
        self.done.load(Ordering::SeqCst).max(now())
    }

    /// Adds work of this duration, and returns when it begins and ends.
    pub(crate) fn take(&self, ns: u64) -> (u64, u64) {
        let begin = self.end_of_work();
        self.done.store(begin + ns, Ordering::SeqCst);
        note_end(begin + ns);
        (begin, begin + ns)
    }

    /// Adds work to the graph. Returns it if nothing is being captured.
    pub(crate) fn capture(&self, work: Work) -> Option<Work> {
        if self.capturing.load(Ordering::SeqCst) == 0 {
            return Some(work);
        }
        self.captured.lock().unwrap_or_else(PoisonError::into_inner).push(work);
        None
    }

    /// Ends the capture, and returns its work.
    pub(crate) fn end_capture(&self) -> Vec<Work> {
        self.capturing.store(0, Ordering::SeqCst);
        std::mem::take(&mut *self.captured.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the time of the device, in nanoseconds.
fn now() -> u64 {
    if works() { unix_ns() } else { NOW.load(Ordering::SeqCst) }
}

struct Moment {
    context: usize,
    at: AtomicU64,
}

fn current() -> usize {
    CURRENT.get()[0]
}

/// Returns a stream and its context.
pub(crate) fn queue(stream: &Stream) -> Option<(&Queue, usize)> {
    if stream.is_null() {
        return Some((DEFAULT.get(device_of(current())?)?, current()));
    }
    // SAFETY: a stream from `cuStreamCreate`; the tests destroy none that they use.
    let queue = unsafe { &*stream.cast::<Queue>() };
    Some((queue, queue.context))
}

fn moment(event: &Event) -> &Moment {
    // SAFETY: an event from `cuEventCreate`; destroyed ones stay in memory.
    unsafe { &*event.cast::<Moment>() }
}

/// Logs the call. Returns its error if it has to fail.
fn call(name: &str) -> Result<(), c_int> {
    log(name);
    if std::env::var("CUDA_DOUBLE_FAIL").is_ok_and(|fails| fails == name) { Err(LAUNCH_FAILED) } else { Ok(()) }
}

fn code(result: Result<(), c_int>) -> c_int {
    result.err().unwrap_or(0)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreate(stream: *mut Stream, _flags: c_uint) -> c_int {
    if current() == 0 {
        return INVALID_CONTEXT;
    }
    static NUMBER: AtomicU32 = AtomicU32::new(DEFAULT_NUMBER);
    STREAMS.fetch_add(1, Ordering::SeqCst);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst) + 1;
    // SAFETY: the caller passes a valid pointer for the stream.
    unsafe { *stream = Box::into_raw(Box::new(Queue::new(current(), number))).cast() };
    code(call("cuStreamCreate"))
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamDestroy_v2(_stream: Stream) -> c_int {
    STREAMS.fetch_sub(1, Ordering::SeqCst);
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamGetCtx(stream: Stream, context: *mut Context) -> c_int {
    let Some((_, of)) = queue(&stream) else { return INVALID_CONTEXT };
    // SAFETY: the caller passes a valid pointer for the context.
    unsafe { *context = std::ptr::with_exposed_provenance_mut(of) };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamIsCapturing(stream: Stream, status: *mut c_int) -> c_int {
    let Some((queue, _)) = queue(&stream) else { return INVALID_CONTEXT };
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *status = c_int::from(queue.capturing.load(Ordering::SeqCst) > 0) };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamBeginCapture_v2(stream: Stream, _mode: c_int) -> c_int {
    let Some((queue, _)) = queue(&stream) else { return INVALID_CONTEXT };
    queue.capturing.store(1, Ordering::SeqCst);
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuThreadExchangeStreamCaptureMode(mode: *mut c_int) -> c_int {
    thread_local!(static MODE: std::cell::Cell<c_int> = const { std::cell::Cell::new(0) });
    // SAFETY: the caller passes a mode, and a valid pointer for the one before.
    unsafe { *mode = MODE.replace(*mode) };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamSynchronize(stream: Stream) -> c_int {
    if let Some((queue, _)) = queue(&stream) {
        works::wait(126, 3, queue.number, || wait_until(queue.done.load(Ordering::SeqCst)));
    }
    code(call("cuStreamSynchronize"))
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventCreate(event: *mut Event, _flags: c_uint) -> c_int {
    if current() == 0 {
        return INVALID_CONTEXT;
    }
    if let Err(code) = call("cuEventCreate") {
        return code;
    }
    EVENTS.fetch_add(1, Ordering::SeqCst);
    let new = Moment { context: current(), at: AtomicU64::new(NEVER) };
    // SAFETY: the caller passes a valid pointer for the event.
    unsafe { *event = Box::into_raw(Box::new(new)).cast() };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventDestroy_v2(_event: Event) -> c_int {
    EVENTS.fetch_sub(1, Ordering::SeqCst);
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventRecord(event: Event, stream: Stream) -> c_int {
    let Some((queue, context)) = queue(&stream) else { return INVALID_CONTEXT };
    if moment(&event).context != context {
        return INVALID_HANDLE;
    }
    driver_call(119);
    moment(&event).at.store(queue.end_of_work(), Ordering::SeqCst);
    code(call("cuEventRecord"))
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventQuery(event: Event) -> c_int {
    if let Err(code) = call("cuEventQuery") {
        return code;
    }
    if moment(&event).at.load(Ordering::SeqCst) > now() { NOT_READY } else { 0 }
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventSynchronize(event: Event) -> c_int {
    works::wait(121, 1, u32::MAX, || wait_until(moment(&event).at.load(Ordering::SeqCst)));
    code(call("cuEventSynchronize"))
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventElapsedTime(ms: *mut f32, from: Event, to: Event) -> c_int {
    if let Err(code) = call("cuEventElapsedTime") {
        return code;
    }
    let (from, to) = (moment(&from), moment(&to));
    if from.context != to.context {
        return INVALID_HANDLE;
    }
    let [from, to] = [from, to].map(|moment| moment.at.load(Ordering::SeqCst));
    if from.max(to) > now() {
        return NOT_READY;
    }
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *ms = ((to as f64 - from as f64) / 1e6) as f32 };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamWaitEvent(_stream: Stream, _event: Event, _flags: c_uint) -> c_int {
    0
}

/// Puts work on a stream that takes `ns` nanoseconds.
///
/// # Safety
/// The stream exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_work(stream: Stream, ns: u64) {
    if let Some((queue, _)) = queue(&stream) {
        queue.done.store(queue.end_of_work() + ns, Ordering::SeqCst);
    }
}

/// Advances the clock of every device.
#[unsafe(no_mangle)]
pub extern "C" fn double_pass(ns: u64) {
    NOW.fetch_add(ns, Ordering::SeqCst);
}

/// Returns the number of events that exist.
#[unsafe(no_mangle)]
pub extern "C" fn double_events() -> i64 {
    EVENTS.load(Ordering::SeqCst)
}

/// Returns the number of streams that exist.
#[unsafe(no_mangle)]
pub extern "C" fn double_streams() -> i64 {
    STREAMS.load(Ordering::SeqCst)
}
