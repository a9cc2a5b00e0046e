//! The tree of stages: which stage ran inside which, how often and how long.
//!
//! A node is the stages or steps of one name at one place of the tree; ops are transparent. An
//! async stage counts with its life (first poll to end), which is wall time: `busy_ns` is the time
//! in its polls.

use std::collections::HashMap;

use profiler_core::site::{Kind, Site};

use super::call_times::CallTimes;
use super::slice::Slice;
use super::tasks::Task;
use super::values::{GpuTimes, NodeId};

/// The times of one stage at one place of the tree, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct StageNode {
    /// The stage or step; `None` for the root.
    pub(crate) site: Option<&'static Site>,
    /// Node of the stage around it.
    pub(crate) parent: NodeId,
    /// Number of stages around it.
    pub(crate) depth: u32,
    /// Number of calls.
    pub(crate) calls: u64,
    /// Sum of all calls.
    pub(crate) sum_ns: u64,
    /// Shortest call.
    pub(crate) min_ns: u64,
    /// Longest call.
    pub(crate) max_ns: u64,
    /// Sum of the calls directly inside it, without lives of async stages.
    pub(crate) children_ns: u64,
    /// Own time: see [`self_ns`](Self::self_ns).
    own_ns: u64,
    /// End of the life directly inside it that lasts longest, and the node of that life.
    lives_until: (u64, NodeId),
    /// Number of calls that are lives of async stages, `lives <= calls`.
    pub(crate) lives: u64,
    /// Time in the polls of these lives.
    pub(crate) busy_ns: u64,
    /// Number of their polls.
    pub(crate) polls: u64,
    /// Lives that were dropped before they were ready.
    pub(crate) cancelled: u64,
    /// Calls that began before the part of the recording that is kept; their times are those in
    /// that part.
    pub(crate) clipped: u64,
    /// True if a life of it ran at the same time as another, of it or of a sibling: their sums may
    /// exceed the time around them. For calls on several threads see
    /// [`is_concurrent`](Self::is_concurrent).
    pub(crate) concurrent: bool,
    /// CPU time of its threads in it, of lives in their polls; `None` where that was not measured.
    pub(crate) cpu_ns: Option<u64>,
    /// True if measuring the CPU time makes it more than 1 % slower.
    pub(crate) cpu_slows: bool,
    /// The first calls, `(begin, duration)`, at most [`MAX_OCCURRENCES`].
    pub(crate) occurrences: Vec<(u64, u64)>,
    /// Durations of the calls that are not among the first.
    pub(crate) further: Option<Box<CallTimes>>,
    /// First begin, which orders siblings.
    pub(crate) first_begin: u64,
    /// GPU work that it or a stage inside it launched. Meaningless where the GPU was not recorded.
    pub(crate) gpu: GpuTimes,
}

/// Calls of a node that are kept one by one.
pub(crate) const MAX_OCCURRENCES: usize = 1000;

/// Most stages around a stage that has a node of its own. Recursion deeper than this is one node
/// under the last.
const MAX_DEPTH: u32 = 512;

/// Stands for every stage below [`MAX_DEPTH`]: its calls are nested, so that its sum is that of
/// their own times.
static DEEPER: Site = Site::new(Kind::Stage, "(deeper stages)", file!(), line!(), module_path!());

/// The tree of all stages.
#[derive(Clone, Debug)]
pub(crate) struct StageTree {
    /// Calls of a node that are kept one by one.
    kept_calls: usize,
    nodes: Vec<StageNode>,
    children: HashMap<(NodeId, Kind, &'static str), NodeId>,
}

impl StageTree {
    /// Node that encloses everything.
    pub(crate) const ROOT: NodeId = NodeId(0);

    /// Creates a tree without stages.
    pub(crate) fn new() -> Self {
        let nodes = vec![StageNode::new(None, Self::ROOT, 0)];
        Self { kept_calls: MAX_OCCURRENCES, nodes, children: HashMap::new() }
    }

    /// Creates the tree of one of many requests: calls are only summed up.
    pub(super) fn of_request() -> Self {
        Self { kept_calls: 0, ..Self::new() }
    }

    /// Returns the node of `site` inside `parent`, and makes it if it is new.
    pub(crate) fn child(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        let nodes = &mut self.nodes;
        let around = &nodes[parent.0 as usize];
        if around.is_cut() {
            return parent;
        }
        let depth = if parent == Self::ROOT { 0 } else { around.depth + 1 };
        let site = if depth < MAX_DEPTH { site } else { &DEEPER };
        *self.children.entry((parent, site.kind(), site.name())).or_insert_with(|| {
            nodes.push(StageNode::new(Some(site), parent, depth));
            // CAST: a tree has fewer nodes than the program has ranges on a path.
            NodeId((nodes.len() - 1) as u32)
        })
    }

    /// Returns the node of `site` inside `parent`, if it ran there.
    pub(super) fn find(&self, parent: NodeId, site: &'static Site) -> Option<NodeId> {
        self.children.get(&(parent, site.kind(), site.name())).copied()
    }

    /// Returns a node.
    pub(crate) fn node(&self, id: NodeId) -> &StageNode {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut StageNode {
        &mut self.nodes[id.0 as usize]
    }

    /// Adds the call that a slice is to its node.
    pub(super) fn add_slice(&mut self, id: NodeId, slice: &Slice) {
        let (kept_calls, duration) = (self.kept_calls, slice.duration());
        let node = self.node_mut(id);
        node.add_times((slice.begin, duration), slice.stage_children_ns, kept_calls);
        node.clipped += u64::from(slice.clipped);
        if !node.is_cut() {
            node.add_cpu(slice.cpu_ns);
        }
        let parent = node.parent;
        self.node_mut(parent).children_ns += duration;
    }

    /// Adds the life of an async stage, in order of begin; its stages inside have been added by
    /// their own threads.
    pub(super) fn add_life(&mut self, place: NodeId, task: &Task<'_>) {
        let kept_calls = self.kept_calls;
        let node = self.node_mut(place);
        node.add_times((task.begin, task.duration()), task.stage_children_ns(), kept_calls);
        node.lives += 1;
        node.busy_ns += task.busy_ns;
        node.polls += u64::from(task.polls);
        node.cancelled += u64::from(task.is_cancelled());
        node.clipped += u64::from(task.clipped);
        node.add_cpu(task.cpu_ns());
        let around = node.parent;
        let around = self.node_mut(around);
        let (until, other) = around.lives_until;
        if task.end > until {
            around.lives_until = (task.end, place);
        }
        if task.begin < until {
            self.node_mut(place).concurrent = true;
            self.node_mut(other).concurrent = true;
        }
    }

    /// Marks the stages that are made more than 1 % slower by reading a thread's CPU clock, which
    /// costs `cost_ns`.
    pub(super) fn mark_slowed(&mut self, cost_ns: u64) {
        for node in &mut self.nodes {
            // For an async stage, its lives: a task that waits for it waits as long without the
            // readings in between.
            node.cpu_slows = node.cpu_readings().saturating_mul(cost_ns).saturating_mul(100) > node.sum_ns;
        }
    }

    /// Returns how often a thread's CPU clock was read.
    pub(crate) fn cpu_readings(&self) -> u64 {
        self.nodes.iter().map(StageNode::cpu_readings).sum()
    }

    /// Takes time from a node's own: lives in it covered that time, besides what its rows show
    /// inside it.
    pub(super) fn take_own(&mut self, id: NodeId, ns: u64) {
        let node = self.node_mut(id);
        node.own_ns = node.own_ns.saturating_sub(ns);
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

    /// Returns every node but the root, parents before children, siblings in the order in which
    /// they first began. A node without calls (a future was polled at that place, and is shown at
    /// the place of its first poll) is left out.
    pub(crate) fn in_order(&self) -> Vec<(NodeId, &StageNode)> {
        let mut by_parent: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut ran: Vec<bool> = self.nodes.iter().map(StageNode::ran).collect();
        // Children come after their parents.
        for (index, node) in self.nodes.iter().enumerate().skip(1).rev() {
            ran[node.parent.0 as usize] |= ran[index];
        }
        for (index, node) in self.nodes.iter().enumerate().skip(1).filter(|(index, _)| ran[*index]) {
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
}

impl StageNode {
    /// Returns whether it was called, or launched work on a GPU.
    pub(crate) const fn ran(&self) -> bool {
        self.calls > 0 || self.gpu.ops > 0
    }

    fn new(site: Option<&'static Site>, parent: NodeId, depth: u32) -> Self {
        Self { site, parent, depth, min_ns: u64::MAX, first_begin: u64::MAX, ..Self::default() }
    }

    /// Returns the stage's name; empty for the root.
    pub(crate) fn name(&self) -> &'static str {
        self.site.map_or("", Site::name)
    }

    /// Returns whether it stands for all stages that lie too deep for nodes of their own.
    pub(crate) fn is_cut(&self) -> bool {
        self.site.is_some_and(|site| std::ptr::eq(site, &raw const DEEPER))
    }

    /// Returns whether it is a step rather than a stage.
    pub(crate) fn is_step(&self) -> bool {
        self.site.is_some_and(|site| site.kind() == Kind::Step)
    }

    /// Returns the shortest call; 0 if there was none.
    pub(crate) const fn shortest_ns(&self) -> u64 {
        if self.min_ns == u64::MAX { 0 } else { self.min_ns }
    }

    /// Returns the time in which no stage ran inside it: the calls' durations, each without the
    /// union of the stages that ran in it, on whichever thread.
    pub(crate) const fn self_ns(&self) -> u64 {
        self.own_ns
    }

    /// Returns whether calls of it overlapped: lives, or calls on several threads if their sum
    /// exceeds `whole_ns`, the time in which they ran. Only such a node has a share of that time
    /// above 100 %.
    pub(crate) const fn is_concurrent(&self, whole_ns: u64) -> bool {
        self.concurrent || self.sum_ns > whole_ns
    }

    /// Returns how often the CPU clock was read: at the begin and end of each call, for lives at
    /// those of their polls.
    const fn cpu_readings(&self) -> u64 {
        if self.cpu_ns.is_some() { 2 * (self.calls - self.lives + self.polls) } else { 0 }
    }

    /// Adds a call; stages directly inside it took `stage_children_ns` of its time.
    #[inline]
    fn add_times(&mut self, (begin, duration): (u64, u64), stage_children_ns: u64, kept_calls: usize) {
        let own_ns = duration.saturating_sub(stage_children_ns);
        self.own_ns += own_ns;
        self.calls += 1;
        self.first_begin = self.first_begin.min(begin);
        if self.is_cut() {
            self.sum_ns += own_ns;
            return;
        }
        self.sum_ns += duration;
        self.min_ns = self.min_ns.min(duration);
        self.max_ns = self.max_ns.max(duration);
        if self.occurrences.len() < kept_calls {
            self.occurrences.push((begin, duration));
        } else if kept_calls > 0 {
            self.further.get_or_insert_default().add(duration);
        }
    }

    #[inline]
    fn add_cpu(&mut self, ns: Option<u64>) {
        if let Some(ns) = ns {
            self.cpu_ns = Some(self.cpu_ns.unwrap_or(0) + ns);
        }
    }
}
