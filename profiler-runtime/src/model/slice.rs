//! A slice: one range as it appears on a row of the trace.

use crate::record::{Dtype, Kind, Site};

use super::stages::NodeId;

/// One range of one thread, complete. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    /// What ran.
    pub(crate) site: &'static Site,
    /// When it began.
    pub(crate) begin: u64,
    /// When it ended; never before `begin`.
    pub(crate) end: u64,
    /// Number of enclosing slices on the row.
    pub(crate) depth: u32,
    /// Unique in the trace, from 1: `External id`.
    pub(crate) external_id: u64,
    /// The stage that it is, or that encloses it.
    pub(crate) node: NodeId,
    /// Time of slices directly inside it.
    pub(crate) children_ns: u64,
    /// False if it was still open when recording ended; then `end` is the end of the recording.
    pub(crate) finished: bool,
    /// The task whose poll it is.
    pub(crate) task: Option<u64>,
    /// What the call said about itself.
    pub(crate) call: CallArgs,
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
    pub(crate) text: Option<String>,
}

/// Shape and type of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tensor {
    /// Element type.
    pub(crate) dtype: Dtype,
    /// Dims, outermost first.
    pub(crate) dims: Vec<u64>,
}

impl Slice {
    /// How long it took.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    /// Time not spent in slices directly inside it.
    pub(crate) const fn self_ns(&self) -> u64 {
        self.duration().saturating_sub(self.children_ns)
    }

    /// Kineto's category.
    pub(crate) const fn category(&self) -> &'static str {
        match self.site.kind() {
            Kind::Op => "cpu_op",
            Kind::Stage | Kind::Step | Kind::Request => "user_annotation",
        }
    }
}

impl CallArgs {
    /// Back to empty, keeping no memory that was never used.
    pub(crate) fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.flops.is_none() && self.index.is_none() && self.text.is_none()
    }
}
