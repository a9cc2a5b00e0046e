//! The ranges that launched GPU work: maps the ids that ranges pushed to ranges of the trace.
//!
//! An id consists of a thread and the position of a begin entry in its stream
//! (`profiler_core::hooks::correlation`), while the trace numbers ranges in order. One pass over
//! the streams of these threads finds the numbers; the decoder adds the rest.

use std::collections::{BTreeMap, HashMap};

use crate::model::slice::Slice;
use crate::model::time::Timeline;
use crate::model::values::NodeId;
use profiler_core::hooks::correlation;
use profiler_core::stream::entry::{Entry, Tag};
use profiler_core::stream::registry::ThreadLog;

/// A range that launched GPU work, or that contains one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::model) struct Owner {
    /// `External id` of the range.
    pub(in crate::model) external_id: u64,
    /// Node of the stage that is the range or encloses it.
    pub(in crate::model) node: NodeId,
    /// `External id` of that stage's range; 0 if there is none.
    pub(in crate::model) stage_id: u64,
    /// Key of the request that the range is or ran in.
    pub(in crate::model) request: Option<u64>,
    /// `External id` of the range around it; 0 if there is none.
    pub(super) around_id: u64,
    /// Task that it polls, if it is a poll.
    pub(super) task: Option<u64>,
}

impl Owner {
    /// Returns whether it is itself a stage or step.
    pub(super) const fn is_stage(&self) -> bool {
        self.stage_id == self.external_id
    }
}

/// Ranges that launched GPU work, the ranges around them, and the ids of their calls.
#[derive(Debug, Default)]
pub(in crate::model) struct Owners {
    /// Pushed id of each call, by correlation id.
    links: HashMap<u32, u64>,
    /// Sorted positions to find in each thread, by the thread's ordinal.
    positions_to_find: BTreeMap<u32, Vec<u64>>,
    /// `External id` of each pushed id.
    numbers: HashMap<u64, u64>,
    /// Ranges by `External id`.
    owners: HashMap<u64, Owner>,
}

impl Owners {
    /// Creates the table from pairs of correlation id and pushed id.
    pub(in crate::model) fn new(links: &[(u32, u64)]) -> Self {
        let mut owners = Self { links: links.iter().copied().collect(), ..Self::default() };
        for id in owners.links.values() {
            let (ordinal, position) = correlation::place(*id);
            owners.positions_to_find.entry(ordinal).or_default().push(position);
        }
        for positions in owners.positions_to_find.values_mut() {
            positions.sort_unstable();
            positions.dedup();
        }
        owners
    }

    /// Finds the numbers of a thread's ranges, of which the first is `first_id`. Begins of unknown
    /// sites, beyond `sites`, have no number, as in the decoder.
    pub(in crate::model) fn number(&mut self, thread: &ThreadLog, sites: usize, first_id: u64) {
        let ordinal = thread.thread.identity().ordinal;
        let Some(positions) = self.positions_to_find.remove(&ordinal) else { return };
        let mut positions = positions.into_iter().peekable();
        let is_range =
            |entry: &&Entry| entry.tag() == Some(Tag::Begin) && (1..=sites).contains(&(entry.site() as usize));
        // Carried-over ranges come first; the positions of their begins are no longer known.
        let mut next_id = first_id + thread.carried().iter().filter(is_range).count() as u64;
        for run in &thread.runs {
            for (entry, position) in run.entries().iter().zip(run.position()..) {
                if !is_range(&entry) {
                    continue;
                }
                while positions.next_if(|positions_to_find| *positions_to_find < position).is_some() {}
                if positions.next_if_eq(&position).is_some() {
                    self.numbers.insert(correlation::id(ordinal, position), next_id);
                    self.watch(next_id);
                }
                next_id += 1;
            }
            run.release();
        }
    }

    /// Completes a range that has ended. Returns whether it or a range inside it launched GPU work.
    /// The range around it ends later and is added, too.
    #[inline]
    pub(in crate::model) fn add(&mut self, slice: &Slice) -> bool {
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

    /// Adds the range with this `External id`; it is completed at its end.
    pub(in crate::model) fn watch(&mut self, external_id: u64) {
        self.owners.entry(external_id).or_insert(Owner { external_id, ..Owner::default() });
    }

    /// Returns the range with this `External id`, if it launched work or contains one that did.
    pub(in crate::model) fn range(&self, external_id: u64) -> Option<Owner> {
        self.owners.get(&external_id).copied()
    }

    /// Returns the range around an API call.
    pub(in crate::model) fn thread_owner(&self, correlation: u32) -> Option<Owner> {
        let number = self.numbers.get(self.links.get(&correlation)?)?;
        self.owners.get(number).copied()
    }
}

/// Returns the starts and ends of a thread's ranges in order of time.
pub(in crate::model) fn boundaries<'a>(log: &'a ThreadLog, timeline: &'a Timeline) -> impl Iterator<Item = u64> + 'a {
    let entries = log.entries();
    let ticks = entries.filter(|entry| matches!(entry.tag(), Some(Tag::Begin | Tag::End))).map(|entry| entry.value());
    ticks.scan(timeline.begin(), |now, ticks| {
        *now = (*now).max(timeline.ns(ticks));
        Some(*now)
    })
}
