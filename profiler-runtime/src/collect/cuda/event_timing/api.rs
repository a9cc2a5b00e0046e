//! Wraps the driver's event functions in safe calls.
//!
//! A handle is only passed back to the driver. Code that creates a [`Handle`] of a stream
//! guarantees that the stream outlives its use (`BorrowedStream`); the pool retains a context
//! before it creates events in it.

use std::ffi::{c_int, c_uint};
use std::ptr;

use crate::collect::cuda::driver::{Driver, Raw};
use profiler_trace::records::events::Failure;

/// A context, a stream or an event of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collect) struct Handle(pub(in crate::collect) Raw);

// SAFETY: the driver accepts its handles on any thread; the pointer is never dereferenced here.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

const NOT_READY: c_int = 600;
const NON_BLOCKING: c_uint = 1;
const RELAXED: c_int = 2;

impl Driver {
    /// Returns the context of a stream; for a default stream, the current context.
    pub(super) fn context_of(&self, stream: Handle) -> Result<Handle, Failure> {
        let mut context = ptr::null_mut();
        // SAFETY: the stream is alive; the context is written to a local.
        check("cuStreamGetCtx", unsafe { (self.functions.stream_context)(stream.0, &mut context) })?;
        Ok(Handle(context))
    }

    /// Returns whether work on the stream is captured into a graph instead of running.
    pub(super) fn is_capturing(&self, stream: Handle) -> bool {
        let mut status = 0;
        // SAFETY: the stream is alive; the status is written to a local.
        let code = unsafe { (self.functions.stream_capturing)(stream.0, &mut status) };
        // For a default stream, the call fails while another stream is captured.
        code != 0 || status != 0
    }

    /// Runs `work` with `context` current, then restores the previous one.
    pub(super) fn in_context<R>(&self, context: Handle, work: impl FnOnce() -> R) -> Result<R, Failure> {
        let mut current = ptr::null_mut();
        // SAFETY: the context is written to a local.
        check("cuCtxGetCurrent", unsafe { (self.functions.current)(&mut current) })?;
        if current == context.0 {
            return Ok(work());
        }
        // SAFETY: the context is alive, because its stream is or because the pool retains it. The
        // pop is paired on this thread.
        check("cuCtxPushCurrent", unsafe { (self.functions.push)(context.0) })?;
        let result = work();
        // SAFETY: the context is written to a local.
        unsafe { (self.functions.pop)(&mut current) };
        Ok(result)
    }

    /// Runs `work` in relaxed capture mode. Querying an event in any other mode would invalidate
    /// captures on other threads.
    pub(super) fn in_relaxed_capture_mode<R>(&self, work: impl FnOnce() -> R) -> R {
        let mut mode = RELAXED;
        // SAFETY: the mode is exchanged with a local, and restored below.
        let exchanged = unsafe { (self.functions.capture_mode)(&mut mode) } == 0;
        let result = work();
        if exchanged {
            // SAFETY: as above.
            unsafe { (self.functions.capture_mode)(&mut mode) };
        }
        result
    }

    /// Retains the current context if it is the primary context of its device, and returns that
    /// device; returns `None` for any other context. Retained, because events must not outlive
    /// their context.
    pub(super) fn retain(&self, context: Handle) -> Result<Option<c_int>, Failure> {
        let (mut device, mut flags, mut active, mut primary) = (0, 0, 0, ptr::null_mut());
        // SAFETY: results are written to locals.
        unsafe {
            check("cuCtxGetDevice", (self.functions.context_device)(&mut device))?;
            check("cuDevicePrimaryCtxGetState", (self.functions.primary_state)(device, &mut flags, &mut active))?;
            if active == 0 {
                // Retaining it would create a context.
                return Ok(None);
            }
            check("cuDevicePrimaryCtxRetain", (self.functions.primary_retain)(&mut primary, device))?;
        }
        if primary == context.0 {
            return Ok(Some(device));
        }
        self.release(device);
        Ok(None)
    }

    /// Releases a context that [`retain`](Self::retain) has retained.
    pub(super) fn release(&self, device: c_int) {
        // SAFETY: paired with a `retain`.
        unsafe { (self.functions.primary_release)(device) };
    }

    /// Creates a stream that does not synchronize with others, in the current context.
    pub(super) fn new_stream(&self) -> Result<Handle, Failure> {
        let mut stream = ptr::null_mut();
        // SAFETY: the stream is written to a local.
        check("cuStreamCreate", unsafe { (self.functions.stream_create)(&mut stream, NON_BLOCKING) })?;
        Ok(Handle(stream))
    }

    /// Destroys a stream of [`new_stream`](Self::new_stream), which must not be used afterwards.
    pub(super) fn destroy_stream(&self, stream: Handle) {
        // SAFETY: the stream belongs to the pool, in a context that it retains.
        unsafe { (self.functions.stream_destroy)(stream.0) };
    }

    /// Creates an event with a timestamp in the current context.
    pub(super) fn new_event(&self) -> Result<Handle, Failure> {
        let mut event = ptr::null_mut();
        // SAFETY: the event is written to a local. No flags: the event has a timestamp, and no
        // thread blocks on it.
        check("cuEventCreate", unsafe { (self.functions.event_create)(&mut event, 0) })?;
        Ok(Handle(event))
    }

    /// Destroys an event of [`new_event`](Self::new_event), which must not be used afterwards. The
    /// driver frees a pending event when it completes.
    pub(super) fn destroy_event(&self, event: Handle) {
        // SAFETY: the event belongs to the pool, in a context that it retains.
        unsafe { (self.functions.event_destroy)(event.0) };
    }

    /// Records an event, which completes when the stream reaches it.
    pub(super) fn record(&self, event: Handle, stream: Handle) -> Result<(), Failure> {
        // SAFETY: an event of the pool and a live stream, in one context.
        check("cuEventRecord", unsafe { (self.functions.event_record)(event.0, stream.0) })
    }

    /// Returns whether an event has completed. Does not wait.
    pub(super) fn is_complete(&self, event: Handle) -> Result<bool, Failure> {
        // SAFETY: the event belongs to the pool.
        match unsafe { (self.functions.event_query)(event.0) } {
            0 => Ok(true),
            NOT_READY => Ok(false),
            code => Err(Failure("cuEventQuery", code)),
        }
    }

    /// Returns the nanoseconds between two completed events.
    pub(super) fn elapsed_ns(&self, from: Handle, to: Handle) -> Result<i64, Failure> {
        let mut ms = 0.0_f32;
        let elapsed = self.functions.event_elapsed_new.unwrap_or(self.functions.event_elapsed);
        // SAFETY: events of the pool in one context; the time is written to a local.
        check("cuEventElapsedTime", unsafe { elapsed(&mut ms, from.0, to.0) })?;
        // CAST: saturates; 2^63 ns are 292 years.
        Ok((f64::from(ms) * 1e6).round() as i64)
    }
}

fn check(call: &'static str, code: c_int) -> Result<(), Failure> {
    if code == 0 { Ok(()) } else { Err(Failure(call, code)) }
}
