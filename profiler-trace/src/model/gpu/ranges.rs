//! The ranges, stages and requests that GPU records of any source are joined to.

use std::collections::HashMap;

use crate::model::requests::Request;
use crate::model::stages::StageTree;
use crate::model::tasks::Tasks;
use crate::model::values::NodeId;

use super::links::{Owner, Owners};

/// Targets of the join.
pub(in crate::model) struct Ranges<'a> {
    /// Ranges that launched GPU work.
    pub(in crate::model) owners: Owners,
    /// Stage tree that receives GPU times.
    pub(in crate::model) stages: &'a mut StageTree,
    /// Requests that receive GPU times, by key.
    pub(in crate::model) requests: HashMap<u64, &'a mut Request>,
    /// Lives of async ranges.
    pub(in crate::model) lives: &'a Tasks,
    /// Time span in which every range was recorded. Just outside of it, while the gate opens and
    /// closes, work would appear to have no range.
    pub(in crate::model) window: (u64, u64),
    /// Starts and ends of a thread's ranges in order of time, by the operating system's id.
    pub(in crate::model) boundaries: Boundaries<'a>,
}

/// Type of [`Ranges::boundaries`].
pub(in crate::model) type Boundaries<'a> = &'a dyn Fn(u32) -> Box<dyn Iterator<Item = u64> + 'a>;

impl Ranges<'_> {
    /// Adds GPU time of a range to its stage, the stages around it, and its request. Returns the
    /// stage.
    pub(super) fn add(&mut self, owner: Option<Owner>, begin: u64, end: u64) -> NodeId {
        let node = owner.map_or(StageTree::ROOT, |owner| owner.node);
        self.stages.add_gpu(node, begin, end);
        if let Some(request) = owner.and_then(|owner| owner.request).and_then(|id| self.requests.get_mut(&id)) {
            request.add_gpu(node, begin, end);
        }
        node
    }

    pub(super) const fn contains(&self, at: u64) -> bool {
        self.window.0 <= at && at <= self.window.1
    }

    /// Returns the `External id` under which a range is shown; for a poll, that of its task's life.
    pub(super) fn shown_id(&self, owner: Owner) -> u64 {
        owner.task.and_then(|task| self.lives.external_id(task)).unwrap_or(owner.external_id)
    }

    /// Returns the `External id` under which the stage around a range is shown; 0 if there is none.
    pub(super) fn stage_around(&self, owner: Owner) -> u64 {
        let around = self.owners.range(owner.around_id).and_then(|around| self.owners.range(around.stage_id));
        around.map_or(0, |stage| self.shown_id(stage))
    }
}
