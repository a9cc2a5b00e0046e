//! The ranges that launched work: from the ids that ranges pushed to their places in the trace.
//!
//! An id names a thread and the position of a begin in its stream
//! (`profiler_core::hooks::correlation`); the trace numbers ranges by their order. One pass over
//! the streams of these threads finds the numbers, the decoder the rest.

use std::collections::{BTreeMap, HashMap};

use crate::model::slice::Slice;
use crate::model::time::Timeline;
use crate::model::values::NodeId;
use profiler_core::hooks::correlation;
use profiler_core::stream::entry::{Entry, Tag};
use profiler_core::stream::registry::ThreadLog;

/// A range that launched something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::model) struct Owner {
    /// Its `External id`.
    pub(in crate::model) external_id: u64,
    /// Its stage, or the one around it.
    pub(in crate::model) node: NodeId,
    /// `External id` of that stage's range, 0 without one.
    pub(in crate::model) stage_id: u64,
    /// Key of the request around it.
    pub(in crate::model) request: Option<u64>,
    /// `External id` of the range around it, 0 without one.
    pub(super) around_id: u64,
    /// Task that it is a poll of.
    pub(super) task: Option<u64>,
}

impl Owner {
    /// Returns whether it is itself a stage or step.
    pub(super) const fn is_stage(&self) -> bool {
        self.stage_id == self.external_id
    }
}

/// The ranges that launched something, those around them, and the ids of their calls.
#[derive(Debug, Default)]
pub(in crate::model) struct Owners {
    /// Id that was pushed, by correlation.
    links: HashMap<u32, u64>,
    /// Positions that are looked for, in order, by the thread's ordinal.
    wanted: BTreeMap<u32, Vec<u64>>,
    /// `External id`s by the id that was pushed.
    numbers: HashMap<u64, u64>,
    /// Ranges by `External id`.
    owners: HashMap<u64, Owner>,
}

impl Owners {
    /// Creates the owners from correlation ids and the ids that were pushed.
    pub(in crate::model) fn new(links: &[(u32, u64)]) -> Self {
        let mut owners = Self { links: links.iter().copied().collect(), ..Self::default() };
        for id in owners.links.values() {
            let (ordinal, position) = correlation::place(*id);
            owners.wanted.entry(ordinal).or_default().push(position);
        }
        for positions in owners.wanted.values_mut() {
            positions.sort_unstable();
            positions.dedup();
        }
        owners
    }

    /// Finds the numbers of a thread's ranges; the first that begins has `first_id`. `sites` is the
    /// number of sites: the decoder skips the begin of a site that it does not know.
    pub(in crate::model) fn number(&mut self, thread: &ThreadLog, sites: usize, first_id: u64) {
        let ordinal = thread.thread.identity().ordinal;
        let Some(positions) = self.wanted.remove(&ordinal) else { return };
        let mut positions = positions.into_iter().peekable();
        let is_range =
            |entry: &&Entry| entry.tag() == Some(Tag::Begin) && (1..=sites).contains(&(entry.site() as usize));
        // Ranges that are carried on come first; their begins are not known any more.
        let mut next_id = first_id + thread.carried().iter().filter(is_range).count() as u64;
        for run in &thread.runs {
            for (entry, position) in run.entries().iter().zip(run.position()..) {
                if !is_range(&entry) {
                    continue;
                }
                while positions.next_if(|wanted| *wanted < position).is_some() {}
                if positions.next_if_eq(&position).is_some() {
                    self.numbers.insert(correlation::id(ordinal, position), next_id);
                    self.watch(next_id);
                }
                next_id += 1;
            }
            run.release();
        }
    }

    /// Notes a range that has ended. Returns whether it or a range inside it launched something:
    /// the range around such a one ends later, and is watched from now on.
    #[inline]
    pub(in crate::model) fn note(&mut self, slice: &Slice) -> bool {
        if self.owners.is_empty() {
            return false;
        }
        let owner = self.owners.get_mut(&slice.external_id);
        let launches = owner.is_some();
        if let Some(owner) = owner {
            owner.node = slice.node;
            owner.stage_id = slice.stage_id;
            owner.request = slice.request_key();
            owner.around_id = slice.around_id;
            owner.task = slice.task.map(|poll| poll.task);
            if slice.around_id > 0 {
                self.watch(slice.around_id);
            }
        }
        launches
    }

    /// Watches the range with this `External id`.
    pub(in crate::model) fn watch(&mut self, external_id: u64) {
        self.owners.entry(external_id).or_insert(Owner { external_id, ..Owner::default() });
    }

    /// Returns the facts about a watched range.
    pub(in crate::model) fn range(&self, external_id: u64) -> Option<Owner> {
        self.owners.get(&external_id).copied()
    }

    /// Returns the range around an API call.
    pub(in crate::model) fn of(&self, correlation: u32) -> Option<Owner> {
        let number = self.numbers.get(self.links.get(&correlation)?)?;
        self.owners.get(number).copied()
    }
}

/// Returns the begins and ends of a thread's ranges, in order.
pub(in crate::model) fn boundaries<'a>(log: &'a ThreadLog, timeline: &'a Timeline) -> impl Iterator<Item = u64> + 'a {
    let entries = log.entries();
    let ticks = entries.filter(|entry| matches!(entry.tag(), Some(Tag::Begin | Tag::End))).map(|entry| entry.value());
    ticks.scan(timeline.begin(), |now, ticks| {
        *now = (*now).max(timeline.ns(ticks));
        Some(*now)
    })
}
