//! Building the trace: one pass over every thread's stream.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::collect::absent::Absent;
use crate::collect::gpu::GpuRecord;
use crate::collect::symbols::Symbols;
use crate::record::registry::{Log, ThreadIdentity};
use crate::record::{Kind, Site};

use super::context::{Context, Recording, Window};
use super::decode::{Decoder, Event, NoNodes};
use super::gpu::{Gpu, Ranges};
use super::gpu_clock::GpuClock;
use super::gpu_links::{Owners, boundaries};
use super::losses::Losses;
use super::memory::{self, Memory};
use super::ops::OpTable;
use super::ops_gather::Gatherer;
use super::requests::{MAX_REQUESTS, Request, RequestBook, Scopes};
use super::slice::Slice;
use super::stages::StageTree;
use super::steps::{Step, StepBook, StepLoop};
use super::tasks::{Task, TaskBook};
use super::time::{Reading, Timeline};
use super::timed::TimedRanges;
use super::union;

/// Everything that a session recorded. Times are nanoseconds since the Unix epoch.
pub(crate) struct Trace {
    /// Whose it is.
    pub(crate) context: Context,
    /// Recording began.
    pub(crate) begin: u64,
    /// Recording ended.
    pub(crate) end: u64,
    /// How far the real-time position of everything may be off.
    pub(crate) clock_uncertainty_ns: u64,
    /// The host's clocks at begin and end: what places this rank beside others.
    pub(crate) readings: [Reading; 2],
    /// The rows.
    pub(crate) threads: Vec<Thread>,
    /// Slices that [`walk`](Self::walk) has shown, in thousands at a time: what an export's progress is told by.
    pub(crate) walked: Arc<AtomicU64>,
    /// Slices of all threads.
    pub(crate) ranges: u64,
    /// All stages.
    pub(crate) stages: StageTree,
    /// Time of the recording in which no top-level stage ran on any thread.
    pub(crate) unaccounted_ns: u64,
    /// The loops of steps, the driving one first.
    pub(crate) loops: Vec<StepLoop>,
    /// The requests, in order of begin.
    pub(crate) requests: Vec<Request>,
    /// Requests beyond the first [`MAX_REQUESTS`].
    pub(crate) requests_left_out: u64,
    /// The lives of async ranges, in order of begin.
    pub(crate) tasks: Vec<Task>,
    /// What the operator tables are made from; outlives the trace.
    pub(crate) ops: Arc<OpTable>,
    /// What was allocated, if that was recorded.
    pub(crate) memory: Option<Memory>,
    /// What is missing.
    pub(crate) losses: Losses,
    /// Names for the addresses of call stacks.
    pub(crate) symbols: Symbols,
    /// What the GPU did, or why that is not known.
    pub(crate) gpu: Result<Gpu, Absent>,
    log: Log,
    sites: Vec<&'static Site>,
    timeline: Timeline,
    profiler_steps: HashMap<u64, u64>,
}

/// Slices after which a walk tells how far it is.
const TOLD: u64 = 4096;
/// Stands for threads whose names are not known any more.
const ELSEWHERE: &str = "(threads that are gone)";

/// One thread of the recording.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// Who.
    pub(crate) identity: ThreadIdentity,
    first_id: u64,
    /// Whether a guard has outlived the range around it.
    pub(super) has_lanes: bool,
}

/// What one pass gathers.
#[derive(Default)]
struct Books {
    steps: StepBook,
    tasks: TaskBook,
    requests: Vec<Request>,
    requests_left_out: u64,
    scopes: Scopes,
    losses: Losses,
}

impl Trace {
    /// Reads the recording twice, once for what slices are called and once for what needs that: the operator tables, and
    /// the time of no stage. Linear in the number
    /// of entries; memory grows with threads, stages, steps and tasks, not with ranges.
    pub(crate) fn build(recording: Recording) -> Self {
        let Recording { log, sites, window, symbols, memory, gpu, context } = recording;
        let timeline = Timeline::new(&window);
        let mut only_row = log.threads.len() <= 1;
        let (mut stages, mut books, mut threads) =
            (StageTree::new(), Books::default(), Vec::with_capacity(log.threads.len()));
        let mut next_id = 1;
        let mut owners = match &gpu {
            GpuRecord::Recorded(log) => Owners::new(&log.links),
            GpuRecord::Timed(_) | GpuRecord::Absent(_) => Owners::default(),
        };
        let mut timed = TimedRanges::default();
        for thread in &log.threads {
            owners.number(thread, sites.len(), next_id);
            if matches!(gpu, GpuRecord::Timed(_)) {
                timed.read(thread, &sites, next_id).into_iter().for_each(|id| owners.watch(id));
            }
            let mut decoder = Decoder::new(thread, &timeline, &sites, next_id);
            let end_id = books.read(&mut decoder, &mut stages, &mut owners);
            only_row &= !decoder.used_lanes();
            let has_lanes = decoder.used_lanes();
            threads.push(Thread { identity: thread.thread.clone(), first_id: next_id, has_lanes });
            next_id = end_id;
            if thread.lost > 0 {
                books.losses.buffer_full.push((thread.thread.name.clone(), thread.lost));
            }
        }
        books.losses.ending_threads = log.lost_late;
        if log.lost_elsewhere > 0 {
            books.losses.buffer_full.push((ELSEWHERE.to_owned(), log.lost_elsewhere));
        }
        let left_out = log.left_out();
        books.losses.overwritten = left_out.overwritten;
        books.losses.began_before += left_out.began_before;
        let mut tasks = books.tasks.close(timeline.end(), next_id);
        for task in &tasks {
            stages.add_task(task);
            if task.site.kind() == Kind::Step {
                books.steps.add(task.site, Step::new(task.begin, task.end, task.index, task.external_id));
            }
            books.losses.unfinished += u64::from(!task.finished);
        }
        let driver = context.step_site.and_then(|number| sites.get((number as usize).wrapping_sub(1)).copied());
        // Where the first steps are overwritten, the last one's number is known.
        let first_step = match context.steps_passed {
            Some(passed) => passed.saturating_sub(books.steps.ended(driver, timeline.end())),
            _ => context.first_step,
        };
        let loops = books.steps.close(driver, first_step, timeline.begin());
        let profiler_steps = named_steps(&loops);
        for task in &mut tasks {
            task.profiler_step = profiler_steps.get(&task.external_id).copied();
        }
        let (requests, left_out) = books.scopes.close(books.requests, &tasks, &stages);
        let mut trace = Self {
            context,
            begin: timeline.begin(),
            end: timeline.end(),
            clock_uncertainty_ns: timeline.uncertainty_ns(),
            readings: [&window.start, &window.end].map(|anchor| timeline.reading(anchor)),
            threads,
            walked: Arc::default(),
            ranges: next_id - 1,
            stages,
            unaccounted_ns: 0,
            loops,
            requests,
            requests_left_out: books.requests_left_out + left_out,
            tasks,
            ops: Arc::default(),
            memory: None,
            losses: books.losses,
            symbols,
            gpu: Err(Absent::NothingRecorded),
            log,
            sites,
            timeline,
            profiler_steps,
        };
        trace.gpu = trace.build_gpu(gpu, &window, owners, timed);
        trace.memory = memory.map(|log| memory::measure(&trace, &log));
        trace.losses.memory_events = trace.memory.as_ref().map_or(0, |memory| memory.lost);
        let mut ops = Gatherer::of(&trace);
        trace.unaccounted_ns = (trace.end - trace.begin).saturating_sub(trace.second_pass(only_row, &mut ops));
        trace.ops = Arc::new(OpTable::of(&trace, ops));
        trace
    }

    /// Joins the GPU's part to the ranges.
    fn build_gpu(
        &mut self,
        record: GpuRecord,
        window: &Window,
        owners: Owners,
        timed: TimedRanges,
    ) -> Result<Gpu, Absent> {
        let (log_of_threads, timeline) = (&self.log.threads, &self.timeline);
        let boundaries = move |thread: u32| -> Box<dyn Iterator<Item = u64> + '_> {
            let log = log_of_threads.iter().find(|log| log.thread.os_id == u64::from(thread));
            Box::new(log.into_iter().flat_map(move |log| boundaries(log, timeline)))
        };
        let mut ranges = Ranges {
            owners,
            stages: &mut self.stages,
            requests: self.requests.iter_mut().map(|request| (request.key, request)).collect(),
            window: (timeline.ns(window.open.0), timeline.ns(window.open.1)),
            boundaries: &boundaries,
        };
        match record {
            GpuRecord::Recorded(log) => {
                let clock = GpuClock::new(window, timeline, &log.clocks);
                self.context.warnings.extend(clock.warning());
                Ok(Gpu::build(*log, &clock, &mut ranges))
            }
            GpuRecord::Timed(log) => Ok(Gpu::of_timed(*log, timed, timeline, &mut ranges)),
            GpuRecord::Absent(reason) => Err(reason),
        }
    }

    /// Decodes one thread's slices, in the order in which they ended. Slices of one lane nest strictly or are disjoint.
    pub(crate) fn walk(&self, thread: usize, mut visit: impl FnMut(&Slice)) {
        let Some(mut decoder) = self.decoder(thread) else { return };
        let mut shown = 0;
        while let Some(event) = decoder.next(&mut NoNodes) {
            if let Event::Slice(slice) = event {
                visit(slice);
                self.tell_progress(&mut shown);
            }
        }
    }

    /// A walk has shown one more slice than `shown`.
    #[inline]
    pub(super) fn tell_progress(&self, shown: &mut u64) {
        *shown += 1;
        if shown.is_multiple_of(TOLD) {
            // ORDERING: a statistic.
            self.walked.fetch_add(TOLD, Ordering::Relaxed);
        }
    }

    /// One thread's stream, from its beginning.
    pub(super) fn decoder(&self, thread: usize) -> Option<Decoder<'_>> {
        let first_id = self.threads.get(thread)?.first_id;
        Some(Decoder::new(self.log.threads.get(thread)?, &self.timeline, &self.sites, first_id))
    }

    /// `N` if the slice is written as `ProfilerStep#N`.
    #[inline]
    pub(crate) fn profiler_step(&self, slice: &Slice) -> Option<u64> {
        if slice.site.kind() == Kind::Step { self.profiler_steps.get(&slice.external_id).copied() } else { None }
    }

    /// When the last thing ended: the GPU works on when a recording ends.
    pub(crate) fn shown_end(&self) -> u64 {
        self.gpu.as_ref().map_or(self.end, |gpu| self.end.max(gpu.end()))
    }

    /// What the process is called by in a trace, where devices are processes 0, 1, …: a container's process may have
    /// such a number itself.
    pub(crate) fn shown_pid(&self) -> u32 {
        const ABOVE_EVERY_PID: u32 = 1 << 22;
        let devices = self.gpu.as_ref().map_or(0, |gpu| gpu.devices.len());
        let pid = self.context.pid;
        if (pid as usize) < devices { pid + ABOVE_EVERY_PID } else { pid }
    }

    /// Shows every slice to `ops`, and tells the time in which at least one top-level stage ran. On one row they do not
    /// overlap: their sum is known. Else all rows are read side by side, in order of time.
    fn second_pass(&self, only_row: bool, ops: &mut Gatherer) -> u64 {
        if only_row && self.tasks.is_empty() {
            for thread in 0..self.threads.len() {
                self.walk(thread, |slice| ops.slice(slice, self.profiler_step(slice).is_some()));
            }
            return self.stages.node(StageTree::ROOT).children_ns;
        }
        let ops = RefCell::new(ops);
        let rows: Vec<_> = (0..self.threads.len()).map(|thread| self.top_level_stages(thread, &ops)).collect();
        let mut rows: Vec<Box<dyn Iterator<Item = (u64, u64)> + '_>> =
            rows.into_iter().map(|row| Box::new(row) as _).collect();
        let is_stage = |task: &&Task| {
            self.stages.node(task.node).depth == 0 && matches!(task.site.kind(), Kind::Stage | Kind::Step)
        };
        rows.push(Box::new(self.tasks.iter().filter(is_stage).map(|task| (task.begin, task.end))));
        union::covered(rows)
    }

    /// The outermost stages of a row, in order. On the way every slice is shown to `ops`.
    fn top_level_stages<'a>(
        &'a self,
        thread: usize,
        ops: &'a RefCell<&mut Gatherer>,
    ) -> impl Iterator<Item = (u64, u64)> + 'a {
        let mut decoder = self.decoder(thread);
        let mut tree = StageTree::new();
        std::iter::from_fn(move || {
            let decoder = decoder.as_mut()?;
            loop {
                let Event::Slice(slice) = decoder.next(&mut tree)? else { continue };
                ops.borrow_mut().slice(slice, self.profiler_step(slice).is_some());
                let is_stage =
                    matches!(slice.site.kind(), Kind::Stage | Kind::Step) && slice.task.is_none() && slice.lane == 0;
                if is_stage && tree.node(slice.node).depth == 0 {
                    return Some((slice.begin, slice.end));
                }
            }
        })
    }
}

impl Books {
    /// Reads one thread; the id after its last slice.
    fn read(&mut self, decoder: &mut Decoder<'_>, stages: &mut StageTree, owners: &mut Owners) -> u64 {
        let mut requests = RequestBook::default();
        while let Some(event) = decoder.next(stages) {
            match event {
                Event::TaskEnd { task, at, completed } => self.tasks.end(task, at, completed),
                Event::StepMark(at) => self.steps.mark(at),
                Event::Begin(_) | Event::Allocation(_) => {}
                Event::Slice(slice) => {
                    owners.note(slice);
                    self.losses.unfinished += u64::from(!slice.finished && slice.task.is_none());
                    match slice.site.kind() {
                        _ if slice.task.is_some() => {
                            if let Some(poll) = slice.task {
                                self.tasks.poll(poll.task, slice);
                            }
                        }
                        Kind::Request => requests.request(slice),
                        Kind::Stage | Kind::Step => {
                            stages.add_call(slice.node, slice.begin, slice.duration());
                            requests.stage(slice, stages, &mut self.scopes);
                            if slice.site.kind() == Kind::Step {
                                self.steps.add(
                                    slice.site,
                                    Step::new(slice.begin, slice.end, slice.args().index, slice.external_id),
                                );
                            }
                        }
                        Kind::Op => {}
                    }
                }
            }
        }
        self.losses.began_before += decoder.began_before;
        self.losses.clipped += decoder.clipped;
        self.losses.unreadable += decoder.unreadable;
        let room = MAX_REQUESTS.saturating_sub(self.requests.len());
        self.requests_left_out += requests.left_out + requests.requests.len().saturating_sub(room) as u64;
        self.requests.extend(requests.requests.into_iter().take(room));
        decoder.next_id()
    }
}

/// The driving loop's sequential steps, by `External id`.
fn named_steps(loops: &[StepLoop]) -> HashMap<u64, u64> {
    let driving = loops.iter().filter(|each| each.drives && each.site.is_some());
    driving
        .flat_map(|each| &each.steps)
        .filter(|step| step.sequential)
        .map(|step| (step.external_id, step.number))
        .collect()
}
