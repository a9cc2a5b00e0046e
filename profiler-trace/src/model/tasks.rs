//! Tasks: the lives of async ranges, collected from all threads that polled them.
//!
//! A server has millions of tasks. A life takes one record of 48 bytes from its first poll to the
//! last artifact. Facts that few lives have are stored separately; values that are needed only
//! temporarily (times of children, an order) are columns that are dropped after use. `export_of` in
//! `tests/bounds.rs` checks the total.

use std::cmp::Reverse;

use profiler_core::__private::Integer;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::entry::Entry;
use profiler_core::stream::key::Key;

use super::slice::{Poll, Slice, named, value};
use super::task_numbers::TaskRanks;
use super::values::{NodeId, Short, key, short};

/// An async range from its first poll to its completion or drop, in nanoseconds since the Unix
/// epoch.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    tasks: &'a Tasks,
    pub(super) rank: u32,
    /// Site of the async range.
    pub(crate) site: &'static Site,
    /// Start of the first poll.
    pub(crate) begin: u64,
    /// Completion or drop; the end of the recording if it was still alive then.
    pub(crate) end: u64,
    /// Time inside its polls.
    pub(crate) busy_ns: u64,
    /// `External id`, unique in the trace.
    pub(crate) external_id: u64,
    /// Number of polls.
    pub(crate) polls: u32,
    /// Node in the stage tree.
    pub(super) node: NodeId,
    /// True if it completed; false if it was dropped or was still alive.
    pub(crate) completed: bool,
    /// True if it ended before the recording did.
    pub(crate) finished: bool,
    /// True if its first poll was before the kept part of the recording; then `begin` is its first
    /// poll in that part.
    pub(crate) clipped: bool,
}

/// All tasks of a recording, by the rank of their numbers. Keys of the ranges around them are
/// stored in [short form](Tasks::short).
#[derive(Default)]
pub(crate) struct Tasks {
    ranks: TaskRanks,
    pub(super) records: Vec<Record>,
    /// Ranks of the polled tasks in order of start; empty until `close`.
    pub(super) order: Vec<u32>,
    /// `External id` of the first task in `order`.
    first_id: u64,
    /// Sites by number.
    sites: Vec<&'static Site>,
    /// Time of the stages directly inside the polls, on the polls' rows, that cross no other; empty
    /// if there were none.
    children_ns: Vec<u64>,
    /// CPU time in the polls, [`UNMEASURED`] for some; empty if none was measured.
    cpu_ns: Vec<u64>,
    /// Numbers from calls' arguments. The entries hold a rank in place of a site; `close` sorts
    /// them by rank and key.
    numbers: Vec<Entry>,
    /// Ids of requests as `(rank, length, offset in texts)`; `close` sorts them by rank.
    names: Vec<(u32, u32, usize)>,
    texts: String,
    /// Cache of recent rank look-ups.
    recent: [Option<(u64, u32)>; 16],
}

/// Stored form of a life.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) begin: u64,
    pub(super) end: u64,
    busy_ns: u64,
    /// Number of its site.
    site: u32,
    pub(super) node: NodeId,
    polls: u32,
    /// Key of the stage directly around its first poll; later its [lane](super::lanes).
    pub(super) around: Short,
    /// Key of the request that its first poll ran in; later the life below it on its lane.
    pub(super) request: Short,
    pub(super) flags: u8,
}

/// Flag of a life that has ended.
const FINISHED: u8 = 1;
/// Flag of a life that completed.
const COMPLETED: u8 = 2;
/// Flag of a life whose first poll is in the recording.
const BEGAN: u8 = 4;
/// Flag of a life with numbers or a request's id.
const HAS_ARGS: u8 = 8;
/// Flag of a life with no other below it on its lane.
pub(super) const OUTERMOST: u8 = 16;

/// Value of a CPU time that was not measured.
const UNMEASURED: u64 = u64::MAX;
/// Site of a task without a poll in the recording.
static UNPOLLED: Site = Site::new(Kind::Op, "", "", 0, "");

impl Record {
    const fn new() -> Self {
        let (around, request) = (Short::NONE, Short::NONE);
        Self { begin: u64::MAX, end: 0, busy_ns: 0, site: 0, node: UNPLACED, polls: 0, around, request, flags: 0 }
    }

    /// Adds the times of a poll. Returns whether it is the earliest so far.
    fn poll(&mut self, poll: Poll, slice: &Slice) -> bool {
        self.flags |= if poll.first && !slice.clipped { BEGAN } else { 0 };
        self.busy_ns += slice.duration();
        self.polls = self.polls.saturating_add(1);
        self.end = self.end.max(slice.end);
        slice.begin < self.begin || self.site == 0
    }
}

/// Node of a task whose polls have not begun.
const UNPLACED: NodeId = NodeId(u32::MAX);

impl Tasks {
    /// Creates the table for tasks with these ranks.
    pub(super) fn new(ranks: TaskRanks) -> Self {
        let records = vec![Record::new(); ranks.len()];
        Self { ranks, records, ..Self::default() }
    }

    /// Creates tasks from the start, end and outer life of each, by rank.
    #[cfg(test)]
    pub(super) fn from_lives(lives: &[(u64, u64, Option<u32>)]) -> Self {
        let record = |&(begin, end, outer): &(u64, u64, Option<u32>)| {
            let around = outer.map_or(Short::NONE, Short::of_task);
            Record { begin, end, around, polls: 1, flags: FINISHED, ..Record::new() }
        };
        let mut tasks = Self { records: lives.iter().map(record).collect(), ..Self::default() };
        tasks.close(u64::MAX, 1);
        tasks
    }

    /// Returns the number of polled tasks; 0 before `close`.
    pub(crate) const fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns the number of tasks, polled or not.
    pub(super) const fn all(&self) -> usize {
        self.records.len()
    }

    /// Returns the rank of a task number, using a cache for repeated look-ups.
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

    /// Returns a task's node in the stage tree, if a poll of it has begun.
    pub(super) fn node(&mut self, task: u64) -> Option<NodeId> {
        let rank = self.rank(task)?;
        Some(self.records[rank as usize].node).filter(|node| *node != UNPLACED)
    }

    /// Sets a task's node in the stage tree.
    pub(super) fn set_node(&mut self, task: u64, node: NodeId) {
        if let Some(rank) = self.rank(task) {
            self.records[rank as usize].node = node;
        }
    }

    /// Returns the nodes of all tasks in the stage tree, by rank.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.records.iter().map(|record| record.node).collect()
    }

    /// Returns the rank of a task number.
    pub(super) fn rank_of(&self, task: u64) -> Option<u32> {
        self.ranks.rank(task)
    }

    /// Returns the short form of a key ([`key`]).
    pub(super) fn short(&self, key: u64) -> u64 {
        short(key, |task| self.rank_of(task)).get()
    }

    /// Returns the key with this short form.
    fn key(&self, short: Short) -> u64 {
        short.task().map_or(short.get(), |rank| key(0, Some(self.ranks.number(rank))))
    }

    /// Adds a poll of the task with this rank.
    pub(super) fn poll(&mut self, rank: u32, poll: Poll, slice: &Slice) {
        let (at, number) = (rank as usize, slice.site.number());
        if self.records[at].poll(poll, slice) {
            let (around, request) =
                [slice.stage_around, slice.request].map(|key| short(key, |task| self.rank(task))).into();
            let record = &mut self.records[at];
            (record.site, record.around, record.request) = (number, around, request);
            record.begin = record.begin.min(slice.begin);
            self.set_site(number as usize, slice.site);
        }
        if slice.stage_children_ns > 0 {
            *entry(&mut self.children_ns, self.records.len(), 0, at) += slice.stage_children_ns;
        }
        if let Some(ns) = slice.cpu_ns {
            let sum = entry(&mut self.cpu_ns, self.records.len(), UNMEASURED, at);
            *sum = ns + if *sum == UNMEASURED { 0 } else { *sum };
        }
        let args = slice.args();
        for number in args.life_numbers() {
            self.numbers.push(Entry::number_of(number.key(), rank, number.number()));
            self.records[at].flags |= HAS_ARGS;
        }
        if !args.text.is_empty() {
            // CAST: a request's id is short.
            self.names.push((rank, args.text.len() as u32, self.texts.len()));
            self.texts.push_str(&args.text);
            self.records[at].flags |= HAS_ARGS;
        }
    }

    /// Remembers the site with this number.
    fn set_site(&mut self, number: usize, site: &'static Site) {
        if self.sites.len() <= number {
            self.sites.resize(number + 1, &UNPOLLED);
        }
        self.sites[number] = site;
    }

    /// Adds a poll that was recorded as an ordinary range, from begin to end. Its stages are not
    /// among the task's.
    pub(super) fn add_earlier_poll(&mut self, poll: Poll, (begin, end): (u64, u64)) {
        let Some(rank) = self.rank(poll.task) else { return };
        let record = &mut self.records[rank as usize];
        record.flags |= if poll.first { BEGAN } else { 0 };
        record.busy_ns += end - begin;
        record.polls = record.polls.saturating_add(1);
        (record.begin, record.end) = (record.begin.min(begin), record.end.max(end));
    }

    /// Records the end of a task.
    pub(super) fn end(&mut self, task: u64, at: u64, completed: bool) {
        let Some(rank) = self.rank(task) else { return };
        let record = &mut self.records[rank as usize];
        record.flags = (record.flags | FINISHED) & !COMPLETED | if completed { COMPLETED } else { 0 };
        // The first poll and the end may be on threads whose counters agree only to a few
        // nanoseconds.
        record.end = record.end.max(at);
    }

    /// Returns the number of tasks that ended without a poll here: they began before the recording.
    pub(super) fn unpolled(&self) -> u64 {
        self.records.iter().filter(|record| record.polls == 0).count() as u64
    }

    /// Sorts all polled tasks by start and numbers them from `first_id`. Called once, after all
    /// threads were read.
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
        order.sort_unstable_by_key(|rank| self.start_key(*rank));
        self.order = order;
        // A number keeps the first value given, an id the last.
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
        // They live until the last artifact, and spare capacity would live as long.
        self.numbers.shrink_to_fit();
        self.names.shrink_to_fit();
        self.texts.shrink_to_fit();
    }

    /// Returns the sort key of a task: by start, outer tasks first.
    pub(super) fn start_key(&self, rank: u32) -> (u64, Reverse<u64>, u32) {
        let Record { begin, end, .. } = self.records[rank as usize];
        (begin, Reverse(end), rank)
    }

    /// Returns the ranks of the polled tasks in order of end. Of those with the same end, the last
    /// to start comes first; empty lives come last, in order of rank.
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
    pub(super) fn drop_children(&mut self) {
        self.children_ns = Vec::new();
    }

    /// Returns the polled tasks in order of start.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Task<'_>> {
        self.order.iter().zip(self.first_id..).map(|(rank, id)| self.task(*rank, id))
    }

    /// Returns the starts and ends of all lives in order of time.
    pub(crate) fn edges(&self) -> impl Iterator<Item = LifeEdge<'_>> {
        let (mut begins, mut ends) = (self.iter().peekable(), self.by_end().into_iter().peekable());
        std::iter::from_fn(move || {
            let next = begins.peek().map(|task| self.start_key(task.rank));
            let has_ended = |rank: &u32| {
                next.is_none_or(|next| self.records[*rank as usize].end <= next.0 && self.start_key(*rank) < next)
            };
            match ends.next_if(has_ended) {
                Some(rank) => Some(LifeEdge::End { at: self.records[rank as usize].end, lane: self.lane(rank) }),
                None => begins.next().map(LifeEdge::Begin),
            }
        })
    }

    /// Returns the `External id` of a task.
    pub(super) fn external_id(&self, task: u64) -> Option<u64> {
        let start_key = self.start_key(self.ranks.rank(task)?);
        let place = self.order.binary_search_by_key(&start_key, |rank| self.start_key(*rank)).ok()?;
        Some(self.first_id + place as u64)
    }

    /// Returns the key of the request that a stage's first poll ran in; `None` if the task is not a
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

/// The start or end of a life.
pub(crate) enum LifeEdge<'a> {
    /// Start of the first poll.
    Begin(Task<'a>),
    /// End of the life.
    End {
        /// Time of the end.
        at: u64,
        /// Row of the life.
        lane: u32,
    },
}

/// Returns an element of a column, allocating the column on first use.
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

    /// Returns its task number, unique in the process.
    pub(crate) fn number(&self) -> u64 {
        self.tasks.ranks.number(self.rank)
    }

    /// Returns its row, starting at 1; the tasks of one lane nest or follow each other.
    pub(crate) fn lane(&self) -> u32 {
        self.tasks.lane(self.rank)
    }

    /// Returns the duration of the life.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    /// Returns whether it was dropped before completion.
    pub(crate) const fn is_cancelled(&self) -> bool {
        self.finished && !self.completed
    }

    /// Returns whether it is a stage or a step.
    pub(super) fn is_stage(&self) -> bool {
        self.site.is_stage()
    }

    /// Returns the key of the request that its first poll ran in; 0 if there is none.
    pub(super) fn request(&self) -> u64 {
        self.tasks.key(self.record().request)
    }

    /// Returns whether its first poll ran in a stage.
    pub(super) fn has_stage_around(&self) -> bool {
        self.record().around.get() != 0
    }

    /// Returns the time of the stages directly inside its polls, on the polls' rows, that cross no
    /// other.
    pub(super) fn stage_children_ns(&self) -> u64 {
        self.tasks.children_ns.get(self.rank as usize).copied().unwrap_or(0)
    }

    /// Returns the CPU time in its polls, if measured.
    pub(crate) fn cpu_ns(&self) -> Option<u64> {
        self.tasks.cpu_ns.get(self.rank as usize).copied().filter(|ns| *ns != UNMEASURED)
    }

    /// Returns the names and values of its call's numbers, in order of their keys.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&'static str, Integer)> {
        named(self.site, self.arguments())
    }

    /// Returns the user's index of a step.
    pub(crate) fn index(&self) -> Option<u64> {
        value(self.arguments(), Key::INDEX)
    }

    fn arguments(&self) -> &[Entry] {
        let numbers = if self.record().flags & HAS_ARGS == 0 { &[][..] } else { &self.tasks.numbers };
        let from = numbers.partition_point(|number| number.site() < self.rank);
        let length = numbers[from..].partition_point(|number| number.site() == self.rank);
        &numbers[from..from + length]
    }

    /// Returns the id of a request.
    pub(crate) fn text(&self) -> Option<&str> {
        let names = if self.record().flags & HAS_ARGS == 0 { &[][..] } else { &self.tasks.names };
        let (_, length, from) = names[names.binary_search_by_key(&self.rank, |(rank, ..)| *rank).ok()?];
        self.tasks.texts.get(from..from + length as usize)
    }
}
