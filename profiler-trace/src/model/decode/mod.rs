//! The decoder of one thread's stream: from entries to slices, read from front to back.
//!
//! A begin opens a frame, its end closes it. Time never runs backwards here. Ranges that are open
//! at the end of the stream end with the recording. The caller pulls events (`next`), so that
//! several threads can be merged by time.
//!
//! # The parent of a range
//!
//! The parent of a range is the innermost range that is open at its begin *and* at its end. Where
//! guards end in the reverse order of their begins, that is the range before it on a stack. But
//! guards may end in any order:
//!
//! ```text
//! outer ├──────────────┤
//! held     ├──────────────────┤   outlives `outer`: both are in what is around `outer`
//! inner       ├─┤                 in `held`
//! late              ├──────┤      began in `outer` and `held`, and ends in `held` alone: in `held`
//! ```
//!
//! The parent of `held` is known only at its end, when everything inside it has long been told. So
//! a thread is read twice, unless a glance at it (`survey`) has shown that all its ranges nest. The
//! first reading (`crossing`) notes the few ranges that cross another, with the stage and the
//! request that are around them to their end, and with a lane of their own, so that the slices of a
//! row nest. The second, the [`Decoder`], then knows at each begin (`begin`) where the range
//! belongs, and at each end (`end`) what it covers of its parent: its duration, or where ranges
//! cross, the part that no other has covered (`cover`). Both keep the open ranges in a `nest`, and
//! thus agree.
//!
//! # Futures
//!
//! Each poll of a future is a range of the thread that polls; the future itself, a *task*, has a
//! number. A guard that is held over `.await` is open when its poll ends. It is *set aside* with
//! the task: ranges that begin then, of other tasks, are not inside it. The task's next poll takes
//! it back in, so that what runs in that poll is inside the guard, and the guard inside the task.
//! The time in between it is *away*: part of its duration, but not of what its thread did
//! ([`Slice::away_ns`](super::slice::Slice::away_ns)): what is around a guard is covered by the
//! parts in which it ran. When the task ends, what is still set aside goes on as any other range of
//! the thread.
//!
//! No poll is open at both ends of such a guard, but the task is: `crossing` names tasks by their
//! number rather than by a poll.
//!
//! # What stages cover of each other
//!
//! A stage's own time is its duration without the union of the stages directly inside it. Of those
//! that cross no other it is their sum, which the decoder keeps. Guards that cross may overlap
//! their siblings, and lives are not slices of a thread: what these cover is found when all threads
//! have been read ([`covers`](super::covers)).

mod begin;
mod call_builder;
mod cover;
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

use super::memory::{Allocation, Halves};
use super::slice::Poll;
use super::time::Timeline;
use super::values::NodeId;

use call_builder::Pending;
pub(super) use cover::Cover;
use crossing::Crossing;
pub(super) use crossing::Crossings;
pub(super) use event::{Event, NoNodes, Nodes, Places};
use frames::Frame;
use nest::Nest;
pub(super) use survey::{Survey, Told};

/// Entries that the recorder writes at once: the dims and strides of a tensor, and its head.
const MOST_INTERRUPTED: usize = 16;

/// A reader of one thread's stream.
pub(in crate::model) struct Decoder<'a> {
    timeline: &'a Timeline,
    sites: &'a [&'static Site],
    pages: Pages<'a>,
    entries: std::slice::Iter<'a, Entry>,
    /// True if the entries were carried on: ranges that began before the part that is kept.
    is_carry: bool,
    now: u64,
    frames: Nest<Frame>,
    /// The outermost site seen last and its node; see [`Frame::child`].
    outermost: Option<(u32, NodeId)>,
    /// True if ranges of this thread cross each other.
    crosses: bool,
    /// Crossing ranges that have not begun.
    crossings: &'a [Crossing],
    pending: Pending,
    halves: Halves,
    /// Time in which the thread ran at least one range.
    busy: Cover,
    next_id: u64,
    /// True if an end without a begin came since the last place where the recorder was interrupted.
    has_orphan: bool,
    /// Number of ends without a begin.
    pub(in crate::model) began_before: u64,
    /// Number of ranges of which only the last part is shown.
    pub(in crate::model) clipped: u64,
    /// Number of entries of an unknown kind or site.
    pub(in crate::model) unreadable: u64,
    /// Number of entries of signal handlers that the entry which they interrupted has replaced.
    pub(in crate::model) reentered: u64,
}

impl<'a> Decoder<'a> {
    /// Creates a reader whose first slice gets `first_id`, as in the reading that has found
    /// `crossings`.
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
            pending: Pending::default(),
            halves: Halves::default(),
            busy: Cover::default(),
            next_id: first_id,
            has_orphan: false,
            began_before: 0,
            clipped: 0,
            unreadable: 0,
            reentered: 0,
        }
    }

    /// Returns the id after the last slice's.
    pub(in crate::model) const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Returns the time in which the thread has run at least one range so far.
    pub(in crate::model) const fn busy_ns(&self) -> u64 {
        self.busy.ns
    }

    /// Returns the node of the innermost open range.
    pub(in crate::model) fn innermost(&self) -> NodeId {
        self.frames.open().last().map_or(NodeId::default(), |frame| frame.slice.node)
    }

    /// Reads on to the next event.
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
                    let place = self.begin(entry, nodes);
                    if N::TELLS_BEGINS
                        && let Some(place) = place
                    {
                        return self.frames.open().get(place).map(|frame| Event::Begin(&frame.slice));
                    }
                }
                Some(Tag::End) => {
                    if self.end(entry) {
                        return self.frames.ended().map(|frame| Event::Slice(&frame.slice));
                    }
                }
                Some(Tag::TaskEnd) => {
                    let at = self.advance(entry.value());
                    if let Some((_, poll)) = self.pending.task.take() {
                        self.task_ends(poll.task);
                        return Some(Event::TaskEnd { task: poll.task, at, completed: entry.argument() == COMPLETED });
                    }
                    self.unreadable += 1;
                }
                Some(Tag::StepMark) => return Some(Event::StepMark(self.advance(entry.value()))),
                Some(Tag::Task) => {
                    let poll = Poll { task: entry.value(), first: entry.argument() == FIRST_POLL };
                    self.pending.task = Some((entry.site(), poll));
                }
                Some(Tag::CpuTime) => self.pending.cpu_clock = Some((entry.site(), entry.value())),
                Some(Tag::Memory) => self.halves.first(entry),
                Some(Tag::Block) => {
                    if let Some(allocation) = self.allocate(entry) {
                        return Some(Event::Allocation(allocation));
                    }
                }
                // `event_timing` reads these.
                Some(Tag::Timed | Tag::OnStream | Tag::Measured | Tag::MeasuredAt) => {}
                Some(Tag::Argument) => {
                    if !self.pending.begin_argument(entry) {
                        self.unknown(entry);
                    }
                }
                Some(Tag::More) => self.pending.continue_argument(entry),
                None => self.unknown(entry),
            }
        }
    }

    /// Counts entries without a meaning. The recorder leaves a few empty ones where it was
    /// interrupted (`profiler_core::stream::cursor`), as many as it was writing; more are a page
    /// that a disk has lost.
    #[cold]
    fn unknown(&mut self, entry: Entry) {
        if !entry.is_empty() {
            self.unreadable += 1;
            return;
        }
        let left = self.entries.as_slice();
        let more = left.iter().position(|next| !next.is_empty()).unwrap_or(left.len());
        self.entries = left[more..].iter();
        if more < MOST_INTERRUPTED {
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

    /// Ends a task: ranges that outlive it are not in it any more.
    #[inline]
    fn task_ends(&mut self, task: u64) {
        if self.crosses {
            let from = self.frames.let_go(task);
            self.frames.come_back(from, self.now);
        }
    }

    /// Returns the allocation that ends with this entry, and counts it for the innermost open
    /// range; `None` if its first half is missing.
    fn allocate(&mut self, block: Entry) -> Option<Allocation> {
        let Some((ticks, mut allocation)) = self.halves.second(block) else {
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
