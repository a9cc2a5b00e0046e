//! The recorded part of a session: what lies between two positions of every thread's stream.
//!
//! The only place that says what is recorded. The order of each change is what makes a recording exact: opening reads
//! the clock, then the positions, then opens the gate; closing shuts the gate, then reads the positions, then the clock.
//! So every entry between the positions lies between the two clock readings.

use crate::collect::{nvtx, stacks};
use crate::config::ProfilerConfig;
use crate::model::{MemoryLog, Window};
use crate::record::clock::{self, Anchor};
use crate::record::memory::Levels;
use crate::record::registry::{self, Log, Marks};
use crate::record::{gate, select, set_budget, warm};

/// A recording that goes on.
#[derive(Debug)]
pub(crate) struct OpenWindow {
    start: Anchor,
    from: Marks,
    /// Ticks, just after the gate was opened.
    opened: u64,
    /// What was allocated then, if memory is recorded.
    levels: Option<Levels>,
}

/// What was recorded, when, and what was allocated at both ends.
pub(crate) type Recorded = (Log, Window, Option<MemoryLog>);

/// Prepares the recorder for a session: budget, selection, and what an attached tool is shown. Nothing is recorded yet.
pub(crate) fn prepare(config: &ProfilerConfig) {
    nvtx::configure(config);
    Anchor::of_process();
    let bytes = config.max_buffer_mb.saturating_mul(1 << 20);
    set_budget(usize::try_from(bytes).unwrap_or(usize::MAX));
    warm();
    if config.stages.is_empty() {
        select::set(None);
    } else {
        let chosen = config.clone();
        select::set(Some(Box::new(move |name| chosen.selects(name))));
    }
}

/// Counts steps and records nothing.
pub(crate) fn count_steps() {
    gate::set(gate::STEPS);
}

/// Records from now on, into streams whose past is of no interest; `gpu`: the gate's bits for the GPU's part.
pub(crate) fn record(config: &ProfilerConfig, gpu: u32) -> OpenWindow {
    if config.torch_profiler_with_stack {
        stacks::prepare();
    }
    let start = Anchor::now();
    let from = Marks::now();
    registry::forget(&from);
    gate::set(recording(config, gpu));
    let opened = clock::ticks();
    let levels = config.torch_profiler_with_memory.then(Levels::now);
    OpenWindow { start, from, opened, levels }
}

/// Ends whatever the gate lets through.
fn shut() {
    gate::set(0);
    select::set(None);
    stacks::release();
}

fn recording(config: &ProfilerConfig, gpu: u32) -> u32 {
    let when = |wanted: bool, bit: u32| if wanted { bit } else { 0 };
    gate::RECORD
        | gate::STEPS
        | when(!config.stages.is_empty(), gate::FILTER)
        | when(config.torch_profiler_record_shapes, gate::SHAPES)
        | when(config.torch_profiler_with_flops, gate::FLOPS)
        | when(config.torch_profiler_with_memory, gate::MEMORY)
        | when(config.torch_profiler_with_stack, gate::STACKS)
        | gpu
}

impl OpenWindow {
    /// Ends the recording and the session's hold on the gate.
    pub(crate) fn close(self) -> Recorded {
        let closed = clock::ticks();
        shut();
        let memory = self.levels.map(|begin| MemoryLog { begin, end: Levels::now() });
        let to = Marks::now();
        let end = Anchor::now();
        let log = registry::collect(&self.from, &to);
        registry::forget(&to);
        let open = (self.opened, closed.max(self.opened));
        (log, Window { process: Anchor::of_process(), start: self.start, end, open }, memory)
    }

    /// Ranges lost so far.
    pub(crate) fn lost(&self) -> u64 {
        let log = registry::collect(&self.from, &Marks::now());
        log.threads.iter().map(|thread| thread.lost).sum::<u64>() + log.lost_late
    }
}

/// Ends a session that has not come to its recording; what its warm-up recorded is given back.
pub(crate) fn close_empty() -> Recorded {
    shut();
    registry::forget(&Marks::now());
    let now = Anchor::now();
    let open = (now.ticks, now.ticks);
    let window = Window { process: Anchor::of_process(), start: now, end: now, open };
    (Log { threads: Vec::new(), lost_late: 0 }, window, None)
}
