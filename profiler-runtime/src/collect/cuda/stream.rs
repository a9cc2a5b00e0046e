//! Ranges that name the CUDA stream of their work. Where CUPTI does not record, CUDA events measure
//! their GPU time.
//!
//! While the gate has its `EVENTS` bit, [`event_timing`](super::event_timing) records an event at
//! the begin and one at the end of such a range. Otherwise the range is like any other, and its
//! stream is ignored.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use profiler_core::__private::{Call, describe_open};
use profiler_core::memory::ledger;
use profiler_core::site::{Kind, Site, dynamic_site};
use profiler_core::{Range, gate};

use super::event_timing::{self, Handle, OpenTiming};

/// A CUDA stream that lives at least as long as `'a`.
///
/// Created from a raw handle by [`borrow_raw`](Self::borrow_raw) or, with the feature `cudarc`,
/// from a reference to a `CudaStream`.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedStream<'a> {
    handle: Handle,
    /// Context of the stream, if the creator knows it.
    context: Option<Handle>,
    lives: PhantomData<&'a c_void>,
}

impl BorrowedStream<'_> {
    /// Borrows the stream behind a `CUstream` or `cudaStream_t`. Null is the default stream of the
    /// context that is current when a range begins.
    ///
    /// # Safety
    ///
    /// The stream must not be destroyed while the result, or a range created with it, exists. Its
    /// device must not be reset (`cudaDeviceReset`) before the artifacts of the session are
    /// written.
    #[must_use]
    pub const unsafe fn borrow_raw(handle: *mut c_void) -> Self {
        Self { handle: Handle(handle), context: None, lives: PhantomData }
    }

    /// Borrows a stream together with its context.
    ///
    /// # Safety
    ///
    /// As for [`borrow_raw`](Self::borrow_raw); `context` must be the stream's context or, for a
    /// default stream, the context that it is used in.
    #[cfg(feature = "cudarc")]
    pub(super) const unsafe fn in_context(handle: *mut c_void, context: *mut c_void) -> Self {
        Self { handle: Handle(handle), context: Some(Handle(context)), lives: PhantomData }
    }
}

/// A range that launches its work on a stream. Ends when dropped; stays on its thread.
///
/// Cost: while nothing records, that of [`stage!`](crate::stage!), because the stream is ignored.
/// While a session records with CUPTI, about twice that of a plain range, without a lock or an
/// allocation. While a session times with events, about ten driver calls at the begin and the end
/// together, none of which waits.
#[must_use = "the range ends when this is dropped: bind it to a name, as in `let _range = …`"]
#[derive(Debug)]
pub struct StreamRange<'a> {
    begun: Option<Begun<'a>>,
}

/// The parts of a range that has begun. Dropped by one out-of-line function.
#[derive(Debug)]
struct Begun<'a> {
    /// Timing of the range, ended before the range.
    open: Option<OpenTiming>,
    stream: BorrowedStream<'a>,
    range: ManuallyDrop<Range>,
}

impl<'a> StreamRange<'a> {
    /// Begins a range of `site` if anything records.
    #[inline(always)]
    #[doc(hidden)]
    pub fn enter(site: &'static Site, stream: impl Into<BorrowedStream<'a>>) -> Self {
        let gate = gate::load();
        if gate == 0 { Self { begun: None } } else { Self::begin(site, gate, stream.into()) }
    }

    /// Begins a range that carries a description of the call.
    #[inline(always)]
    #[doc(hidden)]
    pub fn enter_described(
        site: &'static Site,
        stream: impl Into<BorrowedStream<'a>>,
        describe: impl FnOnce(&mut Call),
    ) -> Self {
        let gate = gate::load();
        if gate == 0 {
            return Self { begun: None };
        }
        describe_open(site, gate, describe);
        Self::begin(site, gate, stream.into())
    }

    #[inline(never)]
    fn begin(site: &'static Site, gate: u32, stream: BorrowedStream<'a>) -> Self {
        let range = Range::enter(site);
        if gate & gate::EVENTS != 0 && range.is_recorded() {
            return Self::timed(site, stream, range);
        }
        Self { begun: Some(Begun { open: None, stream, range: ManuallyDrop::new(range) }) }
    }

    /// Begins a timed range. Out of line, so that untimed ranges copy nothing for it.
    #[inline(never)]
    fn timed(site: &'static Site, stream: BorrowedStream<'a>, range: Range) -> Self {
        let open = event_timing::begin(site, stream.handle, stream.context);
        Self { begun: Some(Begun { open, stream, range: ManuallyDrop::new(range) }) }
    }

    #[inline(never)]
    fn end(begun: &mut Begun<'a>) {
        if let Some(open) = begun.open.take() {
            event_timing::end(open, begun.stream.handle);
        }
        let range = std::mem::replace(&mut begun.range, ManuallyDrop::new(Range::nothing()));
        drop(ManuallyDrop::into_inner(range));
    }
}

impl Drop for StreamRange<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(begun) = &mut self.begun {
            Self::end(begun);
        }
    }
}

/// Begins a stage whose work is launched on `stream`; dropping the guard ends it. While something
/// records, this looks the name up under a lock; for a name that is known at compile time,
/// [`stage_on!`](crate::stage_on) does without.
///
/// ```no_run
/// # use profiler_runtime::cuda::{BorrowedStream, stage_on};
/// # let handle = std::ptr::null_mut();
/// // SAFETY: the stream outlives the range.
/// let stream = unsafe { BorrowedStream::borrow_raw(handle) };
/// let _stage = stage_on(stream, "vae.decode");
/// // … launch kernels on the stream …
/// ```
pub fn stage_on<'a>(stream: impl Into<BorrowedStream<'a>>, name: &str) -> StreamRange<'a> {
    dynamic(Kind::Stage, stream.into(), name)
}

/// Begins an op whose work is launched on `stream`; see [`stage_on`].
pub fn op_on<'a>(stream: impl Into<BorrowedStream<'a>>, name: &str) -> StreamRange<'a> {
    dynamic(Kind::Op, stream.into(), name)
}

/// Begins a step whose work is launched on `stream`; see [`stage_on`].
pub fn step_on<'a>(stream: impl Into<BorrowedStream<'a>>, name: &str) -> StreamRange<'a> {
    dynamic(Kind::Step, stream.into(), name)
}

fn dynamic<'a>(kind: Kind, stream: BorrowedStream<'a>, name: &str) -> StreamRange<'a> {
    if gate::load() == 0 || ledger::is_own() {
        return StreamRange { begun: None };
    }
    StreamRange::enter(dynamic_site(kind, name), stream)
}
