//! The events that a decoder emits, and the trait through which it finds stage tree nodes.

use crate::model::memory::Allocation;
use crate::model::slice::{Poll, Slice};
use crate::model::stages::StageTree;
use crate::model::tasks::Tasks;
use crate::model::values::NodeId;
use profiler_core::site::Site;

/// An event of a stream.
#[derive(Debug)]
pub(in crate::model) enum Event<'a> {
    /// A range ended.
    Slice(&'a Slice),
    /// A task ended.
    TaskEnd { task: u64, at: u64, completed: bool },
    /// A poll, from begin to end, is in the recording as an ordinary range.
    EarlierPoll { poll: Poll, times: (u64, u64), at: u64 },
    /// A bare `next_step()` was called.
    StepMark(u64),
    /// A range started; emitted only if [`Nodes::REPORTS_BEGINS`].
    Begin(&'a Slice),
    /// Memory was allocated or freed.
    Allocation(Allocation),
}

/// Look-up of the stage tree's node for a range that starts.
pub(in crate::model) trait Nodes {
    /// True if the decoder emits [`Event::Begin`].
    const REPORTS_BEGINS: bool = false;

    /// Returns the node of a range inside `parent`.
    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId;

    /// Returns the node of a poll. All polls of a task have the same node.
    fn enter_poll(&mut self, _poll: Poll, parent: NodeId, site: &'static Site) -> NodeId {
        self.enter(parent, site)
    }
}

/// Look-up for walks that need no stages; they get begins if `BEGINS`.
pub(in crate::model) struct NoNodes<const BEGINS: bool>;

impl<const BEGINS: bool> Nodes for NoNodes<BEGINS> {
    const REPORTS_BEGINS: bool = BEGINS;

    fn enter(&mut self, _parent: NodeId, _site: &'static Site) -> NodeId {
        StageTree::ROOT
    }
}

impl Nodes for StageTree {
    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        if site.is_stage() { self.child(parent, site) } else { parent }
    }
}

/// Look-up in the stage tree. Each poll of a task gets the node of the first poll read so far.
pub(in crate::model) struct TreeNodes<'a> {
    pub(in crate::model) stages: &'a mut StageTree,
    pub(in crate::model) tasks: &'a mut Tasks,
}

impl Nodes for TreeNodes<'_> {
    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        self.stages.enter(parent, site)
    }

    fn enter_poll(&mut self, poll: Poll, parent: NodeId, site: &'static Site) -> NodeId {
        let existing = if poll.first { None } else { self.tasks.node(poll.task) };
        existing.unwrap_or_else(|| {
            let node = self.stages.enter(parent, site);
            self.tasks.set_node(poll.task, node);
            node
        })
    }
}
