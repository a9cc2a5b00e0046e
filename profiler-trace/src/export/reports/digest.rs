//! Figures that a printed summary needs after the trace has been dropped; part of the manifest in
//! memory.

use crate::export::report_parts::{gpu, losses};
use crate::model::Trace;

use super::stages::StageTable;

/// Maximum number of stages in the table.
const MAX_STAGES: usize = 20;

/// Times and sentences of a trace.
#[derive(Clone, Debug)]
pub(in crate::export) struct Digest {
    pub(in crate::export) whole_ns: u64,
    pub(in crate::export) stages: StageTable,
    /// Sentence about the GPU.
    pub(in crate::export) gpu: String,
    pub(in crate::export) losses: Vec<String>,
}

impl Digest {
    pub(in crate::export) fn new(trace: &Trace) -> Self {
        Self {
            whole_ns: trace.end - trace.begin,
            stages: StageTable::new(trace, MAX_STAGES),
            gpu: gpu::sentence(trace),
            losses: losses::all(trace),
        }
    }
}
