//! Annotated work of the subjects that only have budgets.

use super::machine;
use profiler_benches::scenario::Scenario;
use profiler_benches::workload::{self, work};
use profiler_runtime::cuda::BorrowedStream;
use profiler_runtime::memory::{Device, record_alloc, record_free};
use profiler_runtime::{profiled_stage, stage_on, step};
use std::ffi::c_void;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[profiled_stage("bench.span")]
#[inline(never)]
fn stage(x: u64) -> u64 {
    work(x)
}

pub(super) fn stages(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, stage));
}

/// Name of the spans, as a value that the compiler does not know.
static NAME: &str = "bench.span";

#[inline(never)]
fn stage_of_a_name(x: u64) -> u64 {
    let _stage = profiler_runtime::stage(black_box(NAME));
    work(x)
}

pub(super) fn named(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, stage_of_a_name));
}

#[inline(never)]
fn stage_of_a_static_name(x: u64) -> u64 {
    let _stage = profiler_runtime::stage_static(black_box(NAME));
    work(x)
}

pub(super) fn of_static_name(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, stage_of_a_static_name));
}

#[inline(never)]
fn one_step(x: u64) -> u64 {
    let _step = step!("bench.step");
    work(x)
}

pub(super) fn steps(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, one_step));
}

#[inline(never)]
fn stage_on_gpu(stream: *mut c_void, x: u64) -> u64 {
    // SAFETY: the stream is never destroyed.
    let stream = unsafe { BorrowedStream::borrow_raw(stream) };
    let _stage = stage_on!(stream, "bench.span");
    work(x)
}

thread_local! {
    /// Stream of the thread, created during the warm-up and therefore not counted.
    static STREAM: *mut c_void = machine::stream();
}

pub(super) fn on_gpu(spans: u64) {
    let stream = STREAM.with(|stream| *stream);
    workload::in_units(spans, |unit| workload::flat(unit, |x| stage_on_gpu(stream, x)));
}

/// Runs as a task that is polled once per span, and once more.
#[profiled_stage("bench.task")]
async fn task(spans: u64) {
    for x in 0..spans {
        black_box(work(black_box(x)));
        yield_once().await;
    }
}

/// Returns a future that is pending once.
fn yield_once() -> impl Future<Output = ()> {
    let mut has_yielded = false;
    poll_fn(move |_| if mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending })
}

pub(super) fn polls(spans: u64) {
    let mut task = pin!(task(spans));
    let mut context = Context::from_waker(Waker::noop());
    while task.as_mut().poll(&mut context).is_pending() {}
}

#[inline(never)]
fn block_of_memory(x: u64) -> u64 {
    let address = (x + 1) << 12;
    record_alloc(Device::Cuda(0), address, 4096);
    let result = work(x);
    record_free(Device::Cuda(0), address, 4096);
    result
}

pub(super) fn blocks_of_memory(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, block_of_memory));
}

fn library(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, profiler_annotated::span));
}

fn library_blocks(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, profiler_annotated::block));
}

pub(super) fn library_work(scenario: Scenario) -> Option<fn(u64)> {
    Some(if scenario == Scenario::Block { library_blocks } else { library })
}
