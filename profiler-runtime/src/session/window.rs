//! The recorded part of a session: the entries between two positions of every thread's stream.
//!
//! Only this file opens and closes the gate. The order of each change makes a recording exact:
//! opening reads the clock, then the positions, then opens the gate; closing shuts the gate, then
//! reads the positions, then the clock. Every entry between the positions therefore lies between
//! the two clock readings.

use std::time::Duration;

use crate::collect::spool::active::ActiveSpool;
use crate::collect::{nvtx, stacks};
use crate::config::ProfilerConfig;
use profiler_core::clock::{self, Anchor};
use profiler_core::memory::Levels;
use profiler_core::stream::registry::{self, Log, Marks};
use profiler_core::{gate, select, stream::chunk::set_budget, stream::prealloc::warm};
use profiler_trace::model::{MemoryLog, Window};

/// Delay in nanoseconds after which the clocks are read again: ten thousand times a reading's
/// duration.
const RESAMPLE_DELAY_NS: u64 = 1_000_000;

/// An open recording.
#[derive(Debug)]
pub(crate) struct OpenWindow {
    start: Anchor,
    from: Marks,
    /// Tick just after the gate opened.
    opened: u64,
    /// Allocated memory when the gate opened, if memory is recorded.
    levels: Option<Levels>,
    /// Length of the part that a ring shows.
    max_length: Option<Duration>,
}

/// A recording, its window, and the allocated memory at both ends.
pub(crate) type Recorded = (Log, Window, Option<MemoryLog>);

/// Prepares the recorder for a session: budget, selection, and the ranges for an attached tool.
/// Does not record yet.
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

/// Returns a configured number of seconds; `None` for 0, which means no limit, and for more than a
/// clock can hold.
pub(crate) fn seconds(configured: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(configured).ok().filter(|seconds| !seconds.is_zero())
}

/// Counts steps without recording.
pub(crate) fn count_steps() {
    gate::set(gate::STEPS);
}

/// Starts recording. Earlier entries of the streams are ignored. `gpu` holds the gate's bits for
/// the GPU source.
pub(crate) fn record(config: &ProfilerConfig, gpu: u32, spool: Option<&ActiveSpool>) -> OpenWindow {
    if config.torch_profiler_with_stack {
        stacks::prepare();
    }
    let start = Anchor::now();
    let from = registry::begin();
    if let Some(spool) = spool {
        spool.open_window(start, &from);
    }
    let moving = if spool.is_some_and(ActiveSpool::must_move) { gate::MOVING } else { 0 };
    gate::set(gate_bits(config, gpu) | moving);
    let opened = clock::ticks();
    let levels = config.torch_profiler_with_memory.then(Levels::now);
    let max_length = seconds(config.ring_secs).filter(|_| config.ring);
    OpenWindow { start, from, opened, levels, max_length }
}

/// Closes the gate and releases what recording needs.
fn close_gate() {
    gate::set(0);
    select::set(None);
    stacks::release();
}

fn gate_bits(config: &ProfilerConfig, gpu: u32) -> u32 {
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
    /// Ends the recording and closes the gate. Entries before the tick `oldest` are not shown.
    pub(crate) fn close(self, oldest: u64) -> Recorded {
        let closed = clock::ticks();
        close_gate();
        let memory = self.memory();
        let log = registry::take(&self.from);
        let end = Anchor::now();
        self.cut(log, end, closed, oldest, memory)
    }

    /// Returns the recording so far. Recording goes on.
    pub(crate) fn snapshot(&self, oldest: u64) -> Recorded {
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
        cut((log, window, memory), self.max_length, oldest)
    }

    /// Returns the tick at which recording began.
    pub(crate) const fn opened(&self) -> u64 {
        self.opened
    }

    /// Returns the number of ranges lost so far.
    pub(crate) fn lost(&self) -> u64 {
        registry::lost_since(&self.from)
    }
}

/// Cuts off the begin of a recording: ranges of which a ring has overwritten a part, those more
/// than `max_length` before the end, and those before the tick `oldest`. The window then begins
/// after all of them.
pub(crate) fn cut((mut log, mut window, mut memory): Recorded, max_length: Option<Duration>, oldest: u64) -> Recorded {
    let last = max_length.map_or(0, |max_length| window.ticks_before_end(max_length));
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

/// Reads the clocks again, long enough after the recording to measure their rates.
pub(crate) fn resample_clocks(window: &mut Window) {
    let since = |now: &Anchor| now.monotonic_ns.saturating_sub(window.end.monotonic_ns);
    let mut now = Anchor::now();
    if since(&now) < RESAMPLE_DELAY_NS {
        std::thread::sleep(Duration::from_nanos(RESAMPLE_DELAY_NS));
        now = Anchor::now();
    }
    window.later = Some(now);
}

/// Ends a session that recorded nothing; discards the entries of its warm-up.
pub(crate) fn close_empty() -> Recorded {
    close_gate();
    registry::forget(&Marks::now());
    let now = Anchor::now();
    let open = (now.ticks, now.ticks);
    let window = Window { process: Anchor::of_process(), start: now, end: now, open, later: None };
    (Log::default(), window, None)
}
