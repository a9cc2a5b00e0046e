//! The lower bound of the cost of a profiler of this kind.
//!
//! Off: one relaxed load and a branch. On: two clock reads and two records of 16 bytes in a ring
//! owned by the thread, whose pages have all been touched and which is never read. The clock is
//! fastrace's: an `rdtsc` after a predictable branch if the counter is invariant.

use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Evidence, Kept, Recording, Subject};
use profiler_benches::workload::{self, work};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(target_arch = "aarch64")]
use tick_counter::aarch64_tick_counter as now;
#[cfg(target_arch = "x86_64")]
use tick_counter::x86_64_tick_counter as now;

/// The subject that ratios refer to.
pub(crate) struct LowerBound;

impl Subject for LowerBound {
    fn name(&self) -> &'static str {
        super::LOWER_BOUND
    }

    fn title(&self) -> &'static str {
        "**lower bound**"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::Off => Some(flat),
            Scenario::On | Scenario::TwoThreads => Some(counted_flat),
            Scenario::Nested => Some(counted_nested),
            _ => None,
        }
    }

    fn start(&self, _: Scenario, _: u64) -> Result<Box<dyn Recording>> {
        GATE.store(1, Ordering::Relaxed);
        Ok(Box::new(Ring))
    }
}

/// Recording while the gate is open.
struct Ring;

impl Recording for Ring {
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>> {
        GATE.store(0, Ordering::Relaxed);
        Ok(Box::new(Evidence::spans(RECORDS.load(Ordering::Relaxed) / 2)))
    }
}

/// One record: the site with a begin flag, and the time.
#[derive(Clone, Copy)]
#[repr(C)]
struct Record {
    what: u64,
    at: u64,
}

/// Number of records in a thread's ring; 64 KiB fit the second-level cache of any machine.
const CAPACITY: usize = 4096;
const SITE: u64 = 7;
const BEGIN: u64 = 1 << 63;

static GATE: AtomicU32 = AtomicU32::new(0);
/// Number of records of all threads that have finished their work.
static RECORDS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static RING: [Cell<Record>; CAPACITY] =
        const { [const { Cell::new(Record { what: 0, at: 0 }) }; CAPACITY] };
    static HEAD: Cell<usize> = const { Cell::new(0) };
}

#[inline(always)]
fn push(what: u64) {
    let at = now();
    let head = HEAD.get();
    RING.with(|ring| ring[head % CAPACITY].set(Record { what, at }));
    HEAD.set(head + 1);
}

#[inline(never)]
fn span(x: u64) -> u64 {
    if GATE.load(Ordering::Relaxed) == 0 { work(x) } else { recorded(x) }
}

/// Runs the work recorded. Out of line, so that recording costs nothing while the gate is closed.
#[inline(never)]
fn recorded(x: u64) -> u64 {
    push(SITE | BEGIN);
    let result = work(x);
    push(SITE);
    result
}

#[inline(never)]
fn nested(depth: u32, x: u64) -> u64 {
    if GATE.load(Ordering::Relaxed) == 0 { inner(depth, x) } else { recorded_nested(depth, x) }
}

#[inline(never)]
fn recorded_nested(depth: u32, x: u64) -> u64 {
    push(SITE | BEGIN);
    let result = inner(depth, x);
    push(SITE);
    result
}

#[inline(always)]
fn inner(depth: u32, x: u64) -> u64 {
    if depth <= 1 { work(x) } else { nested(depth - 1, x) }
}

fn flat(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, span));
}

fn counted_flat(spans: u64) {
    flat(spans);
    publish();
}

fn counted_nested(spans: u64) {
    workload::in_units(spans, |unit| workload::nested(unit, nested));
    publish();
}

/// Adds this thread's records to the total, and reads the ring so that it is not optimised away.
fn publish() {
    RING.with(|ring| black_box(ring.iter().any(|record| record.get().what == 0)));
    RECORDS.fetch_add(HEAD.replace(0) as u64, Ordering::Relaxed);
}
