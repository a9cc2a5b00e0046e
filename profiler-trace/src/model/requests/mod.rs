//! Requests: the units of work that timings are grouped by.
//!
//! A request that a guard opened belongs to its thread; the stages that ran on that thread while it
//! was open are its stages. A future's request is a task: the stages in its polls, on whichever
//! threads, are its own. All are counted and timed; a thousand at most are kept one by one, with
//! their stages.
//!
//! ```text
//! slices, tasks ─► book (counts all) ─► selection (which are kept) ─► gather (their stages)
//! ```

mod book;
mod gather;
mod selection;

use std::collections::HashMap;

use super::durations::Durations;
use super::stages::StageTree;
use super::values::NodeId;

pub(super) use book::RequestBook;
pub(super) use gather::Kept;

/// The requests of a session.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Durations of all requests.
    pub(crate) durations: Durations,
    /// Futures that were dropped before they were ready.
    pub(crate) cancelled: u64,
    /// Number of requests that began before the recording: timed from there on.
    pub(crate) clipped: u64,
    /// Number of requests that were open when the recording ended: timed up to there.
    pub(crate) unfinished: u64,
    /// Id of the first request.
    pub(crate) first_id: Option<String>,
    /// Requests that are kept one by one, in order of begin.
    pub(crate) kept: Vec<Request>,
}

/// A request that is kept. Nanoseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Id that the program gave it.
    pub(crate) id: String,
    /// Its begin.
    pub(crate) begin: u64,
    /// Its end.
    pub(crate) end: u64,
    /// Reasons why it is kept.
    pub(crate) kept_as: KeptAs,
    /// Number of its task, if it is a future.
    pub(crate) task: Option<u64>,
    /// True if it was dropped before it was ready.
    pub(crate) cancelled: bool,
    /// True if it began before the recording.
    pub(crate) clipped: bool,
    /// True if it ended before the recording did.
    pub(crate) finished: bool,
    /// Stages that ran in it.
    pub(crate) stages: StageTree,
    /// Time in none of its top-level stages.
    pub(crate) unaccounted_ns: u64,
    /// Key of the request: see [`key`](super::values::key).
    pub(super) key: u64,
    /// Own node for each node of the session's tree.
    places: HashMap<NodeId, NodeId>,
    /// Node of the session's tree for each own node.
    origins: Vec<NodeId>,
}

/// Words for the reasons why a request is kept; the order is that of their bits.
const WORDS: [&str; 3] = ["slowest", "newest", "sample"];

/// The reasons why a request is kept: one bit for each word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptAs(pub(super) u8);

impl KeptAs {
    /// Returns the words for these reasons: `slowest`, `newest`, `sample`.
    pub(crate) fn words(self) -> impl Iterator<Item = &'static str> {
        WORDS.into_iter().enumerate().filter(move |(at, _)| self.0 & 1 << at != 0).map(|(_, word)| word)
    }
}

impl Requests {
    /// Returns the only request, if there was one alone.
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
            stages: StageTree::of_request(),
            unaccounted_ns: end - begin,
            key,
            places: HashMap::new(),
            origins: vec![StageTree::ROOT],
        }
    }

    /// Returns the request's duration.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    /// Returns the node of the session's tree for one of the request's.
    pub(crate) fn origin(&self, node: NodeId) -> NodeId {
        self.origins.get(node.0 as usize).copied().unwrap_or(StageTree::ROOT)
    }

    /// Adds GPU work that it launched from a stage of the session's tree. In order of begin.
    pub(super) fn add_gpu(&mut self, node: NodeId, begin: u64, end: u64) {
        let place = self.places.get(&node).copied().unwrap_or(StageTree::ROOT);
        self.stages.add_gpu(place, begin, end);
    }

    /// Takes time from the own time of a stage of the session's tree, if it ran in this request.
    pub(super) fn take_own(&mut self, node: NodeId, ns: u64) {
        if let Some(&place) = self.places.get(&node) {
            self.stages.take_own(place, ns);
        }
    }

    /// Returns its own node for a node of the session's tree, and makes it if it is new, at the
    /// same place: stages around the request are around its own, without a call.
    fn place(&mut self, node: NodeId, tree: &StageTree) -> NodeId {
        let (mut new, mut at) = (Vec::new(), node);
        let mut place = loop {
            if let Some(&place) = self.places.get(&at) {
                break place;
            }
            if at == StageTree::ROOT {
                break StageTree::ROOT;
            }
            new.push(at);
            at = tree.node(at).parent;
        };
        for at in new.into_iter().rev() {
            let Some(site) = tree.node(at).site else { continue };
            place = self.stages.child(place, site);
            self.places.insert(at, place);
            if place.0 as usize == self.origins.len() {
                self.origins.push(at);
            }
        }
        place
    }
}
