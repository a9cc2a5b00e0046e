//! A slice: one range as it appears on a row of the trace.

use crate::record::{Dtype, Site};

use super::requests::InRequest;
use super::stages::NodeId;

/// One range of one thread, complete. Times are nanoseconds since the Unix epoch.
#[derive(Debug)]
pub(crate) struct Slice {
    /// What ran.
    pub(crate) site: &'static Site,
    /// When it began.
    pub(crate) begin: u64,
    /// When it ended; never before `begin`.
    pub(crate) end: u64,
    /// 0: the thread's own row. Else an extra row of the thread, for a guard that outlived the range around it: slices
    /// of one row nest or are disjoint.
    pub(crate) lane: u32,
    /// Unique in the trace, from 1: `External id`.
    pub(crate) external_id: u64,
    /// The stage that it is, or that encloses it. Known while the trace is built;
    /// [`StageTree::ROOT`](super::StageTree::ROOT) in a walk.
    pub(crate) node: NodeId,
    /// `External id` of the stage or step that it is, or that encloses it; 0 without one.
    pub(super) stage_id: u64,
    /// The request that it ran in.
    pub(super) request: Option<InRequest>,
    /// Time of slices directly inside it.
    pub(crate) children_ns: u64,
    /// False if it was still open when recording ended; then `end` is the end of the recording.
    pub(crate) finished: bool,
    /// The task whose poll it is.
    pub(crate) task: Option<Poll>,
    /// What the call said about itself: see [`Slice::args`].
    pub(super) call: Option<Box<CallArgs>>,
}

/// Which task a slice polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Poll {
    /// The task's number.
    pub(crate) task: u64,
    /// Whether the task began with it.
    pub(crate) first: bool,
}

/// Input shapes, FLOPs and index of a call; empty for most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallArgs {
    /// The inputs, in the order in which they were named.
    pub(crate) inputs: Vec<Tensor>,
    /// Floating point operations.
    pub(crate) flops: Option<u64>,
    /// The user's own index of a step.
    pub(crate) index: Option<u64>,
    /// A request's id.
    pub(crate) text: String,
}

/// Dims that a [`Tensor`] can hold; further ones are dropped.
pub(crate) const MAX_DIMS: usize = 8;

/// Shape and type of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tensor {
    /// Element type.
    pub(crate) dtype: Dtype,
    count: u8,
    dims: [u64; MAX_DIMS],
}

static NO_ARGS: CallArgs = CallArgs { inputs: Vec::new(), flops: None, index: None, text: String::new() };

impl Slice {
    /// How long it took.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    /// Time not spent in slices directly inside it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the operator tables"))]
    pub(crate) const fn self_ns(&self) -> u64 {
        self.duration().saturating_sub(self.children_ns)
    }

    /// `External id` of the request that it ran in.
    pub(super) fn request_id(&self) -> Option<u64> {
        self.request.map(|request| request.id)
    }

    /// What the call said about itself.
    pub(crate) fn args(&self) -> &CallArgs {
        self.call.as_deref().unwrap_or(&NO_ARGS)
    }
}

impl CallArgs {
    /// Empty again, keeping its memory.
    pub(super) fn clear(&mut self) {
        self.inputs.clear();
        self.flops = None;
        self.index = None;
        self.text.clear();
    }
}

impl Tensor {
    pub(super) const fn new(dtype: Dtype) -> Self {
        Self { dtype, count: 0, dims: [0; MAX_DIMS] }
    }

    pub(super) fn push(&mut self, dim: u64) {
        if let Some(place) = self.dims.get_mut(usize::from(self.count)) {
            *place = dim;
            self.count += 1;
        }
    }

    /// Dims, outermost first.
    pub(crate) fn dims(&self) -> &[u64] {
        &self.dims[..usize::from(self.count)]
    }
}
