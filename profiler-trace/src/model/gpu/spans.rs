//! Time spans of the work that each stage launched on each stream, itself or in the ranges inside
//! it: Kineto's `gpu_user_annotation`.
//!
//! A range's span starts with its own ops and is then merged into the span of the range around it,
//! so that an inner span never extends beyond the outer one. Takes time linear in the ranges that
//! launched work and the ranges around them.

use std::collections::{BTreeMap, HashMap};

use super::Annotation;
use super::ranges::Ranges;

/// Start and end of each span, by range (`External id`), device and stream.
#[derive(Default)]
pub(super) struct Spans(BTreeMap<(u64, u32, u32), (u64, u64)>);

impl Spans {
    /// Adds an op to a range's span on this device and stream.
    pub(super) fn add(&mut self, external_id: u64, (device, stream): (u32, u32), (begin, end): (u64, u64)) {
        let span = self.0.entry((external_id, device, stream)).or_insert((begin, end));
        *span = (span.0.min(begin), span.1.max(end));
    }

    /// Returns the spans of all stages and steps. A range has a smaller number than the ranges
    /// inside it, so in descending order each span is complete when it is reached.
    pub(super) fn annotations(mut self, ranges: &Ranges<'_>) -> Vec<Annotation> {
        let mut annotations: HashMap<(u64, u32, u32), Annotation> = HashMap::new();
        while let Some(((external_id, device, stream), times)) = self.0.pop_last() {
            let Some(owner) = ranges.owners.range(external_id) else { continue };
            if owner.around_id > 0 && owner.around_id < external_id {
                self.add(owner.around_id, (device, stream), times);
            }
            if !owner.is_stage() {
                continue;
            }
            let id = ranges.shown_id(owner);
            let annotation = annotations.entry((id, device, stream)).or_insert_with(|| Annotation {
                node: owner.node,
                name: ranges.stages.node(owner.node).name(),
                external_id: id,
                around_id: ranges.stage_around(owner),
                device,
                stream,
                begin: times.0,
                end: times.1,
                lane: 0,
            });
            (annotation.begin, annotation.end) = (annotation.begin.min(times.0), annotation.end.max(times.1));
        }
        annotations.into_values().collect()
    }
}
