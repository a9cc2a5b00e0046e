//! Subjects that only have budgets: this product in situations outside of the comparison with other
//! profilers.
//!
//! Each is a separate subject that records like any other. The tests' doubles stand in for tools
//! and GPUs.

mod machine;
mod work;

use machine::Machine;
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Recording, Subject};
use profiler_runtime::ProfilerConfig;
use std::path::Path;
use std::process::Command;

use crate::subjects::ours::{MARK, Session};

/// A workload that makes a given number of spans.
type Work = fn(u64);

/// This product in one situation.
pub(crate) struct Guarded {
    name: &'static str,
    title: &'static str,
    work: fn(Scenario) -> Option<Work>,
    change: fn(ProfilerConfig) -> ProfilerConfig,
    machine: Machine,
    /// Text that occurs in the trace at least once per span.
    mark: &'static str,
}

/// Default situation: plain stages, no tool and no GPU.
const PLAIN: Guarded = Guarded {
    name: "",
    title: "",
    work: |_| Some(work::stages),
    change: |config| config,
    machine: Machine::Plain,
    mark: MARK,
};

static ALL: [Guarded; 10] = [
    Guarded { name: "ours-nvtx", title: "**ours**, NVTX attached", machine: Machine::Nvtx, ..PLAIN },
    Guarded { name: "ours-cupti", title: "**ours**, CUPTI", machine: Machine::Cupti, ..PLAIN },
    Guarded {
        name: "ours-stacks",
        title: "**ours**, call stacks",
        change: |config| config.torch_profiler_with_stack(true),
        ..PLAIN
    },
    Guarded { name: "ours-named", title: "**ours**, a name known at run time", work: |_| Some(work::named), ..PLAIN },
    Guarded { name: "ours-static", title: "**ours**, a static name", work: |_| Some(work::of_static_name), ..PLAIN },
    Guarded { name: "ours-step", title: "**ours**, `step!`", work: |_| Some(work::steps), ..PLAIN },
    Guarded {
        name: "ours-on-gpu",
        title: "**ours**, `stage_on!` timed by events",
        work: |_| Some(work::on_gpu),
        change: |config| config.gpu_timing(profiler_runtime::config::GpuTiming::Events),
        machine: Machine::Events,
        ..PLAIN
    },
    Guarded { name: "ours-poll", title: "**ours**, one poll of a future", work: |_| Some(work::polls), ..PLAIN },
    Guarded {
        name: "ours-memory",
        title: "**ours**, an allocation and its release",
        work: |_| Some(work::blocks_of_memory),
        change: |config| config.torch_profiler_with_memory(true),
        mark: "\"[memory]\"",
        ..PLAIN
    },
    Guarded { name: "library", title: "an annotated library", work: work::library_work, ..PLAIN },
];

/// Returns all situations, in the order of the budget.
pub(crate) fn all() -> impl Iterator<Item = &'static dyn Subject> {
    ALL.iter().map(|guarded| guarded as &dyn Subject)
}

impl Subject for Guarded {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        (self.work)(scenario)
    }

    fn start(&self, scenario: Scenario, spans: u64) -> Result<Box<dyn Recording>> {
        let session = Session::start_with(scenario, spans, |config, _| (self.change)(config))?;
        Ok(Box::new(session.marked(self.mark)))
    }

    fn prepare(&self, child: &mut Command, folder: &Path) -> Result<()> {
        self.machine.prepare(child, folder)
    }
}
