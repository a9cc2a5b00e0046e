//! One sample: one subject in one scenario, in this process, with the clocks that count CPU time of
//! a thread.
//!
//! CPU time of the recording thread is what the annotated program loses; everything else that the
//! tool burns, in its own threads or when it is told to finish, is counted apart as the rest. Wall
//! time is used for exports only.

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

/// What a child measured; all times in nanoseconds, all sizes in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    /// CPU time of the recording thread per span; the mean over the threads where there are
    /// several.
    pub ns_per_span: f64,
    /// CPU time of everything else per span: the tool's threads, and its finish.
    pub rest_ns_per_span: f64,
    /// The part of it that the kernel spent, in steps of 10 ms over all spans.
    pub rest_kernel_ns_per_span: f64,
    /// Memory that the recording added, per span.
    pub resident_per_span: f64,
    /// Spans that were made, warm-up included.
    pub made: u64,
    /// Spans that the tool shows it kept; `None` where it cannot show.
    pub kept: Option<u64>,
    /// Size of the trace file, 0 without one.
    pub file_bytes: u64,
    /// Size of what is in it, before any compression.
    pub text_bytes: u64,
    /// Wall time from the end of the work to the end of the finish.
    pub finish_wall_ns: u64,
    /// Highest memory during the finish above that before it.
    pub finish_added_bytes: u64,
}

/// What the recording threads measured.
struct Recorded {
    per_span: Vec<f64>,
    cpu: Duration,
    kernel: Duration,
    resident: u64,
}

/// Carries out `order` on `subject`.
///
/// # Errors
/// When the subject has no such scenario, cannot record, or shows that it did not.
pub fn sample(subject: &dyn Subject, order: &Order) -> Result<Sample> {
    let missing = || format!("`{}` has no scenario `{}`", subject.name(), order.scenario);
    let work = subject.work(order.scenario).ok_or_else(missing)?;
    let made = (order.spans + order.warm_up) * order.scenario.threads();
    let recording = if order.scenario.records() { Some(subject.start(order.scenario, made)?) } else { None };

    let process = ProcessTime::now();
    let kernel = kernel_time::of_process();
    let recorded = record(order, work)?;
    let finish = Finish::of(recording)?;
    let rest = process.elapsed().saturating_sub(recorded.cpu);
    let rest_kernel = kernel_time::of_process().saturating_sub(kernel + recorded.kernel);
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

/// The end of a recording, and what it took.
struct Finish {
    kept: Box<dyn Kept>,
    wall: Duration,
    added: u64,
}

impl Finish {
    fn of(recording: Option<Box<dyn Recording>>) -> Result<Self> {
        memory::forget_peak();
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

/// Runs the work on as many threads as the scenario wants, all starting together after their
/// warm-up.
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
            let per_span = quickest_pass(work, order);
            (per_span, whole.elapsed(), kernel_time::of_thread())
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

/// Nanoseconds per span of the quickest pass.
fn quickest_pass(work: fn(u64), order: &Order) -> f64 {
    let passes = order.scenario.passes();
    let spans = order.spans / passes;
    let one = |_| {
        let counted = ThreadTime::now();
        counted_spans(work, spans);
        counted.elapsed().as_nanos() as f64 / spans as f64
    };
    (0..passes).map(one).fold(f64::INFINITY, f64::min)
}

/// The only function whose instructions are counted under callgrind, which finds it by this name.
#[inline(never)]
pub fn counted_spans(work: fn(u64), spans: u64) {
    work(spans);
    // Keeps the call above from becoming a jump, which would end the counting before it began.
    black_box(());
}

/// Asks for the evidence, whose instructions callgrind leaves out by this name where it counts all
/// else.
#[inline(never)]
fn uncounted_evidence(kept: &dyn Kept) -> Result<Evidence> {
    let evidence = kept.evidence();
    // As above.
    black_box(());
    evidence
}

/// Refuses a sample of a tool that did not record: half of the spans must be there, or half a cache
/// line of memory for each where the tool counts nothing.
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
