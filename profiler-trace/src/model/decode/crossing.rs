//! Search for the ranges of a thread that cross others, before the thread is decoded.
//!
//! A guard may outlive the range in which it started. The range around it is known only when both
//! have ended, after everything inside it was emitted. So a first search, which only matches ends
//! to begins, finds the few ranges that cross, and the decoder knows at their start where they
//! belong. It takes memory for these ranges only.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::model::lanes::Lanes;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::entry::{Entry, Tag};
use profiler_core::stream::registry::ThreadLog;

use super::nest::{Nest, Opened, Position};

/// A range that ended after a range in which it had started, or before a range that had started in
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct Crossing {
    /// Its `External id`.
    pub(super) id: u64,
    /// Row; 0 is the thread's own. The slices of one row nest or are disjoint.
    pub(super) lane: u32,
    /// Stage and request around it from its start to its end.
    pub(super) around: Around,
    /// End in ticks; `u64::MAX` if the recording ended first.
    pub(super) ends: u64,
}

/// Innermost stage or step, and innermost request, that were open at both the start and the end of
/// a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) stage: Option<Outer>,
    pub(super) request: Option<Outer>,
}

/// Reference to an open range. A poll is referred to by its task, which spans its polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outer {
    /// Range with this `External id`.
    Range(u64),
    Task(u64),
}

impl Outer {
    /// Creates the reference to an open range.
    pub(super) fn new(frame: &impl Opened) -> Self {
        frame.task().map_or_else(|| Self::Range(frame.id()), Self::Task)
    }
}

/// Ranges of a thread that cross others.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Crossings {
    /// Crossing ranges in order of start.
    pub(super) ranges: Vec<Crossing>,
    /// Number of rows that they need in addition to the thread's own.
    pub(in crate::model) lanes: u32,
}

/// An open range.
struct OpenRange {
    begin: Entry,
    id: u64,
    task: Option<u64>,
    lane: u32,
    crosses: bool,
    /// Stages and requests around it when it was first set aside.
    chain: Option<Chain>,
    /// Flag shared with the chains that contain it; set when it ends.
    ended: Option<EndFlag>,
}

type EndFlag = Rc<Cell<bool>>;

/// Stages and requests around a range that is set aside with its task. The range may continue
/// elsewhere; it is inside the innermost of these that it does not outlive.
#[derive(Clone)]
struct Chain {
    /// Links, outermost first, shared by all ranges set aside at the same time.
    links: Rc<[Link]>,
    /// Number of leading links that are around this range.
    len: usize,
}

struct Link {
    outer: Outer,
    is_request: bool,
    ended: EndFlag,
}

impl Opened for OpenRange {
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

/// State of the search.
struct Search<'a> {
    sites: &'a [&'static Site],
    nest: Nest<OpenRange>,
    lanes: Lanes,
    crossings: Vec<Crossing>,
    /// Flags shared with the chains that contain tasks; set when the task ends.
    tasks: HashMap<u64, EndFlag>,
}

impl Crossings {
    /// Searches a thread whose first range has the id `first_id`. A thread whose ranges nest need
    /// not be searched.
    pub(in crate::model) fn new(log: &ThreadLog, sites: &[&'static Site], first_id: u64) -> Self {
        let mut search = Search {
            sites,
            nest: Nest::default(),
            lanes: Lanes::default(),
            crossings: Vec::new(),
            tasks: HashMap::new(),
        };
        let (mut next_id, mut next_task) = (first_id, None);
        for &entry in log.pages().flatten() {
            match entry.tag() {
                // Ids count the same begins as in the decoder.
                Some(Tag::Begin) if (1..=sites.len()).contains(&(entry.site() as usize)) => {
                    let task = next_task.take_if(|(site, _)| *site == entry.site());
                    search.begin(entry, next_id, task.map(|(_, task)| task));
                    next_id += 1;
                }
                Some(Tag::End) => search.end(entry, next_id),
                Some(Tag::Task) => next_task = Some((entry.site(), entry.value())),
                Some(Tag::TaskEnd) => {
                    if let Some((_, task)) = next_task.take() {
                        search.end_task(task);
                    }
                }
                Some(Tag::EarlierPoll) => next_task = None,
                _ => {}
            }
        }
        search.close()
    }
}

impl Search<'_> {
    #[inline]
    fn begin(&mut self, begin: Entry, id: u64, task: Option<u64>) {
        let _ended = self.nest.push(OpenRange { begin, id, task, lane: 0, crosses: false, chain: None, ended: None });
        if let Some(task) = task
            && self.nest.has_aside()
        {
            self.nest.resume(task);
        }
    }

    #[inline]
    fn end_task(&mut self, task: u64) {
        if self.nest.has_aside() {
            self.nest.release(task);
        }
        if !self.tasks.is_empty()
            && let Some(ended) = self.tasks.remove(&task)
        {
            ended.set(true);
        }
    }

    /// Ends a range. Lanes use the id of the next range, `next_id`, as the time.
    #[inline]
    fn end(&mut self, end: Entry, next_id: u64) {
        let Some(position) = self.nest.find(end) else { return };
        if let Position::Inside(at) = position {
            self.mark_crossing(at);
        }
        let around = self.nest.end(position);
        let Some((range, open)) = self.nest.ended_mut() else { return };
        if let Some(ended) = &range.ended {
            ended.set(true);
        }
        if range.crosses {
            if range.lane > 0 {
                // The lane is free for ranges that start after this end.
                self.lanes.release(range.lane, next_id - 1);
            }
            let around = range.around(&open[..around], self.sites);
            self.crossings.push(Crossing { id: range.id, lane: range.lane, around, ends: end.value() });
        }
    }

    /// Marks the ranges that outlive the range at this index, which ends.
    #[cold]
    fn mark_crossing(&mut self, at: usize) {
        let open = self.nest.open_mut();
        let (is_on_thread_row, is_poll) = (open[at].lane == 0, open[at].task.is_some());
        if is_poll && open[at + 1..].iter().any(|frame| frame.chain.is_none()) {
            set_chains(open, at + 1, self.sites, &mut self.tasks);
        }
        for frame in &mut open[at + 1..] {
            frame.crosses = true;
            if frame.lane == 0 && (is_on_thread_row || is_poll) {
                frame.lane = self.lanes.take(frame.id, u64::MAX);
            }
        }
    }

    /// Finishes the search; open ranges end with the recording, innermost first.
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

/// Stores the stages and requests around the ranges from index `from` on, which are set aside.
fn set_chains(open: &mut [OpenRange], from: usize, sites: &[&'static Site], tasks: &mut HashMap<u64, EndFlag>) {
    let (mut links, mut lens) = (Vec::new(), Vec::with_capacity(open.len()));
    for frame in &mut *open {
        lens.push(links.len());
        let Some(is_request) = frame.is_request(sites) else { continue };
        let outer = Outer::new(frame);
        let ended = match frame.task {
            Some(task) => tasks.entry(task).or_default(),
            None => frame.ended.get_or_insert_default(),
        };
        links.push(Link { outer, is_request, ended: Rc::clone(ended) });
    }
    let links: Rc<[Link]> = links.into();
    for (frame, len) in open.iter_mut().zip(lens).skip(from) {
        frame.chain.get_or_insert_with(|| Chain { links: Rc::clone(&links), len });
    }
}

impl OpenRange {
    /// Returns whether it is a request rather than a stage or step; `None` if it is neither.
    fn is_request(&self, sites: &[&'static Site]) -> Option<bool> {
        match sites.get((self.begin.site() as usize).wrapping_sub(1))?.kind() {
            Kind::Request => Some(true),
            kind => kind.is_stage().then_some(false),
        }
    }

    /// Returns the stage and request around it; it is inside all of `open`.
    fn around(&self, open: &[Self], sites: &[&'static Site]) -> Around {
        let Some(Chain { links, len }) = &self.chain else {
            let innermost =
                |wanted| open.iter().rev().find(|frame| frame.is_request(sites) == Some(wanted)).map(Outer::new);
            return Around { stage: innermost(false), request: innermost(true) };
        };
        let still_open = || links[..*len].iter().rev().filter(|link| !link.ended.get());
        let innermost = |wanted| still_open().find(|link| link.is_request == wanted).map(|link| link.outer);
        Around { stage: innermost(false), request: innermost(true) }
    }
}
