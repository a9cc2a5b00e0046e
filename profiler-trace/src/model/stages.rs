//! The tree of stages: which stages ran inside which, how often and for how long.
//!
//! A node stands for the stages or steps of one name under one parent; ops have no nodes. An async
//! stage counts with its life (first poll to end), which is wall time; `busy_ns` is the time in its
//! polls.

use std::collections::HashMap;

use profiler_core::site::{Kind, Site};

use super::call_times::CallTimes;
use super::slice::Slice;
use super::tasks::Task;
use super::values::{GpuTimes, NodeId};

/// Times of one stage under one parent, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct StageNode {
    /// The stage or step; `None` for the root.
    pub(crate) site: Option<&'static Site>,
    /// Node of the enclosing stage.
    pub(crate) parent: NodeId,
    /// Number of enclosing stages.
    pub(crate) depth: u32,
    /// Number of calls.
    pub(crate) calls: u64,
    /// Total duration of all calls.
    pub(crate) sum_ns: u64,
    /// Duration of the shortest call.
    pub(crate) min_ns: u64,
    /// Duration of the longest call.
    pub(crate) max_ns: u64,
    /// Total duration of the calls directly inside it, without lives of async stages.
    pub(crate) children_ns: u64,
    /// Own time; see [`self_ns`](Self::self_ns).
    own_ns: u64,
    /// Latest end of a life directly inside it, and the node of that life.
    lives_until: (u64, NodeId),
    /// Number of calls that are lives of async stages; at most `calls`.
    pub(crate) lives: u64,
    /// Time in the polls of those lives.
    pub(crate) busy_ns: u64,
    /// Number of polls of those lives.
    pub(crate) polls: u64,
    /// Number of lives dropped before completion.
    pub(crate) cancelled: u64,
    /// Number of calls that began before the kept part of the recording; their times cover only
    /// that part.
    pub(crate) clipped: u64,
    /// True if a life of it overlapped another life of it or of a sibling, so that their sums may
    /// exceed the time around them. For calls on several threads see
    /// [`is_concurrent`](Self::is_concurrent).
    pub(crate) concurrent: bool,
    /// CPU time of its threads, for lives in their polls; `None` if it was not measured.
    pub(crate) cpu_ns: Option<u64>,
    /// True if measuring CPU time slows it by more than 1 %.
    pub(crate) cpu_slows: bool,
    /// First calls as `(begin, duration)`, at most [`MAX_OCCURRENCES`].
    pub(crate) occurrences: Vec<(u64, u64)>,
    /// Durations of the calls after the first [`MAX_OCCURRENCES`].
    pub(crate) further: Option<Box<CallTimes>>,
    /// Start of the first call, which orders siblings.
    pub(crate) first_begin: u64,
    /// GPU work launched by it or by a stage inside it; meaningless if the GPU was not recorded.
    pub(crate) gpu: GpuTimes,
}

/// Maximum number of calls of a node that are kept individually.
pub(crate) const MAX_OCCURRENCES: usize = 1000;

/// Maximum depth of a stage with its own node. Deeper recursion shares one node.
const MAX_DEPTH: u32 = 512;

/// Site of the node that stands for all stages below [`MAX_DEPTH`]. Its calls nest, so its sum is
/// the sum of their own times.
static DEEPER: Site = Site::new(Kind::Stage, "(deeper stages)", file!(), line!(), module_path!());

/// The tree of all stages.
#[derive(Clone, Debug)]
pub(crate) struct StageTree {
    /// Maximum number of calls of a node that are kept individually.
    kept_calls: usize,
    nodes: Vec<StageNode>,
    children: HashMap<(NodeId, Kind, &'static str), NodeId>,
}

impl StageTree {
    /// Node that encloses all others.
    pub(crate) const ROOT: NodeId = NodeId(0);

    /// Creates a tree without stages.
    pub(crate) fn new() -> Self {
        let nodes = vec![StageNode::new(None, Self::ROOT, 0)];
        Self { kept_calls: MAX_OCCURRENCES, nodes, children: HashMap::new() }
    }

    /// Creates the tree of one of many requests, which keeps no individual calls.
    pub(super) fn for_request() -> Self {
        Self { kept_calls: 0, ..Self::new() }
    }

    /// Returns the node of `site` inside `parent`, creating it if it does not exist.
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
            // CAST: a tree has one node per path of stages, far below 2^32.
            NodeId((nodes.len() - 1) as u32)
        })
    }

    /// Returns the node of `site` inside `parent`, if it exists.
    pub(super) fn find(&self, parent: NodeId, site: &'static Site) -> Option<NodeId> {
        self.children.get(&(parent, site.kind(), site.name())).copied()
    }

    /// Returns the node with this id.
    pub(crate) fn node(&self, id: NodeId) -> &StageNode {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut StageNode {
        &mut self.nodes[id.0 as usize]
    }

    /// Adds the call of a slice to its node.
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

    /// Adds the life of an async stage. Lives come in order of start; the stages inside were added
    /// by their own threads.
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

    /// Marks the stages that reading a thread's CPU clock, at `cost_ns` per reading, slows by more
    /// than 1 %.
    pub(super) fn mark_slowed(&mut self, cost_ns: u64) {
        for node in &mut self.nodes {
            // An async stage is judged by its lives: without the readings, a task that waits would
            // wait just as long.
            node.cpu_slows = node.cpu_readings().saturating_mul(cost_ns).saturating_mul(100) > node.sum_ns;
        }
    }

    /// Returns the number of readings of a thread's CPU clock.
    pub(crate) fn cpu_readings(&self) -> u64 {
        self.nodes.iter().map(StageNode::cpu_readings).sum()
    }

    /// Subtracts time from a node's own time that lives in it covered, beyond the stages on its
    /// rows.
    pub(super) fn subtract_own(&mut self, id: NodeId, ns: u64) {
        let node = self.node_mut(id);
        node.own_ns = node.own_ns.saturating_sub(ns);
    }

    /// Adds GPU work to a stage and to all stages around it. Work comes in order of start.
    pub(super) fn add_gpu(&mut self, id: NodeId, begin: u64, end: u64) {
        let mut at = id;
        while at != Self::ROOT {
            let node = self.node_mut(at);
            node.gpu.add(begin, end);
            at = node.parent;
        }
        self.node_mut(Self::ROOT).gpu.add(begin, end);
    }

    /// Returns all nodes except the root, parents before children, siblings in order of their first
    /// start. Leaves out nodes without calls: a future polled there is counted at the node of its
    /// first poll.
    pub(crate) fn in_order(&self) -> Vec<(NodeId, &StageNode)> {
        let mut by_parent: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut ran: Vec<bool> = self.nodes.iter().map(StageNode::ran).collect();
        // Children follow their parents in `nodes`.
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
    /// Returns whether it has calls or launched GPU work.
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

    /// Returns whether it stands for all stages below the maximum depth.
    pub(crate) fn is_cut(&self) -> bool {
        self.site.is_some_and(|site| std::ptr::eq(site, &raw const DEEPER))
    }

    /// Returns whether it is a step.
    pub(crate) fn is_step(&self) -> bool {
        self.site.is_some_and(|site| site.kind() == Kind::Step)
    }

    /// Returns the duration of the shortest call; 0 without calls.
    pub(crate) const fn shortest_ns(&self) -> u64 {
        if self.min_ns == u64::MAX { 0 } else { self.min_ns }
    }

    /// Returns the time in which no stage ran inside it: the duration of each call minus the union
    /// of the stages in it, on any thread.
    pub(crate) const fn self_ns(&self) -> u64 {
        self.own_ns
    }

    /// Returns whether its calls overlapped: lives, or calls on several threads if their sum
    /// exceeds `whole_ns`, the time in which they ran. Only such a node can have a share above 100
    /// %.
    pub(crate) const fn is_concurrent(&self, whole_ns: u64) -> bool {
        self.concurrent || self.sum_ns > whole_ns
    }

    /// Returns the number of CPU clock readings: two per call, or two per poll of a life.
    const fn cpu_readings(&self) -> u64 {
        if self.cpu_ns.is_some() { 2 * (self.calls - self.lives + self.polls) } else { 0 }
    }

    /// Adds a call of which stages directly inside it took `stage_children_ns`.
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
