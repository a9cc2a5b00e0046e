//! The ranges of a thread that cross others, found before the thread is decoded.
//!
//! A guard may outlive the range in which it began. The range around it is known only when both
//! have ended, when everything inside it has long been shown. So a first reading, which does no
//! more than find each end's begin, notes the few that cross: the decoder knows at their begin
//! where they belong. Costs memory for these alone.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::model::lanes::Lanes;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::entry::{Entry, Tag};
use profiler_core::stream::registry::ThreadLog;

use super::nest::{Nest, Opened, Place};

/// A range that ended after one in which it had begun, or before one that began in it while it was
/// around that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct Crossing {
    /// Its `External id`.
    pub(super) id: u64,
    /// The row, 0 for the thread's own: slices of one row nest or are disjoint.
    pub(super) lane: u32,
    /// Surroundings from its begin to its end.
    pub(super) around: Around,
    /// Its end in ticks; `u64::MAX` if the recording ended first.
    pub(super) ends: u64,
}

/// The innermost stage or step, and the innermost request, that were open at a range's begin and at
/// its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) stage: Option<Outer>,
    pub(super) request: Option<Outer>,
}

/// The name of an open range: for a poll its task, which goes on from poll to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outer {
    /// Range with this `External id`.
    Range(u64),
    Task(u64),
}

impl Outer {
    /// Returns the name of an open range.
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
    /// The ranges around it when it was first set aside.
    chain: Option<Chain>,
    /// True if it has ended, for the chains that it is in.
    over: Option<Over>,
}

type Over = Rc<Cell<bool>>;

/// The stages and requests around a range that is set aside with its task: it may go on elsewhere,
/// and is inside the innermost of these that it does not outlive.
#[derive(Clone)]
struct Chain {
    /// Links, outermost first; shared by all ranges that are set aside at the same time.
    links: Rc<[Link]>,
    /// Number of the links that are around it.
    len: usize,
}

struct Link {
    outer: Outer,
    is_request: bool,
    over: Over,
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
    /// True if tasks are over, for the chains that they are in.
    tasks: HashMap<u64, Over>,
}

impl Crossings {
    /// Reads a thread whose first range gets `first_id`. A thread whose ranges nest need not be
    /// read: it has none.
    pub(in crate::model) fn of(log: &ThreadLog, sites: &[&'static Site], first_id: u64) -> Self {
        let mut reading = Reading {
            sites,
            nest: Nest::default(),
            lanes: Lanes::default(),
            crossings: Vec::new(),
            tasks: HashMap::new(),
        };
        let (mut next_id, mut pending) = (first_id, None);
        for &entry in log.pages().flatten() {
            match entry.tag() {
                // The decoder counts like this.
                Some(Tag::Begin) if (1..=sites.len()).contains(&(entry.site() as usize)) => {
                    let task = pending.take_if(|(site, _)| *site == entry.site());
                    reading.begin(entry, next_id, task.map(|(_, task)| task));
                    next_id += 1;
                }
                Some(Tag::End) => reading.end(entry, next_id),
                Some(Tag::Task) => pending = Some((entry.site(), entry.value())),
                Some(Tag::TaskEnd) => {
                    if let Some((_, task)) = pending.take() {
                        reading.task_ends(task);
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
        let _ended = self.nest.push(Mark { begin, id, task, lane: 0, crosses: false, chain: None, over: None });
        if let Some(task) = task
            && !self.nest.is_all_here()
        {
            self.nest.resume(task);
        }
    }

    #[inline]
    fn task_ends(&mut self, task: u64) {
        if !self.nest.is_all_here() {
            self.nest.let_go(task);
        }
        if !self.tasks.is_empty()
            && let Some(over) = self.tasks.remove(&task)
        {
            over.set(true);
        }
    }

    /// Ends a range; `next_id` is that of the next range: the time by which lanes are given.
    #[inline]
    fn end(&mut self, end: Entry, next_id: u64) {
        let Some(place) = self.nest.find(end) else { return };
        if let Place::Inside(at) = place {
            self.outlived(at);
        }
        let around = self.nest.end(place);
        let Some((ended, open)) = self.nest.ended_mut() else { return };
        if let Some(over) = &ended.over {
            over.set(true);
        }
        if ended.crosses {
            if ended.lane > 0 {
                // The lane is free for ranges that begin after this.
                self.lanes.release(ended.lane, next_id - 1);
            }
            let around = ended.around(&open[..around], self.sites);
            self.crossings.push(Crossing { id: ended.id, lane: ended.lane, around, ends: end.value() });
        }
    }

    /// Marks the ranges that outlive the one at this place, which ends.
    #[cold]
    fn outlived(&mut self, at: usize) {
        let open = self.nest.open_mut();
        let (is_on_the_row, is_poll) = (open[at].lane == 0, open[at].task.is_some());
        if is_poll && open[at + 1..].iter().any(|frame| frame.chain.is_none()) {
            chain(open, at + 1, self.sites, &mut self.tasks);
        }
        for frame in &mut open[at + 1..] {
            frame.crosses = true;
            if frame.lane == 0 && (is_on_the_row || is_poll) {
                frame.lane = self.lanes.take(frame.id, u64::MAX);
            }
        }
    }

    /// Closes the reading: open ranges end with the recording, innermost first.
    fn close(mut self) -> Crossings {
        let open = self.nest.open();
        for (at, frame) in open.iter().enumerate().filter(|(_, frame)| frame.crosses) {
            let around = frame.around(&open[..at], self.sites);
            self.crossings.push(Crossing { id: frame.id, lane: frame.lane, around, ends: u64::MAX });
        }
        for (_, frame) in self.nest.aside_mut() {
            let around = frame.around(&[], self.sites);
            self.crossings.push(Crossing { id: frame.id, lane: frame.lane, around, ends: u64::MAX });
        }
        self.crossings.sort_unstable_by_key(|crossing| crossing.id);
        self.crossings.shrink_to_fit();
        Crossings { ranges: self.crossings, lanes: self.lanes.count() }
    }
}

/// Notes the ranges around those from this place on, which are set aside for the first time.
fn chain(open: &mut [Mark], from: usize, sites: &[&'static Site], tasks: &mut HashMap<u64, Over>) {
    let (mut links, mut lens) = (Vec::new(), Vec::with_capacity(open.len()));
    for frame in &mut *open {
        lens.push(links.len());
        let Some(is_request) = frame.holds(sites) else { continue };
        let outer = Outer::of(frame);
        let over = match frame.task {
            Some(task) => tasks.entry(task).or_default(),
            None => frame.over.get_or_insert_default(),
        };
        links.push(Link { outer, is_request, over: Rc::clone(over) });
    }
    let links: Rc<[Link]> = links.into();
    for (frame, len) in open.iter_mut().zip(lens).skip(from) {
        frame.chain.get_or_insert_with(|| Chain { links: Rc::clone(&links), len });
    }
}

impl Mark {
    /// Returns whether it is a request; `None` if it is neither that nor a stage or step.
    fn holds(&self, sites: &[&'static Site]) -> Option<bool> {
        match sites.get((self.begin.site() as usize).wrapping_sub(1))?.kind() {
            Kind::Request => Some(true),
            kind => kind.is_stage().then_some(false),
        }
    }

    /// Returns what is around it, which lies inside `open`.
    fn around(&self, open: &[Self], sites: &[&'static Site]) -> Around {
        let Some(Chain { links, len }) = &self.chain else {
            let innermost = |wanted| open.iter().rev().find(|frame| frame.holds(sites) == Some(wanted)).map(Outer::of);
            return Around { stage: innermost(false), request: innermost(true) };
        };
        let left = || links[..*len].iter().rev().filter(|link| !link.over.get());
        let innermost = |wanted| left().find(|link| link.is_request == wanted).map(|link| link.outer);
        Around { stage: innermost(false), request: innermost(true) }
    }
}
