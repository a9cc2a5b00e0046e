//! Requests: units of work that timings are grouped by.
//!
//! A request opened by a guard belongs to its thread: its stages are those that ran on the thread
//! while it was open. The request of a future is a task: its stages are those that ran in its
//! polls, on any thread. All requests are counted and timed; at most a thousand are kept
//! individually, with their stages.
//!
//! ```text
//! slices, tasks ─► builder (counts all) ─► selection ─► gather (stages)
//! ```

mod builder;
mod gather;
mod selection;

use std::collections::HashMap;

use super::durations::Durations;
use super::stages::StageTree;
use super::values::NodeId;

pub(super) use builder::RequestsBuilder;
pub(super) use gather::Kept;

/// Requests of a session.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Durations of all requests.
    pub(crate) durations: Durations,
    /// Number of futures dropped before completion.
    pub(crate) cancelled: u64,
    /// Number of requests that began before the recording; timed from its start.
    pub(crate) clipped: u64,
    /// Number of requests still open at the end of the recording; timed up to its end.
    pub(crate) unfinished: u64,
    /// Id of the first request.
    pub(crate) first_id: Option<String>,
    /// Requests kept individually, in order of start.
    pub(crate) kept: Vec<Request>,
}

/// A kept request, in nanoseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Id given by the program.
    pub(crate) id: String,
    /// Start of the request.
    pub(crate) begin: u64,
    /// End of the request.
    pub(crate) end: u64,
    /// Reasons why it is kept.
    pub(crate) kept_as: KeptAs,
    /// Number of its task, if it is a future's.
    pub(crate) task: Option<u64>,
    /// True if it was dropped before completion.
    pub(crate) cancelled: bool,
    /// True if it began before the recording.
    pub(crate) clipped: bool,
    /// True if it ended before the recording did.
    pub(crate) finished: bool,
    /// Stages that ran in it.
    pub(crate) stages: StageTree,
    /// Time covered by none of its top-level stages.
    pub(crate) unaccounted_ns: u64,
    /// Key of the request; see [`key`](super::values::key).
    pub(super) key: u64,
    /// The request's node for each node of the session's tree.
    own_nodes: HashMap<NodeId, NodeId>,
    /// Node of the session's tree for each node of the request.
    origins: Vec<NodeId>,
}

/// Words for the reasons to keep a request, in order of their bits.
const WORDS: [&str; 3] = ["slowest", "newest", "sample"];

/// Reasons why a request is kept, one bit per word of [`WORDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptAs(pub(super) u8);

impl KeptAs {
    /// Returns the words for these reasons.
    pub(crate) fn words(self) -> impl Iterator<Item = &'static str> {
        WORDS.into_iter().enumerate().filter(move |(at, _)| self.0 & 1 << at != 0).map(|(_, word)| word)
    }
}

impl Requests {
    /// Returns the request of a session that had exactly one.
    pub(crate) fn only(&self) -> Option<&Request> {
        if self.durations.count == 1 { self.kept.first() } else { None }
    }
}

impl Request {
    fn new(id: String, (begin, end): (u64, u64), key: u64) -> Self {
        Self {
            id,
            begin,
            end,
            kept_as: KeptAs::default(),
            task: None,
            cancelled: false,
            clipped: false,
            finished: true,
            stages: StageTree::for_request(),
            unaccounted_ns: end - begin,
            key,
            own_nodes: HashMap::new(),
            origins: vec![StageTree::ROOT],
        }
    }

    /// Returns the request's duration.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    /// Returns the node of the session's tree that a node of the request stands for.
    pub(crate) fn origin(&self, node: NodeId) -> NodeId {
        self.origins.get(node.0 as usize).copied().unwrap_or(StageTree::ROOT)
    }

    /// Adds GPU work launched from a stage of the session's tree. Work comes in order of start.
    pub(super) fn add_gpu(&mut self, node: NodeId, begin: u64, end: u64) {
        let node = self.own_nodes.get(&node).copied().unwrap_or(StageTree::ROOT);
        self.stages.add_gpu(node, begin, end);
    }

    /// Subtracts time from the own time of a stage of the session's tree, if it ran in this
    /// request.
    pub(super) fn subtract_own(&mut self, node: NodeId, ns: u64) {
        if let Some(&node) = self.own_nodes.get(&node) {
            self.stages.subtract_own(node, ns);
        }
    }

    /// Returns the request's node for a node of the session's tree, creating it under the same
    /// parents. Stages around the request get nodes without calls.
    fn own_node(&mut self, node: NodeId, tree: &StageTree) -> NodeId {
        let (mut new, mut at) = (Vec::new(), node);
        let mut own = loop {
            if let Some(&own) = self.own_nodes.get(&at) {
                break own;
            }
            if at == StageTree::ROOT {
                break StageTree::ROOT;
            }
            new.push(at);
            at = tree.node(at).parent;
        };
        for at in new.into_iter().rev() {
            let Some(site) = tree.node(at).site else { continue };
            own = self.stages.child(own, site);
            self.own_nodes.insert(at, own);
            if own.0 as usize == self.origins.len() {
                self.origins.push(at);
            }
        }
        own
    }
}
