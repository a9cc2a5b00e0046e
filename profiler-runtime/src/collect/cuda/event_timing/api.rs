//! The driver's functions for events, behind calls that are safe to make.
//!
//! Handles are kept as they came and only ever passed back to the driver. Whoever makes a
//! [`Handle`] of a stream promises that the stream lives while it is used (`BorrowedStream`);
//! contexts are retained by the pool before an event is made in them.

use std::ffi::{c_int, c_uint};
use std::ptr;

use crate::collect::cuda::driver::{Driver, Raw};
use profiler_trace::records::events::Failure;

/// A context, a stream or an event of the driver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collect) struct Handle(pub(in crate::collect) Raw);

// SAFETY: the driver's handles may be used on any thread; nothing here follows the pointer.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

const NOT_READY: c_int = 600;
const NON_BLOCKING: c_uint = 1;
const RELAXED: c_int = 2;

impl Driver {
    /// Returns the context of a stream; for a default stream, the current one.
    pub(super) fn context_of(&self, stream: Handle) -> Result<Handle, Failure> {
        let mut context = ptr::null_mut();
        // SAFETY: the stream lives, the context is written to a local.
        check("cuStreamGetCtx", unsafe { (self.functions.stream_context)(stream.0, &mut context) })?;
        Ok(Handle(context))
    }

    /// Returns whether work on the stream becomes part of a graph instead of running.
    pub(super) fn is_capturing(&self, stream: Handle) -> bool {
        let mut status = 0;
        // SAFETY: the stream lives, the status is written to a local.
        let code = unsafe { (self.functions.stream_capturing)(stream.0, &mut status) };
        // A default stream answers with an error while another stream is captured.
        code != 0 || status != 0
    }

    /// Runs `work` with a context current, and restores the current context afterwards.
    pub(super) fn in_context<R>(&self, context: Handle, work: impl FnOnce() -> R) -> Result<R, Failure> {
        let mut current = ptr::null_mut();
        // SAFETY: the context is written to a local.
        check("cuCtxGetCurrent", unsafe { (self.functions.current)(&mut current) })?;
        if current == context.0 {
            return Ok(work());
        }
        // SAFETY: the context lives: its stream does, or the pool retains it. The pop is paired on
        // this thread.
        check("cuCtxPushCurrent", unsafe { (self.functions.push)(context.0) })?;
        let result = work();
        // SAFETY: the context is written to a local.
        unsafe { (self.functions.pop)(&mut current) };
        Ok(result)
    }

    /// Runs `work` so that it does not break a capture that goes on elsewhere: querying an event
    /// would.
    pub(super) fn beside_captures<R>(&self, work: impl FnOnce() -> R) -> R {
        let mut mode = RELAXED;
        // SAFETY: the mode is exchanged with a local, and back below.
        let exchanged = unsafe { (self.functions.capture_mode)(&mut mode) } == 0;
        let result = work();
        if exchanged {
            // SAFETY: as above.
            unsafe { (self.functions.capture_mode)(&mut mode) };
        }
        result
    }

    /// Returns the device of the current context, which is its primary one; it is retained, so that
    /// it stays while events of it do. `None` for a context of another kind.
    pub(super) fn retain(&self, context: Handle) -> Result<Option<c_int>, Failure> {
        let (mut device, mut flags, mut active, mut primary) = (0, 0, 0, ptr::null_mut());
        // SAFETY: results go to locals.
        unsafe {
            check("cuCtxGetDevice", (self.functions.context_device)(&mut device))?;
            check("cuDevicePrimaryCtxGetState", (self.functions.primary_state)(device, &mut flags, &mut active))?;
            if active == 0 {
                // Retaining it would create it.
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

    /// Ends what [`retain`](Self::retain) began.
    pub(super) fn release(&self, device: c_int) {
        // SAFETY: paired with a retain.
        unsafe { (self.functions.primary_release)(device) };
    }

    /// Creates a stream that waits for no other, in the current context.
    pub(super) fn new_stream(&self) -> Result<Handle, Failure> {
        let mut stream = ptr::null_mut();
        // SAFETY: the stream is written to a local.
        check("cuStreamCreate", unsafe { (self.functions.stream_create)(&mut stream, NON_BLOCKING) })?;
        Ok(Handle(stream))
    }

    /// Destroys a stream of [`new_stream`](Self::new_stream), which is used no more.
    pub(super) fn end_stream(&self, stream: Handle) {
        // SAFETY: the pool's own stream, in a context that it retains.
        unsafe { (self.functions.stream_destroy)(stream.0) };
    }

    /// Creates an event that keeps time, in the current context.
    pub(super) fn new_event(&self) -> Result<Handle, Failure> {
        let mut event = ptr::null_mut();
        // SAFETY: the event is written to a local. No flags: it keeps time, and nobody blocks on
        // it.
        check("cuEventCreate", unsafe { (self.functions.event_create)(&mut event, 0) })?;
        Ok(Handle(event))
    }

    /// Destroys an event of [`new_event`](Self::new_event), which is used no more. One that has not
    /// happened yet goes when it has.
    pub(super) fn end_event(&self, event: Handle) {
        // SAFETY: the pool's own event, in a context that it retains.
        unsafe { (self.functions.event_destroy)(event.0) };
    }

    /// Records an event, which happens when the stream comes to it.
    pub(super) fn record(&self, event: Handle, stream: Handle) -> Result<(), Failure> {
        // SAFETY: the pool's own event and a stream that lives, in one context.
        check("cuEventRecord", unsafe { (self.functions.event_record)(event.0, stream.0) })
    }

    /// Returns whether the event has happened. Does not wait.
    pub(super) fn has_happened(&self, event: Handle) -> Result<bool, Failure> {
        // SAFETY: the pool's own event.
        match unsafe { (self.functions.event_query)(event.0) } {
            0 => Ok(true),
            NOT_READY => Ok(false),
            code => Err(Failure("cuEventQuery", code)),
        }
    }

    /// Returns the nanoseconds from one event to another; both have happened.
    pub(super) fn elapsed_ns(&self, from: Handle, to: Handle) -> Result<i64, Failure> {
        let mut ms = 0.0_f32;
        let elapsed = self.functions.event_elapsed_new.unwrap_or(self.functions.event_elapsed);
        // SAFETY: the pool's own events of one context; the time is written to a local.
        check("cuEventElapsedTime", unsafe { elapsed(&mut ms, from.0, to.0) })?;
        // CAST: saturates; 2^63 ns are 292 years.
        Ok((f64::from(ms) * 1e6).round() as i64)
    }
}

fn check(call: &'static str, code: c_int) -> Result<(), Failure> {
    if code == 0 { Ok(()) } else { Err(Failure(call, code)) }
}
