//! The recorded part of a session: the entries between two positions of every thread's stream.
//!
//! The only place that decides what is recorded. The order of each change makes a recording exact:
//! opening reads the clock, then the positions, then opens the gate; closing shuts the gate, then
//! reads the positions, then the clock. So every entry between the positions lies between the two
//! clock readings.

use std::time::Duration;

use crate::collect::spool::active::Spooling;
use crate::collect::{nvtx, stacks};
use crate::config::ProfilerConfig;
use profiler_core::clock::{self, Anchor};
use profiler_core::memory::Levels;
use profiler_core::stream::registry::{self, Log, Marks};
use profiler_core::{gate, select, stream::chunk::set_budget, stream::prealloc::warm};
use profiler_trace::model::{MemoryLog, Window};

/// Time after the recording at which the clocks are read again: a reading takes a ten-thousandth of
/// it.
const LOOK_BACK_NS: u64 = 1_000_000;

/// A recording that goes on.
#[derive(Debug)]
pub(crate) struct OpenWindow {
    start: Anchor,
    from: Marks,
    /// Tick just after the gate was opened.
    opened: u64,
    /// Allocated memory at that moment, if memory is recorded.
    levels: Option<Levels>,
    /// Length of the last part that is shown.
    most: Option<Duration>,
}

/// A recording, its window, and the allocated memory at both ends.
pub(crate) type Recorded = (Log, Window, Option<MemoryLog>);

/// Prepares the recorder for a session: budget, selection, and the ranges for an attached tool.
/// Records nothing yet.
pub(crate) fn prepare(config: &ProfilerConfig) {
    nvtx::configure(config);
    Anchor::of_process();
    let bytes = config.max_buffer_mb.saturating_mul(1 << 20);
    set_budget(usize::try_from(bytes).unwrap_or(usize::MAX), config.ring);
    warm();
    if config.stages.is_empty() {
        select::set(None);
    } else {
        let chosen = config.clone();
        select::set(Some(Box::new(move |name| chosen.selects(name))));
    }
}

/// Returns a configured number of seconds; `None` for 0, which is no limit, and for more than a
/// clock can hold.
pub(crate) fn seconds(configured: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(configured).ok().filter(|seconds| !seconds.is_zero())
}

/// Counts steps and records nothing.
pub(crate) fn count_steps() {
    gate::set(gate::STEPS);
}

/// Records from now on, into streams whose past is ignored; `gpu` has the gate's bits for the GPU's
/// part.
pub(crate) fn record(config: &ProfilerConfig, gpu: u32, spooling: Option<&Spooling>) -> OpenWindow {
    if config.torch_profiler_with_stack {
        stacks::prepare();
    }
    let start = Anchor::now();
    let from = registry::begin();
    if let Some(spooling) = spooling {
        spooling.open_window(start, &from);
    }
    let moving = if spooling.is_some_and(Spooling::must_move) { gate::MOVING } else { 0 };
    gate::set(recording(config, gpu) | moving);
    let opened = clock::ticks();
    let levels = config.torch_profiler_with_memory.then(Levels::now);
    let most = seconds(config.ring_secs).filter(|_| config.ring);
    OpenWindow { start, from, opened, levels, most }
}

/// Closes the gate for everything.
fn shut() {
    gate::set(0);
    select::set(None);
    stacks::release();
}

fn recording(config: &ProfilerConfig, gpu: u32) -> u32 {
    let when = |wanted: bool, bit: u32| if wanted { bit } else { 0 };
    gate::STEPS
        | when(config.records_ranges(), gate::RECORD)
        | when(!config.stages.is_empty(), gate::FILTER)
        | when(config.torch_profiler_record_shapes, gate::SHAPES)
        | when(config.torch_profiler_with_flops, gate::FLOPS)
        | when(config.torch_profiler_with_memory, gate::MEMORY)
        | when(config.torch_profiler_with_stack, gate::STACKS)
        | when(config.cpu_time, gate::CPU_TIME)
        | gpu
}

impl OpenWindow {
    /// Ends the recording and the session's hold on the gate. Entries before `oldest` (ticks) are
    /// not shown.
    pub(crate) fn close(self, oldest: u64) -> Recorded {
        let closed = clock::ticks();
        shut();
        let memory = self.memory();
        let log = registry::take(&self.from);
        let end = Anchor::now();
        self.cut(log, end, closed, oldest, memory)
    }

    /// Returns the recording so far; recording goes on.
    pub(crate) fn look(&self, oldest: u64) -> Recorded {
        let closed = clock::ticks();
        let memory = self.memory();
        let log = registry::collect(&self.from, &Marks::now());
        self.cut(log, Anchor::now(), closed, oldest, memory)
    }

    fn memory(&self) -> Option<MemoryLog> {
        self.levels.clone().map(|begin| MemoryLog { begin, end: Levels::now() })
    }

    fn cut(&self, log: Log, end: Anchor, closed: u64, oldest: u64, memory: Option<MemoryLog>) -> Recorded {
        let open = (self.opened, closed.max(self.opened));
        let window = Window { process: Anchor::of_process(), start: self.start, end, open, later: None };
        cut((log, window, memory), self.most, oldest)
    }

    /// Returns the tick when recording began.
    pub(crate) const fn opened(&self) -> u64 {
        self.opened
    }

    /// Returns the number of ranges lost so far.
    pub(crate) fn lost(&self) -> u64 {
        registry::lost_since(&self.from)
    }
}

/// Leaves out ranges that are only partly there because of later entries, those more than `most`
/// before the end, and those before `oldest` (ticks): the window begins after all of them.
pub(crate) fn cut((mut log, mut window, mut memory): Recorded, most: Option<Duration>, oldest: u64) -> Recorded {
    let last = most.map_or(0, |most| window.ticks_before_end(most));
    let begin = log.horizon.max(last).max(oldest).min(window.end.ticks);
    if begin <= window.start.ticks {
        return (log, window, memory);
    }
    log.cut(begin);
    window.begin_at(begin);
    if let Some(memory) = &mut memory {
        memory.begin.shift(&log.left_out().changes);
    }
    (log, window, memory)
}

/// Reads the clocks once more, long enough after the recording to tell whether they keep their
/// pace.
pub(crate) fn look_back(window: &mut Window) {
    let since = |now: &Anchor| now.monotonic_ns.saturating_sub(window.end.monotonic_ns);
    let mut now = Anchor::now();
    if since(&now) < LOOK_BACK_NS {
        std::thread::sleep(Duration::from_nanos(LOOK_BACK_NS));
        now = Anchor::now();
    }
    window.later = Some(now);
}

/// Ends a session that has not reached its recording; entries of its warm-up are given back.
pub(crate) fn close_empty() -> Recorded {
    shut();
    registry::forget(&Marks::now());
    let now = Anchor::now();
    let open = (now.ticks, now.ticks);
    let window = Window { process: Anchor::of_process(), start: now, end: now, open, later: None };
    (Log::default(), window, None)
}
