//! The ranges of a thread that cross others, found before the thread is decoded.
//!
//! A guard may outlive the range in which it began. What is around it then is known only when both have ended, when
//! everything inside it has long been told. So a first reading, which does no more than find each end's begin, notes the few
//! that cross: the decoder knows at their begin where they belong. Costs memory for these alone.

use std::collections::HashSet;

use crate::model::lanes::Lanes;
use crate::record::entry::{Entry, Tag};
use crate::record::registry::ThreadLog;
use crate::record::{Kind, Site};

use super::nest::{Nest, Opened, Place};

/// A range that ended after one in which it had begun, or before one that began in it while that was around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct Crossing {
    /// Its `External id`.
    pub(super) id: u64,
    /// The row, 0 for the thread's own: slices of one row nest or are disjoint.
    pub(super) lane: u32,
    /// Surroundings from its begin to its end.
    pub(super) around: Around,
}

/// The innermost stage or step, and the innermost request, that were open at a range's begin and at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) stage: Option<Outer>,
    pub(super) request: Option<Outer>,
}

impl Around {
    /// Returns the `External id`s of those that are ranges.
    fn ids(self) -> impl Iterator<Item = u64> {
        [self.stage, self.request].into_iter().flatten().filter_map(|outer| match outer {
            Outer::Range(id) => Some(id),
            Outer::Task(_) => None,
        })
    }
}

/// Name of an open range: of a poll its task, which goes on from poll to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outer {
    /// Range with this `External id`.
    Range(u64),
    Task(u64),
}

impl Outer {
    /// Returns what names an open range.
    pub(super) fn of(frame: &impl Opened) -> Self {
        frame.task().map_or_else(|| Self::Range(frame.id()), Self::Task)
    }
}

/// Ranges of a thread that cross others.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Crossings {
    /// Ranges in order of begin.
    pub(super) ranges: Vec<Crossing>,
    /// Lanes that they need beside the thread's own row.
    pub(in crate::model) lanes: u32,
}

/// An open range.
struct Mark {
    begin: Entry,
    id: u64,
    task: Option<u64>,
    lane: u32,
    crosses: bool,
    /// Surroundings while it is set aside.
    around: Around,
}

impl Opened for Mark {
    #[inline]
    fn begin(&self) -> Entry {
        self.begin
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn task(&self) -> Option<u64> {
        self.task
    }
}

/// State of the first reading.
struct Reading<'a> {
    sites: &'a [&'static Site],
    nest: Nest<Mark>,
    lanes: Lanes,
    crossings: Vec<Crossing>,
    /// `External id`s of what is around those that are set aside.
    around_aside: HashSet<u64>,
}

impl Crossings {
    /// Reads a thread whose first range gets `first_id`.
    pub(in crate::model) fn of(log: &ThreadLog, sites: &[&'static Site], first_id: u64) -> Self {
        let mut reading = Reading {
            sites,
            nest: Nest::default(),
            lanes: Lanes::default(),
            crossings: Vec::new(),
            around_aside: HashSet::new(),
        };
        let (mut next_id, mut pending) = (first_id, None);
        for &entry in log.pages().flatten() {
            match entry.tag() {
                // The decoder counts like this.
                Some(Tag::Begin) if (1..=sites.len()).contains(&(entry.site() as usize)) => {
                    reading.begin(entry, next_id, pending.take());
                    next_id += 1;
                }
                Some(Tag::End) => reading.end(entry, next_id),
                Some(Tag::Task) => pending = Some(entry.value()),
                Some(Tag::TaskEnd) => {
                    if let Some(task) = pending.take()
                        && !reading.nest.is_all_here()
                    {
                        reading.nest.let_go(task);
                    }
                }
                _ => {}
            }
        }
        reading.close()
    }
}

impl Reading<'_> {
    #[inline]
    fn begin(&mut self, begin: Entry, id: u64, task: Option<u64>) {
        self.nest.push(Mark { begin, id, task, lane: 0, crosses: false, around: Around::default() });
        if let Some(task) = task
            && !self.nest.is_all_here()
        {
            self.nest.resume(task);
        }
    }

    /// Ends a range; `next_id` is that of the next range: the time by which lanes are given.
    #[inline]
    fn end(&mut self, end: Entry, next_id: u64) {
        let Some(place) = self.nest.find(end) else { return };
        match place {
            Place::Innermost => {}
            Place::Inside(at) => self.outlived(at),
            Place::Aside(at) => self.end_aside(at),
        }
        let around = self.nest.end(place);
        if let Some((ended, open)) = self.nest.ended_mut()
            && ended.crosses
        {
            if !matches!(place, Place::Aside(_)) {
                ended.around = around_of(&open[..around], self.sites);
            }
            if ended.lane > 0 {
                // The lane is free for what begins after this.
                self.lanes.release(ended.lane, next_id - 1);
            }
            self.crossings.push(Crossing { id: ended.id, lane: ended.lane, around: ended.around });
        }
        if !self.around_aside.is_empty() {
            self.leave_behind(around);
        }
    }

    /// If the range that has just ended was around some that are set aside: they outlive it, and lie in what it lay in,
    /// inside the first `around` of those that are open.
    #[cold]
    fn leave_behind(&mut self, around: usize) {
        let Some(&Mark { id, task: None, .. }) = self.nest.ended() else { return };
        if self.around_aside.remove(&id) {
            let outer = around_of(&self.nest.open()[..around], self.sites);
            self.around_aside.extend(outer.ids());
            lift(self.nest.aside_mut(), Outer::Range(id), outer);
        }
    }

    /// Marks those that outlive the range at this place, which ends.
    #[cold]
    fn outlived(&mut self, at: usize) {
        let open = self.nest.open_mut();
        let (is_on_the_row, is_poll) = (open[at].lane == 0, open[at].task.is_some());
        for above in at + 1..open.len() {
            if is_poll {
                // What is set aside with its task is around nothing else until that goes on.
                open[above].around = around_of(&open[..above], self.sites);
                self.around_aside.extend(open[above].around.ids());
            }
            let frame = &mut open[above];
            frame.crosses = true;
            if frame.lane == 0 && (is_on_the_row || is_poll) {
                frame.lane = self.lanes.take(frame.id, u64::MAX);
            }
        }
    }

    /// Gives those that began in a range that ends set aside what is around that.
    #[cold]
    fn end_aside(&mut self, at: usize) {
        let aside = self.nest.aside_mut();
        let (ended, around) = (Outer::of(&aside[at].1), aside[at].1.around);
        lift(&mut aside[at + 1..], ended, around);
    }

    /// Closes the reading: what is open ends with the recording, innermost first.
    fn close(mut self) -> Crossings {
        let open = self.nest.open();
        for (at, frame) in open.iter().enumerate().filter(|(_, frame)| frame.crosses) {
            let around = around_of(&open[..at], self.sites);
            self.crossings.push(Crossing { id: frame.id, lane: frame.lane, around });
        }
        for (_, Mark { id, lane, around, .. }) in self.nest.aside_mut() {
            self.crossings.push(Crossing { id: *id, lane: *lane, around: *around });
        }
        self.crossings.sort_unstable_by_key(|crossing| crossing.id);
        self.crossings.shrink_to_fit();
        Crossings { ranges: self.crossings, lanes: self.lanes.count() }
    }
}

/// Puts those that lie in `ended` into `outer`, which that lies in.
fn lift(aside: &mut [(u64, Mark)], ended: Outer, outer: Around) {
    for (_, Mark { around, .. }) in aside {
        if around.stage == Some(ended) {
            around.stage = outer.stage;
        }
        if around.request == Some(ended) {
            around.request = outer.request;
        }
    }
}

fn around_of(open: &[Mark], sites: &[&'static Site]) -> Around {
    let kind = |frame: &&Mark| sites.get((frame.begin.site() as usize).wrapping_sub(1)).map(|site| site.kind());
    let innermost = |is: fn(Kind) -> bool| open.iter().rev().find(|frame| kind(frame).is_some_and(is)).map(Outer::of);
    Around {
        stage: innermost(|kind| matches!(kind, Kind::Stage | Kind::Step)),
        request: innermost(|kind| kind == Kind::Request),
    }
}
