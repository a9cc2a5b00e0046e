//! The ranges, stages and requests that the GPU's records are joined to, whichever source delivered
//! these.

use std::collections::HashMap;

use crate::model::requests::Request;
use crate::model::stages::StageTree;
use crate::model::tasks::Tasks;
use crate::model::values::NodeId;

use super::links::{Owner, Owners};

/// The input that the GPU's part is joined to.
pub(in crate::model) struct Ranges<'a> {
    /// Ranges that launched work.
    pub(in crate::model) owners: Owners,
    /// Stages, to which GPU times are added.
    pub(in crate::model) stages: &'a mut StageTree,
    /// Requests, to which GPU times are added, by key.
    pub(in crate::model) requests: HashMap<u64, &'a mut Request>,
    /// Lives of async ranges.
    pub(in crate::model) lives: &'a Tasks,
    /// Moments between which ranges were recorded. Just before and after, when the gate opens and
    /// shuts, work would seem to have no range.
    pub(in crate::model) window: (u64, u64),
    /// Begins and ends of the ranges of a thread, in order, by the operating system's id.
    pub(in crate::model) boundaries: Boundaries<'a>,
}

/// The type of [`Ranges::boundaries`].
pub(in crate::model) type Boundaries<'a> = &'a dyn Fn(u32) -> Box<dyn Iterator<Item = u64> + 'a>;

impl Ranges<'_> {
    /// Adds GPU time of a range to its stage and those around it, and to its request. Returns the
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

    /// Returns the `External id` that a range is shown by: a poll by that of its life.
    pub(super) fn shown_id(&self, owner: Owner) -> u64 {
        owner.task.and_then(|task| self.lives.external_id(task)).unwrap_or(owner.external_id)
    }

    /// Returns the `External id` that the stage around a range is shown by, 0 without one.
    pub(super) fn stage_around(&self, owner: Owner) -> u64 {
        let around = self.owners.range(owner.around_id).and_then(|around| self.owners.range(around.stage_id));
        around.map_or(0, |stage| self.shown_id(stage))
    }
}
