//! Tasks: the lives of async ranges, gathered from whichever threads polled them.
//!
//! A server has millions. A life is one record of 48 bytes from the first poll that is read to the
//! last artifact; facts that few lives have are kept apart, and values that are needed for a while
//! only (times of children, an order) are a column of their own that is dropped after use.
//! `export_of` in `tests/bounds.rs` checks the sum.

use std::cmp::Reverse;

use profiler_core::__private::Integer;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::entry::Entry;
use profiler_core::stream::key::Key;

use super::by_task::TaskRanks;
use super::slice::{Poll, Slice, named, value};
use super::values::{NodeId, key, task_of};

/// An async range, from its first poll to its completion or drop. Nanoseconds since the Unix epoch.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    tasks: &'a Tasks,
    pub(super) rank: u32,
    /// Site of the async range.
    pub(crate) site: &'static Site,
    /// Begin of the first poll.
    pub(crate) begin: u64,
    /// Completion or drop; the end of the recording if it was still alive.
    pub(crate) end: u64,
    /// Time inside polls.
    pub(crate) busy_ns: u64,
    /// `External id`, unique in the trace.
    pub(crate) external_id: u64,
    /// Number of polls.
    pub(crate) polls: u32,
    /// Its place in the stage tree.
    pub(super) node: NodeId,
    /// True if it was ready; false if it was dropped before, or still alive.
    pub(crate) completed: bool,
    /// True if it ended before recording did.
    pub(crate) finished: bool,
    /// True if its first poll was before the part of the recording that is kept; then `begin` is
    /// its first poll there.
    pub(crate) clipped: bool,
}

/// All tasks of a recording, by the rank of their numbers. Keys of ranges around them are
/// [short](Tasks::short).
#[derive(Default)]
pub(crate) struct Tasks {
    ranks: TaskRanks,
    pub(super) records: Vec<Record>,
    /// Ranks of the polled tasks, in order of begin, once they are closed.
    pub(super) order: Vec<u32>,
    /// `External id` of the first of these.
    first_id: u64,
    /// Sites by number.
    sites: Vec<&'static Site>,
    /// Time of stages directly inside the polls, on the polls' rows, that cross no other. Empty
    /// where there were none.
    children_ns: Vec<u64>,
    /// CPU time in the polls, [`UNMEASURED`] for some. Empty where none was measured.
    cpu_ns: Vec<u64>,
    /// Numbers from calls' arguments; entries name a rank in place of a site: by rank and key once
    /// they are closed.
    numbers: Vec<Entry>,
    /// Ids of requests, by rank once they are closed: length and place in `texts`.
    names: Vec<(u32, u32, usize)>,
    texts: String,
    /// Numbers that were looked up last.
    recent: [Option<(u64, u32)>; 16],
}

/// The record of a life.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) begin: u64,
    pub(super) end: u64,
    busy_ns: u64,
    /// Number of its site.
    site: u32,
    pub(super) node: NodeId,
    polls: u32,
    /// Stage directly around its first poll; later its [lane](super::lanes).
    pub(super) around: Short,
    /// Request that its first poll ran in; later the life below it on its lane.
    pub(super) request: Short,
    pub(super) flags: u8,
}

/// Flag: it has ended.
const FINISHED: u8 = 1;
/// Flag: it was ready.
const COMPLETED: u8 = 2;
/// Flag: its first poll is in the recording.
const BEGAN: u8 = 4;
/// Flag: it has numbers or an id.
const SAID: u8 = 8;
/// Flag: nothing is below it on its lane.
pub(super) const OUTERMOST: u8 = 16;

/// Stands for a CPU time that was not measured.
const UNMEASURED: u64 = u64::MAX;
/// Stands for the site of a task of which no poll was read.
static UNPOLLED: Site = Site::new(Kind::Op, "", "", 0, "");

/// A number of 40 bits: more ranges than fit on any disk.
#[derive(Clone, Copy, Default)]
pub(super) struct Short([u8; 5]);

/// Bit that marks the short form of a task's key.
const TASK: u64 = 1 << 39;

impl Short {
    pub(super) fn new(number: u64) -> Self {
        let [a, b, c, d, e, ..] = number.to_le_bytes();
        Self([a, b, c, d, e])
    }

    pub(super) fn get(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }

    /// Returns the rank of the task that it names.
    pub(super) fn task(self) -> Option<u32> {
        // CAST: the rank that was stored there.
        (self.get() & TASK != 0).then(|| (self.get() & !TASK) as u32)
    }
}

impl Record {
    const fn new() -> Self {
        let (around, request) = (Short([0; 5]), Short([0; 5]));
        Self { begin: u64::MAX, end: 0, busy_ns: 0, site: 0, node: UNPLACED, polls: 0, around, request, flags: 0 }
    }

    /// Adds the times of a poll. Returns whether it is the first so far.
    fn poll(&mut self, poll: Poll, slice: &Slice) -> bool {
        self.flags |= if poll.first && !slice.clipped { BEGAN } else { 0 };
        self.busy_ns += slice.duration();
        self.polls = self.polls.saturating_add(1);
        self.end = self.end.max(slice.end);
        slice.begin < self.begin || self.polls == 1
    }
}

/// Stands for the node of a task without a poll that has begun.
const UNPLACED: NodeId = NodeId(u32::MAX);

impl Tasks {
    /// Creates a table for tasks of these numbers.
    pub(super) fn new(ranks: TaskRanks) -> Self {
        let records = vec![Record::new(); ranks.len()];
        Self { ranks, records, ..Self::default() }
    }

    /// Returns lives with these begins, ends and lives around them, by rank.
    #[cfg(test)]
    pub(super) fn of(lives: &[(u64, u64, Option<u32>)]) -> Self {
        let record = |&(begin, end, outer): &(u64, u64, Option<u32>)| {
            let around = Short::new(outer.map_or(0, |outer| TASK | u64::from(outer)));
            Record { begin, end, around, polls: 1, flags: FINISHED, ..Record::new() }
        };
        let mut tasks = Self { records: lives.iter().map(record).collect(), ..Self::default() };
        tasks.close(u64::MAX, 1);
        tasks
    }

    /// Returns how many tasks were polled, once they are closed.
    pub(crate) const fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns how many tasks there are, whether or not they were polled.
    pub(super) const fn all(&self) -> usize {
        self.records.len()
    }

    /// Returns the rank of a number, which is likely to be asked for again.
    pub(super) fn rank(&mut self, task: u64) -> Option<u32> {
        // CAST: below 16.
        let recent = &mut self.recent[(task % 16) as usize];
        if let Some((known, rank)) = *recent
            && known == task
        {
            return Some(rank);
        }
        let rank = self.ranks.rank(task)?;
        *recent = Some((task, rank));
        Some(rank)
    }

    /// Returns the place of a task in the tree of stages, if a poll of it has begun.
    pub(super) fn node(&mut self, task: u64) -> Option<NodeId> {
        let rank = self.rank(task)?;
        Some(self.records[rank as usize].node).filter(|node| *node != UNPLACED)
    }

    /// Sets the place of a task in the tree of stages.
    pub(super) fn set_node(&mut self, task: u64, node: NodeId) {
        if let Some(rank) = self.rank(task) {
            self.records[rank as usize].node = node;
        }
    }

    /// Returns the places of all tasks in the tree of stages, by rank.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.records.iter().map(|record| record.node).collect()
    }

    /// Returns the rank of a number.
    pub(super) fn rank_of(&self, task: u64) -> Option<u32> {
        self.ranks.rank(task)
    }

    /// Returns the short form of a key ([`key`]).
    pub(super) fn short(&self, key: u64) -> u64 {
        short(key, |task| self.rank_of(task))
    }

    /// Returns the key of a short form.
    fn key(&self, short: Short) -> u64 {
        short.task().map_or(short.get(), |rank| key(0, Some(self.ranks.number(rank))))
    }

    /// Adds a poll of the task with this rank.
    pub(super) fn poll(&mut self, rank: u32, poll: Poll, slice: &Slice) {
        let (at, number) = (rank as usize, slice.site.number());
        if self.records[at].poll(poll, slice) {
            let (around, request) =
                [slice.stage_around, slice.request].map(|key| Short::new(short(key, |task| self.rank(task)))).into();
            let record = &mut self.records[at];
            (record.begin, record.site, record.around, record.request) = (slice.begin, number, around, request);
            self.note_site(number as usize, slice.site);
        }
        if slice.stage_children_ns > 0 {
            *entry(&mut self.children_ns, self.records.len(), 0, at) += slice.stage_children_ns;
        }
        if let Some(ns) = slice.cpu_ns {
            let sum = entry(&mut self.cpu_ns, self.records.len(), UNMEASURED, at);
            *sum = ns + if *sum == UNMEASURED { 0 } else { *sum };
        }
        let args = slice.args();
        for number in args.of_life() {
            self.numbers.push(Entry::number_of(number.key(), rank, number.number()));
            self.records[at].flags |= SAID;
        }
        if !args.text.is_empty() {
            // CAST: a request's id is short.
            self.names.push((rank, args.text.len() as u32, self.texts.len()));
            self.texts.push_str(&args.text);
            self.records[at].flags |= SAID;
        }
    }

    fn note_site(&mut self, number: usize, site: &'static Site) {
        if self.sites.len() <= number {
            self.sites.resize(number + 1, &UNPOLLED);
        }
        self.sites[number] = site;
    }

    /// Records the end of a task.
    pub(super) fn end(&mut self, task: u64, at: u64, completed: bool) {
        let Some(rank) = self.rank(task) else { return };
        let record = &mut self.records[rank as usize];
        record.flags = (record.flags | FINISHED) & !COMPLETED | if completed { COMPLETED } else { 0 };
        // A first poll on one thread and the end on another are read from two counters that agree
        // only to a few nanoseconds.
        record.end = record.end.max(at);
    }

    /// Returns how many tasks ended without a poll here: they began before the recording.
    pub(super) fn unpolled(&self) -> u64 {
        self.records.iter().filter(|record| record.polls == 0).count() as u64
    }

    /// Puts all polled tasks in order of begin, with ids from `first_id`; all threads have been
    /// read.
    pub(super) fn close(&mut self, window_end: u64, first_id: u64) {
        for record in self.records.iter_mut().filter(|record| record.polls > 0) {
            let at_least = if record.flags & FINISHED == 0 { window_end } else { record.begin };
            record.end = record.end.max(record.begin).max(at_least);
        }
        self.first_id = first_id;
        self.order = Vec::with_capacity(self.records.len());
        // CAST: as many as there are ranks.
        self.order.extend((0..self.records.len() as u32).filter(|rank| self.records[*rank as usize].polls > 0));
        let mut order = std::mem::take(&mut self.order);
        order.sort_unstable_by_key(|rank| self.turn(*rank));
        self.order = order;
        // The first number that was given counts, and the last id.
        self.numbers.sort_by_key(|number| (number.site(), number.key()));
        self.numbers.dedup_by_key(|number| (number.site(), number.key()));
        self.names.sort_by_key(|(rank, ..)| *rank);
        self.names.dedup_by(|later, name| {
            let same = later.0 == name.0;
            if same {
                *name = *later;
            }
            same
        });
        // These live until the last artifact: spare room would live as long.
        self.numbers.shrink_to_fit();
        self.names.shrink_to_fit();
        self.texts.shrink_to_fit();
    }

    /// Returns the key that orders tasks: outer ones first.
    pub(super) fn turn(&self, rank: u32) -> (u64, Reverse<u64>, u32) {
        let Record { begin, end, .. } = self.records[rank as usize];
        (begin, Reverse(end), rank)
    }

    /// Returns the ranks of the polled tasks, in order of end: with the same end the last to begin
    /// comes first; those that also begin then come last, one after the other.
    pub(super) fn by_end(&self) -> Vec<u32> {
        let mut ranks = self.order.clone();
        ranks.sort_unstable_by_key(|&rank| {
            let Record { begin, end, .. } = self.records[rank as usize];
            let is_empty = begin == end;
            (end, is_empty, Reverse(begin), if is_empty { rank } else { !rank })
        });
        ranks
    }

    /// Drops the values that only the stages need.
    pub(super) fn forget_children(&mut self) {
        self.children_ns = Vec::new();
    }

    /// Returns the polled tasks, in order of begin.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Task<'_>> {
        self.order.iter().zip(self.first_id..).map(|(rank, id)| self.task(*rank, id))
    }

    /// Returns the begins and ends of all lives, in the order of time.
    pub(crate) fn edges(&self) -> impl Iterator<Item = LifeEdge<'_>> {
        let (mut begins, mut ends) = (self.iter().peekable(), self.by_end().into_iter().peekable());
        std::iter::from_fn(move || {
            let next = begins.peek().map(|task| self.turn(task.rank));
            let has_ended = |rank: &u32| {
                next.is_none_or(|next| self.records[*rank as usize].end <= next.0 && self.turn(*rank) < next)
            };
            match ends.next_if(has_ended) {
                Some(rank) => Some(LifeEdge::End { at: self.records[rank as usize].end, lane: self.lane(rank) }),
                None => begins.next().map(LifeEdge::Begin),
            }
        })
    }

    /// Returns the `External id` of a task.
    pub(super) fn external_id(&self, task: u64) -> Option<u64> {
        let turn = self.turn(self.ranks.rank(task)?);
        let place = self.order.binary_search_by_key(&turn, |rank| self.turn(*rank)).ok()?;
        Some(self.first_id + place as u64)
    }

    /// Returns the key of the request that a stage's first poll ran in; `None` if the task is no
    /// stage.
    pub(super) fn request_of_stage(&self, task: u64) -> Option<u64> {
        let record = &self.records[self.ranks.rank(task)? as usize];
        (record.polls > 0 && self.site(record).is_stage()).then(|| self.key(record.request))
    }

    fn site(&self, record: &Record) -> &'static Site {
        self.sites.get(record.site as usize).copied().unwrap_or(&UNPOLLED)
    }

    pub(super) fn task(&self, rank: u32, external_id: u64) -> Task<'_> {
        let record = &self.records[rank as usize];
        let &Record { begin, end, busy_ns, node, polls, flags, .. } = record;
        Task {
            tasks: self,
            rank,
            site: self.site(record),
            begin,
            end,
            busy_ns,
            external_id,
            polls,
            node,
            completed: flags & COMPLETED != 0,
            finished: flags & FINISHED != 0,
            clipped: flags & BEGAN == 0,
        }
    }
}

/// A begin or an end of a life.
pub(crate) enum LifeEdge<'a> {
    /// The first poll begins.
    Begin(Task<'a>),
    /// The life ended.
    End {
        /// Moment of the end.
        at: u64,
        /// Row of the life.
        lane: u32,
    },
}

/// Returns the short form of a key; `rank` finds a task's rank.
fn short(key: u64, rank: impl FnOnce(u64) -> Option<u32>) -> u64 {
    match task_of(key) {
        Some(task) => rank(task).map_or(0, |rank| TASK | u64::from(rank)),
        None => key,
    }
}

/// Returns the entry of a task in a column, which is made when it is first needed.
fn entry(column: &mut Vec<u64>, len: usize, empty: u64, at: usize) -> &mut u64 {
    if column.is_empty() {
        *column = vec![empty; len];
    }
    &mut column[at]
}

impl Task<'_> {
    fn record(&self) -> &Record {
        &self.tasks.records[self.rank as usize]
    }

    /// Returns its number, unique in the process.
    pub(crate) fn number(&self) -> u64 {
        self.tasks.ranks.number(self.rank)
    }

    /// Returns its row, from 1: tasks of one lane are nested, or follow each other.
    pub(crate) fn lane(&self) -> u32 {
        self.tasks.lane(self.rank)
    }

    /// Returns the duration of its life.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    /// Returns whether it was dropped before it was ready.
    pub(crate) const fn is_cancelled(&self) -> bool {
        self.finished && !self.completed
    }

    /// Returns whether it is a stage or a step.
    pub(super) fn is_stage(&self) -> bool {
        self.site.is_stage()
    }

    /// Returns the key of the request that its first poll ran in; 0 without one.
    pub(super) fn request(&self) -> u64 {
        self.tasks.key(self.record().request)
    }

    /// Returns whether its first poll was in a stage.
    pub(super) fn has_stage_around(&self) -> bool {
        self.record().around.get() != 0
    }

    /// Returns the time of stages directly inside its polls, on the polls' rows, that cross no
    /// other.
    pub(super) fn stage_children_ns(&self) -> u64 {
        self.tasks.children_ns.get(self.rank as usize).copied().unwrap_or(0)
    }

    /// Returns the CPU time in its polls, if that was measured.
    pub(crate) fn cpu_ns(&self) -> Option<u64> {
        self.tasks.cpu_ns.get(self.rank as usize).copied().filter(|ns| *ns != UNMEASURED)
    }

    /// Returns the names and values of its call's numbers, in order of their keys.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&'static str, Integer)> {
        named(self.site, self.said())
    }

    /// Returns the user's own index of a step.
    pub(crate) fn index(&self) -> Option<u64> {
        value(self.said(), Key::INDEX)
    }

    fn said(&self) -> &[Entry] {
        let numbers = if self.record().flags & SAID == 0 { &[][..] } else { &self.tasks.numbers };
        let from = numbers.partition_point(|number| number.site() < self.rank);
        let length = numbers[from..].partition_point(|number| number.site() == self.rank);
        &numbers[from..from + length]
    }

    /// Returns a request's id.
    pub(crate) fn text(&self) -> Option<&str> {
        let names = if self.record().flags & SAID == 0 { &[][..] } else { &self.tasks.names };
        let (_, length, from) = names[names.binary_search_by_key(&self.rank, |(rank, ..)| *rank).ok()?];
        self.tasks.texts.get(from..from + length as usize)
    }
}
