//! The tree of stages: which stage ran inside which, how often and how long.
//!
//! A node is the stages or steps of one name at one place of the tree; ops are transparent. An async stage counts with its life (first
//! poll to end), not with its polls.

use std::collections::HashMap;

use crate::record::{Kind, Site};

use super::gpu::GpuTimes;
use super::tasks::Task;

/// Index of a node; [`StageTree::ROOT`] is what encloses everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

/// Times of one stage at one place of the tree. Nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct StageNode {
    /// Which stage or step; `None` for the root.
    pub(crate) site: Option<&'static Site>,
    /// The stage around it.
    pub(crate) parent: NodeId,
    /// Number of stages around it.
    pub(crate) depth: u32,
    /// Times it ran.
    pub(crate) calls: u64,
    /// All calls together.
    pub(crate) sum_ns: u64,
    /// The shortest call.
    pub(crate) min_ns: u64,
    /// The longest call.
    pub(crate) max_ns: u64,
    /// Calls directly inside it, all together.
    pub(crate) children_ns: u64,
    /// See [`self_ns`](Self::self_ns).
    own_ns: u64,
    /// For async stages: time in polls.
    pub(crate) busy_ns: u64,
    /// For async stages: polls.
    pub(crate) polls: u64,
    /// The first calls, `(begin, duration)`, at most [`MAX_OCCURRENCES`].
    pub(crate) occurrences: Vec<(u64, u64)>,
    /// When it first began: the order of siblings.
    pub(crate) first_begin: u64,
    /// GPU work that it launched, or a stage inside it did. Says nothing where the GPU was not recorded.
    pub(crate) gpu: GpuTimes,
}

/// Calls of a node that are kept one by one.
pub(crate) const MAX_OCCURRENCES: usize = 1000;

/// All stages.
#[derive(Clone, Debug)]
pub(crate) struct StageTree {
    nodes: Vec<StageNode>,
    children: HashMap<(NodeId, Kind, &'static str), NodeId>,
}

impl StageTree {
    /// What encloses everything.
    pub(crate) const ROOT: NodeId = NodeId(0);

    /// A tree without stages.
    pub(crate) fn new() -> Self {
        Self { nodes: vec![StageNode::new(None, Self::ROOT, 0)], children: HashMap::new() }
    }

    /// The node of `site` inside `parent`, made if it is new.
    pub(crate) fn child(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        let nodes = &mut self.nodes;
        *self.children.entry((parent, site.kind(), site.name())).or_insert_with(|| {
            let depth = if parent == Self::ROOT { 0 } else { nodes[parent.0 as usize].depth + 1 };
            nodes.push(StageNode::new(Some(site), parent, depth));
            // CAST: a tree has fewer nodes than the program has ranges on a path.
            NodeId((nodes.len() - 1) as u32)
        })
    }

    /// The node of `site` inside `parent`, if it ran there.
    pub(super) fn find(&self, parent: NodeId, site: &'static Site) -> Option<NodeId> {
        self.children.get(&(parent, site.kind(), site.name())).copied()
    }

    /// One node.
    pub(crate) fn node(&self, id: NodeId) -> &StageNode {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut StageNode {
        &mut self.nodes[id.0 as usize]
    }

    /// Adds one call, of which stages directly inside it took `stage_children_ns`.
    pub(super) fn add_call(&mut self, id: NodeId, begin: u64, duration: u64, stage_children_ns: u64) {
        let node = self.node_mut(id);
        node.own_ns += duration.saturating_sub(stage_children_ns);
        node.calls += 1;
        node.sum_ns += duration;
        node.min_ns = node.min_ns.min(duration);
        node.max_ns = node.max_ns.max(duration);
        node.first_begin = node.first_begin.min(begin);
        if node.occurrences.len() < MAX_OCCURRENCES {
            node.occurrences.push((begin, duration));
        }
        let parent = node.parent;
        self.node_mut(parent).children_ns += duration;
    }

    /// Adds the life of an async stage; its stages inside have been added by their own threads.
    pub(super) fn add_task(&mut self, task: &Task) {
        if matches!(task.site.kind(), Kind::Stage | Kind::Step) {
            self.add_life(task.node, task);
        }
    }

    /// Adds the life of an async stage at this place.
    pub(super) fn add_life(&mut self, place: NodeId, task: &Task) {
        self.add_call(place, task.begin, task.end - task.begin, task.stage_children_ns);
        let node = self.node_mut(place);
        node.busy_ns += task.busy_ns;
        node.polls += task.polls;
    }

    /// Adds GPU work of a stage to it and to every stage around it. In order of begin.
    pub(super) fn add_gpu(&mut self, id: NodeId, begin: u64, end: u64) {
        let mut at = id;
        while at != Self::ROOT {
            let node = self.node_mut(at);
            node.gpu.add(begin, end);
            at = node.parent;
        }
        self.node_mut(Self::ROOT).gpu.add(begin, end);
    }

    /// Every node but the root, parents before children, siblings in the order in which they first began.
    pub(crate) fn in_order(&self) -> Vec<(NodeId, &StageNode)> {
        let mut by_parent: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            // CAST: see `child`.
            by_parent.entry(node.parent).or_default().push(NodeId(index as u32));
        }
        for siblings in by_parent.values_mut() {
            siblings.sort_by_key(|&id| self.node(id).first_begin);
        }
        let mut ordered = Vec::with_capacity(self.nodes.len());
        let mut next: Vec<NodeId> = by_parent.remove(&Self::ROOT).unwrap_or_default();
        next.reverse();
        while let Some(id) = next.pop() {
            ordered.push((id, self.node(id)));
            next.extend(by_parent.remove(&id).unwrap_or_default().into_iter().rev());
        }
        ordered
    }

    /// The stage around all stages around it; itself if there is none.
    pub(crate) fn outermost(&self, mut id: NodeId) -> NodeId {
        while self.node(id).parent != Self::ROOT {
            id = self.node(id).parent;
        }
        id
    }

    /// Whether a stage of the same name encloses it: sums by name must not count it twice.
    pub(crate) fn is_inside_itself(&self, id: NodeId) -> bool {
        let name = self.node(id).name();
        let mut outer = self.node(id).parent;
        while outer != Self::ROOT {
            if self.node(outer).name() == name {
                return true;
            }
            outer = self.node(outer).parent;
        }
        false
    }
}

impl StageNode {
    const fn new(site: Option<&'static Site>, parent: NodeId, depth: u32) -> Self {
        Self {
            site,
            parent,
            depth,
            calls: 0,
            sum_ns: 0,
            min_ns: u64::MAX,
            max_ns: 0,
            children_ns: 0,
            own_ns: 0,
            busy_ns: 0,
            polls: 0,
            occurrences: Vec::new(),
            first_begin: u64::MAX,
            gpu: GpuTimes { ops: 0, busy_ns: 0, first: 0, until: 0 },
        }
    }

    /// The stage's name; empty for the root.
    pub(crate) fn name(&self) -> &'static str {
        self.site.map_or("", Site::name)
    }

    /// Whether it is a step rather than a stage.
    pub(crate) fn is_step(&self) -> bool {
        self.site.is_some_and(|site| site.kind() == Kind::Step)
    }

    /// Time not spent in stages directly inside it: of each call its duration without the union of these.
    pub(crate) const fn self_ns(&self) -> u64 {
        self.own_ns
    }
}
