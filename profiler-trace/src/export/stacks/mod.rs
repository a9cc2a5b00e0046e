//! Time by call stack: folded to one line per stack (`stacks_*_rank*.txt`), and as flame graphs
//! (`flame_*_rank*.svg`).
//!
//! The stacks are folded once for both writers.

#[cfg(feature = "flamegraph")]
mod flame;
mod folded;

use std::rc::Rc;

use crate::model::{Content, Trace};

use super::exporter::{Exporter, Plan};
use super::kind::ArtifactKind;
use folded::Folded;

/// Exporter of the host's or the GPU's stacks.
struct Stacks {
    /// Kinds of the text and the picture.
    kinds: [ArtifactKind; 2],
    fold: fn(&Trace) -> Result<Folded, String>,
}

const CPU: Stacks = Stacks { kinds: [ArtifactKind::StacksCpu, ArtifactKind::FlameCpu], fold: Folded::cpu };

const CUDA: Stacks = Stacks { kinds: [ArtifactKind::StacksCuda, ArtifactKind::FlameCuda], fold: Folded::gpu };

/// Exporters of this module, in the order in which they write.
pub(super) const EXPORTERS: &[&dyn Exporter] = &[&CPU, &CUDA];

impl Exporter for Stacks {
    fn artifacts(&self) -> &[ArtifactKind] {
        &self.kinds
    }

    fn plan(&self, plan: &mut Plan<'_>) {
        let options = &plan.trace.context.options;
        let stacks = match options.no_stacks {
            _ if !plan.has_folder(Content::Everything) => return,
            Some(reason) => Err(reason.to_owned()),
            None if options.torch_profiler_with_stack => (self.fold)(plan.trace),
            None => return,
        };
        let [text, picture] = self.kinds;
        let stacks = match stacks {
            Ok(stacks) => Rc::new(stacks),
            Err(reason) => return [text, picture].into_iter().for_each(|kind| plan.add_missing(kind, reason.as_str())),
        };
        let lines = Rc::clone(&stacks);
        plan.file(text, move |_, _, out| lines.write(out));
        #[cfg(feature = "flamegraph")]
        plan.file(picture, move |trace, _, out| flame::write(&stacks, &trace.context, out));
        #[cfg(not(feature = "flamegraph"))]
        plan.add_missing(
            picture,
            "the crate feature `flamegraph` is off: switch it on, or draw it from the folded stacks with \
             `inferno-flamegraph`",
        );
    }
}
