//! Measurement of one subject in one scenario, in this process, by clocks that count the CPU time
//! of a thread.
//!
//! The CPU time of the recording thread is the cost to the annotated program. All other CPU time of
//! the tool, in its own threads and in its finish, is counted separately as the rest. Wall time is
//! used only for exports.

use crate::Result;
use crate::child::Order;
use crate::kernel_time;
use crate::memory;
use crate::subject::{Evidence, Kept, Recording, Subject};
use cpu_time::{ProcessTime, ThreadTime};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Measurements of a child; all times in nanoseconds, all sizes in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    /// CPU time of the recording thread per span; with several threads, their mean.
    pub ns_per_span: f64,
    /// All other CPU time per span: the tool's threads, and its finish.
    pub rest_ns_per_span: f64,
    /// Kernel's part of the rest; measured in steps of 10 ms over all spans.
    pub rest_kernel_ns_per_span: f64,
    /// Memory added by the recording, per span.
    pub resident_per_span: f64,
    /// Number of spans, including the warm-up.
    pub made: u64,
    /// Number of spans that the tool provably kept; `None` if it cannot prove it.
    pub kept: Option<u64>,
    /// Size of the trace file; 0 if there is none.
    pub file_bytes: u64,
    /// Size of its contents before compression.
    pub text_bytes: u64,
    /// Wall time from the end of the work to the end of the finish.
    pub finish_wall_ns: u64,
    /// Peak memory during the finish, relative to the memory before it.
    pub finish_added_bytes: u64,
}

/// Measurements of the recording threads.
struct Recorded {
    per_span: Vec<f64>,
    cpu: Duration,
    kernel: Duration,
    resident: u64,
}

/// Measures `subject` as ordered.
///
/// # Errors
/// Returns an error if the subject does not support the scenario, cannot record, or did not record.
pub fn sample(subject: &dyn Subject, order: &Order) -> Result<Sample> {
    let missing = || format!("`{}` has no scenario `{}`", subject.name(), order.scenario);
    let work = subject.work(order.scenario).ok_or_else(missing)?;
    let made = (order.spans + order.warm_up) * order.scenario.threads();
    let recording = if order.scenario.records() { Some(subject.start(order.scenario, made)?) } else { None };

    let process = ProcessTime::now();
    let kernel = kernel_time::process();
    let recorded = record(order, work)?;
    let finish = Finish::run(recording)?;
    let rest = process.elapsed().saturating_sub(recorded.cpu);
    let rest_kernel = kernel_time::process().saturating_sub(kernel + recorded.kernel);
    let evidence = uncounted_evidence(finish.kept.as_ref())?;
    prove(subject, order, evidence, recorded.resident, made)?;
    Ok(Sample {
        ns_per_span: recorded.per_span.iter().sum::<f64>() / recorded.per_span.len() as f64,
        rest_ns_per_span: rest.as_nanos() as f64 / made as f64,
        rest_kernel_ns_per_span: rest_kernel.as_nanos() as f64 / made as f64,
        resident_per_span: recorded.resident as f64 / made as f64,
        made,
        kept: evidence.spans,
        file_bytes: evidence.file_bytes,
        text_bytes: evidence.text_bytes,
        finish_wall_ns: u64::try_from(finish.wall.as_nanos())?,
        finish_added_bytes: finish.added,
    })
}

/// Measurements of the end of a recording.
struct Finish {
    kept: Box<dyn Kept>,
    wall: Duration,
    added: u64,
}

impl Finish {
    fn run(recording: Option<Box<dyn Recording>>) -> Result<Self> {
        memory::reset_peak();
        let before = memory::resident();
        let started = Instant::now();
        let kept = match recording {
            Some(recording) => recording.finish()?,
            None => Box::new(Evidence::spans(0)),
        };
        let wall = started.elapsed();
        Ok(Self { kept, wall, added: memory::peak().saturating_sub(before) })
    }
}

/// Runs the work on the scenario's number of threads, which start together after their warm-up.
fn record(order: &Order, work: fn(u64)) -> Result<Recorded> {
    let threads = order.scenario.threads();
    let ready = Barrier::new(usize::try_from(threads)?);
    let before = memory::resident();
    let mut recorded = Recorded { per_span: Vec::new(), cpu: Duration::ZERO, kernel: Duration::ZERO, resident: 0 };
    thread::scope(|scope| {
        let one = || {
            let whole = ThreadTime::now();
            work(order.warm_up);
            ready.wait();
            let per_span = fastest_pass(work, order);
            (per_span, whole.elapsed(), kernel_time::thread())
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        for handle in handles {
            let (per_span, cpu, kernel) = handle.join().map_err(|_| "a recording thread panicked")?;
            recorded.per_span.push(per_span);
            recorded.cpu += cpu;
            recorded.kernel += kernel;
        }
        Ok::<_, &str>(())
    })?;
    recorded.resident = memory::resident().saturating_sub(before);
    Ok(recorded)
}

/// Returns the nanoseconds per span of the fastest pass.
fn fastest_pass(work: fn(u64), order: &Order) -> f64 {
    let passes = order.scenario.passes();
    let spans = order.spans / passes;
    let one = |_| {
        let counted = ThreadTime::now();
        counted_spans(work, spans);
        counted.elapsed().as_nanos() as f64 / spans as f64
    };
    (0..passes).map(one).fold(f64::INFINITY, f64::min)
}

/// Runs the counted work; callgrind finds this function by its name.
#[inline(never)]
pub fn counted_spans(work: fn(u64), spans: u64) {
    work(spans);
    // Prevents a tail call, which would end the counting before it starts.
    black_box(());
}

/// Requests the evidence; callgrind finds this function by its name and excludes its instructions
/// where it counts everything else.
#[inline(never)]
fn uncounted_evidence(kept: &dyn Kept) -> Result<Evidence> {
    let evidence = kept.evidence();
    // Prevents a tail call, as above.
    black_box(());
    evidence
}

/// Rejects a sample of a tool that did not record: it must have kept half of the spans, or, if it
/// has no count, have used half a cache line of memory per span.
fn prove(subject: &dyn Subject, order: &Order, evidence: Evidence, resident: u64, made: u64) -> Result<()> {
    if !order.scenario.records() {
        return Ok(());
    }
    let proven = match evidence.spans {
        Some(kept) => kept >= made / 2,
        None => resident >= made * 32,
    };
    let found = evidence.spans.map_or_else(|| format!("{resident} bytes"), |kept| format!("{kept} spans"));
    if proven {
        Ok(())
    } else {
        Err(format!("`{}` did not record: {found} for {made} spans made", subject.name()).into())
    }
}
