//! Paths: the ranges around an allocation, ops included. Like the nodes of the stage tree, but
//! exact.

use crate::model::decode::Nodes;
use crate::model::stages::StageTree;
use crate::model::values::NodeId;
use profiler_core::site::{Kind, Site};

/// All paths on which a range was open.
#[derive(Debug)]
pub(crate) struct Paths(StageTree);

impl Paths {
    pub(super) fn new() -> Self {
        Self(StageTree::new())
    }

    /// Returns the ranges of a path, innermost first; none for an allocation outside of all ranges.
    pub(crate) fn sites(&self, path: NodeId) -> impl Iterator<Item = &'static Site> + '_ {
        let mut next = path;
        std::iter::from_fn(move || {
            let node = self.0.node(next);
            next = node.parent;
            node.site
        })
    }

    /// Returns the path without its innermost range.
    pub(super) fn parent(&self, path: NodeId) -> NodeId {
        self.0.node(path).parent
    }

    /// Returns the path's innermost range.
    pub(super) fn site(&self, path: NodeId) -> Option<&'static Site> {
        self.0.node(path).site
    }
}

impl Nodes for Paths {
    const TELLS_BEGINS: bool = true;

    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        if site.kind() == Kind::Request { parent } else { self.0.child(parent, site) }
    }
}
