//! Where the time went by call stack: folded to one line a stack (`stacks_*_rank*.txt`), and drawn (`flame_*_rank*.svg`).
//!
//! The stacks are folded once, and both writers get the same.

#[cfg(feature = "flamegraph")]
mod flame;
mod folded;

use std::rc::Rc;

use crate::model::{Content, Trace};

use super::exporter::{ArtifactKind, Exporter, Plan, SVG, TEXT};
use folded::Folded;

/// Whose time is shown, and how a picture of it reads.
struct Stacks {
    /// The text and the picture.
    kinds: [ArtifactKind; 2],
    fold: fn(&Trace) -> Result<Folded, String>,
    #[cfg_attr(not(feature = "flamegraph"), allow(dead_code))]
    words: Words,
}

/// Words of a picture.
#[cfg_attr(not(feature = "flamegraph"), allow(dead_code))]
#[derive(Clone, Copy)]
struct Words {
    time: &'static str,
    what: &'static str,
    names: &'static str,
    /// True if a name's head says what it is, as a kernel's does; the tail of a function's path does.
    keeps_head: bool,
}

const CPU: Stacks = Stacks {
    kinds: [
        ArtifactKind::new("stacks_cpu", "stacks_cpu_rank{R}.txt", TEXT),
        ArtifactKind::new("flame_cpu", "flame_cpu_rank{R}.svg", SVG),
    ],
    fold: Folded::of,
    words: Words {
        time: "CPU time",
        what: "own time of ranges by call stack",
        names: "functions and ranges",
        keeps_head: false,
    },
};

const CUDA: Stacks = Stacks {
    kinds: [
        ArtifactKind::new("stacks_cuda", "stacks_cuda_rank{R}.txt", TEXT),
        ArtifactKind::new("flame_cuda", "flame_cuda_rank{R}.svg", SVG),
    ],
    fold: Folded::of_gpu,
    words: Words {
        time: "GPU time",
        what: "kernels by the call stack that launched them",
        names: "functions, ranges and kernels",
        keeps_head: true,
    },
};

pub(super) const EXPORTERS: [&dyn Exporter; 2] = [&CPU, &CUDA];

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
            Err(reason) => return [text, picture].into_iter().for_each(|kind| plan.lacks(kind, reason.as_str())),
        };
        let lines = Rc::clone(&stacks);
        plan.file(text, move |_, _, out| lines.write(out));
        #[cfg(feature = "flamegraph")]
        {
            let words = self.words;
            plan.file(picture, move |trace, _, out| flame::write(&stacks, words, &trace.context, out));
        }
        #[cfg(not(feature = "flamegraph"))]
        plan.lacks(
            picture,
            "the crate feature `flamegraph` is off: switch it on, or draw it from the folded stacks with \
             `inferno-flamegraph`",
        );
    }
}
