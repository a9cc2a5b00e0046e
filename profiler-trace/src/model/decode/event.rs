//! The events of a stream that its reader gets, and the questions that it answers.

use crate::model::memory::Allocation;
use crate::model::slice::{Poll, Slice};
use crate::model::stages::StageTree;
use crate::model::tasks::Tasks;
use crate::model::values::NodeId;
use profiler_core::site::Site;

/// An event of a stream.
#[derive(Debug)]
pub(in crate::model) enum Event<'a> {
    /// A range has ended.
    Slice(&'a Slice),
    /// A task has ended.
    TaskEnd { task: u64, at: u64, completed: bool },
    /// A bare `next_step()`.
    StepMark(u64),
    /// A range begins: only for [`Nodes`] that ask for begins.
    Begin(&'a Slice),
    /// Memory was allocated or freed.
    Allocation(Allocation),
}

/// Finds the stage tree's node for a range that begins.
pub(in crate::model) trait Nodes {
    /// True if [`Event::Begin`] is reported.
    const TELLS_BEGINS: bool = false;

    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId;

    /// Finds the node of a poll: a task has one place, wherever it is polled.
    fn enter_poll(&mut self, _poll: Poll, parent: NodeId, site: &'static Site) -> NodeId {
        self.enter(parent, site)
    }
}

/// The nodes of walks that need no stages, and need begins if `BEGINS`.
pub(in crate::model) struct NoNodes<const BEGINS: bool>;

impl<const BEGINS: bool> Nodes for NoNodes<BEGINS> {
    const TELLS_BEGINS: bool = BEGINS;

    fn enter(&mut self, _parent: NodeId, _site: &'static Site) -> NodeId {
        StageTree::ROOT
    }
}

impl Nodes for StageTree {
    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        if site.is_stage() { self.child(parent, site) } else { parent }
    }
}

/// Finds places in the tree of stages: every poll of a task has that of the task's first poll, as
/// far as it was read.
pub(in crate::model) struct Places<'a> {
    pub(in crate::model) stages: &'a mut StageTree,
    pub(in crate::model) tasks: &'a mut Tasks,
}

impl Nodes for Places<'_> {
    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        self.stages.enter(parent, site)
    }

    fn enter_poll(&mut self, poll: Poll, parent: NodeId, site: &'static Site) -> NodeId {
        let known = if poll.first { None } else { self.tasks.node(poll.task) };
        known.unwrap_or_else(|| {
            let node = self.stages.enter(parent, site);
            self.tasks.set_node(poll.task, node);
            node
        })
    }
}
