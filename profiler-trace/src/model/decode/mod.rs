//! The decoder of one thread's stream: turns entries into slices in one sequential read.
//!
//! A begin entry opens a frame and an end entry closes it. Time never decreases. Ranges still open
//! at the end of the stream end with the recording. The caller pulls events (`next`), so that
//! several threads can be merged by time.
//!
//! # The parent of a range
//!
//! The parent of a range is the innermost range that is open at its start *and* at its end. Where
//! guards end in the reverse order of their starts, that is the range below it on a stack. But
//! guards may end in any order:
//!
//! ```text
//! outer ├──────────────┤
//! held     ├──────────────────┤   outlives `outer`: the parent of both is the range around `outer`
//! inner       ├─┤                 its parent is `held`
//! late              ├──────┤      starts in `outer` and `held`, ends in `held` alone: its parent is `held`
//! ```
//!
//! The parent of `held` is known only at its end, after everything inside it has been emitted. So a
//! thread is read twice, unless a survey (`survey`) showed that all its ranges nest. The first
//! reading (`crossing`) finds the few ranges that cross another. It records which stage and which
//! request enclose each of them until its end, and gives it its own lane, so that the slices
//! of a row nest. The second reading, the [`Decoder`], then knows at each start (`begin`) where the
//! range belongs, and at each end (`end`) what it covers of its parent: its whole duration or,
//! where ranges cross, the part that no other has covered (`cover`). Both readings keep the open
//! ranges in a `nest`, so they see the same nesting.
//!
//! # Futures
//!
//! Each poll of a future is a range of the polling thread; the future itself, a *task*, has a
//! number. A guard held over `.await` is open when its poll ends. It is then *set aside* with the
//! task: ranges of other tasks that start meanwhile are not inside it. The task's next poll takes
//! it back, so that what runs in that poll is inside the guard, and the guard inside the task. The
//! time in between it is *away*: part of its duration, but not of its thread's work
//! ([`Slice::away_ns`](super::slice::Slice::away_ns)). The range around a guard is covered only by
//! the parts in which the guard ran. When the task ends, guards still set aside continue like any
//! other range of the thread.
//!
//! No single poll is open at both ends of such a guard, but the task is. So `crossing` refers to
//! tasks by number instead of referring to a poll.
//!
//! # Stages that cover each other
//!
//! A stage's own time is its duration without the union of the stages directly inside it. The
//! decoder sums those that cross no other. Guards that cross may overlap their siblings, and lives
//! are not slices of a thread: the time that these cover is computed after all threads were read
//! ([`covers`](super::covers)).

mod begin;
mod call_builder;
mod crossing;
mod end;
mod event;
mod frames;
mod nest;
mod survey;

use profiler_core::memory::Device;
use profiler_core::site::Site;
use profiler_core::stream::entry::{COMPLETED, Entry, FIRST_POLL, Tag};
use profiler_core::stream::registry::{Pages, ThreadLog};

use super::intervals::Cover;
use super::memory::{Allocation, EntryPair};
use super::slice::Poll;
use super::time::Timeline;
use super::values::NodeId;

use call_builder::CallBuilder;

use crossing::Crossing;
pub(super) use crossing::Crossings;
pub(super) use event::{Event, NoNodes, Nodes, TreeNodes};
use frames::Frame;
use nest::Nest;
pub(super) use survey::{ArgumentCounts, Survey};

/// Maximum number of entries that the recorder writes at once: the head of a tensor, its dims and
/// its strides.
const MAX_INTERRUPTED: usize = 16;

/// Reader of one thread's stream.
pub(in crate::model) struct Decoder<'a> {
    timeline: &'a Timeline,
    sites: &'a [&'static Site],
    pages: Pages<'a>,
    entries: std::slice::Iter<'a, Entry>,
    /// True while the entries are the carried-over ones: ranges that began before the kept part.
    is_carry: bool,
    now: u64,
    frames: Nest<Frame>,
    /// Site and node of the last outermost range; see [`Frame::child`].
    outermost: Option<(u32, NodeId)>,
    /// True if ranges of this thread cross each other.
    crosses: bool,
    /// Crossing ranges that have not started.
    crossings: &'a [Crossing],
    next_call: CallBuilder,
    allocation: EntryPair,
    /// Time in which the thread ran at least one range.
    busy: Cover,
    next_id: u64,
    /// True if an end without a begin came since the recorder was last interrupted.
    has_orphan: bool,
    /// Number of ends without a begin.
    pub(in crate::model) began_before: u64,
    /// Number of ranges that began before the kept part.
    pub(in crate::model) clipped: u64,
    /// Number of entries of an unknown kind or site.
    pub(in crate::model) unreadable: u64,
    /// Number of entries of signal handlers that the entry they interrupted overwrote.
    pub(in crate::model) reentered: u64,
}

impl<'a> Decoder<'a> {
    /// Creates a decoder that numbers slices from `first_id`, as the reading that found `crossings`
    /// did.
    pub(in crate::model) fn new(
        log: &'a ThreadLog,
        timeline: &'a Timeline,
        sites: &'a [&'static Site],
        (first_id, crossings): (u64, &'a Crossings),
    ) -> Self {
        Self {
            timeline,
            sites,
            pages: Pages::new(&log.runs),
            entries: log.carried().iter(),
            is_carry: true,
            now: timeline.begin(),
            frames: Nest::default(),
            outermost: None,
            crosses: !crossings.ranges.is_empty(),
            crossings: &crossings.ranges,
            next_call: CallBuilder::default(),
            allocation: EntryPair::default(),
            busy: Cover::default(),
            next_id: first_id,
            has_orphan: false,
            began_before: 0,
            clipped: 0,
            unreadable: 0,
            reentered: 0,
        }
    }

    /// Returns the id following the last slice's.
    pub(in crate::model) const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Returns the time, up to here, in which the thread ran at least one range.
    pub(in crate::model) const fn busy_ns(&self) -> u64 {
        self.busy.ns
    }

    /// Returns the node of the innermost open range.
    pub(in crate::model) fn innermost(&self) -> NodeId {
        self.frames.open().last().map_or(NodeId::default(), |frame| frame.slice.node)
    }

    /// Decodes up to the next event.
    #[inline]
    pub(in crate::model) fn next<N: Nodes>(&mut self, nodes: &mut N) -> Option<Event<'_>> {
        loop {
            let Some(&entry) = self.entries.next() else {
                self.is_carry = false;
                match self.pages.next() {
                    Some(entries) => self.entries = entries.iter(),
                    None => return self.close_open(),
                }
                continue;
            };
            match entry.tag() {
                Some(Tag::Begin) => {
                    let index = self.begin(entry, nodes);
                    if N::REPORTS_BEGINS
                        && let Some(index) = index
                    {
                        return self.frames.open().get(index).map(|frame| Event::Begin(&frame.slice));
                    }
                }
                Some(Tag::End) => {
                    if self.end(entry) {
                        return self.frames.ended().map(|frame| Event::Slice(&frame.slice));
                    }
                }
                Some(Tag::TaskEnd) => {
                    let at = self.advance(entry.value());
                    if let Some((_, poll)) = self.next_call.task.take() {
                        self.end_task(poll.task);
                        return Some(Event::TaskEnd { task: poll.task, at, completed: entry.argument() == COMPLETED });
                    }
                    self.unreadable += 1;
                }
                Some(Tag::EarlierPoll) => {
                    let Some((_, mut poll)) = self.next_call.task.take() else {
                        self.unreadable += 1;
                        continue;
                    };
                    let end = entry.value().saturating_add(entry.second());
                    let times = (self.timeline.ns(entry.value()), self.timeline.ns(end));
                    // A poll that began before the kept part is clipped, and may lie before it.
                    poll.first &= times.0 > self.timeline.begin();
                    if times.1 > self.timeline.begin() {
                        return Some(Event::EarlierPoll { poll, times, at: self.now });
                    }
                }
                Some(Tag::StepMark) => return Some(Event::StepMark(self.advance(entry.value()))),
                Some(Tag::Task) => {
                    let poll = Poll { task: entry.value(), first: entry.argument() == FIRST_POLL };
                    self.next_call.task = Some((entry.site(), poll));
                }
                Some(Tag::CpuTime) => self.next_call.cpu_clock = Some((entry.site(), entry.value())),
                Some(Tag::Memory) => self.allocation.first(entry),
                Some(Tag::Block) => {
                    if let Some(allocation) = self.allocate(entry) {
                        return Some(Event::Allocation(allocation));
                    }
                }
                // `event_timing` reads these.
                Some(Tag::Timed | Tag::OnStream | Tag::Measured | Tag::MeasuredAt) => {}
                Some(Tag::Argument) => {
                    if !self.next_call.begin_argument(entry) {
                        self.unknown(entry);
                    }
                }
                Some(Tag::More) => self.next_call.continue_argument(entry),
                None => self.unknown(entry),
            }
        }
    }

    /// Counts entries without a meaning. Where the recorder was interrupted
    /// (`profiler_core::stream::cursor`), it leaves as many empty entries as it was writing, which
    /// are few. A longer run of them is a page that a disk lost.
    #[cold]
    fn unknown(&mut self, entry: Entry) {
        if !entry.is_empty() {
            self.unreadable += 1;
            return;
        }
        let left = self.entries.as_slice();
        let more = left.iter().position(|next| !next.is_empty()).unwrap_or(left.len());
        self.entries = left[more..].iter();
        if more < MAX_INTERRUPTED {
            self.reentered += 1;
            // The end of the range whose begin was replaced.
            self.began_before -= u64::from(std::mem::take(&mut self.has_orphan));
        } else {
            self.unreadable += 1 + more as u64;
        }
    }

    #[inline]
    fn advance(&mut self, ticks: u64) -> u64 {
        self.now = self.now.max(self.timeline.ns(ticks));
        self.now
    }

    /// Ends a task: ranges that outlive it are no longer inside it.
    #[inline]
    fn end_task(&mut self, task: u64) {
        if self.crosses {
            let from = self.frames.release(task);
            self.frames.resume_from(from, self.now);
        }
    }

    /// Returns the allocation that this entry completes, and adds it to the innermost open range;
    /// `None` if its first entry is missing.
    fn allocate(&mut self, block: Entry) -> Option<Allocation> {
        let Some((ticks, mut allocation)) = self.allocation.second(block) else {
            self.unreadable += 1;
            return None;
        };
        allocation.at = self.advance(ticks);
        if let Some(Frame { slice, .. }) = self.frames.open_mut().last_mut() {
            allocation.node = slice.node;
            let on_host = allocation.device == Device::Cpu;
            let memory = if on_host { &mut slice.cpu_memory } else { &mut slice.device_memory };
            memory.change(allocation.change());
        }
        Some(allocation)
    }
}
