//! The steps of a day with a GPU. Each has a question, a time limit, and the function that measures
//! it.

mod clock;
mod copies;
mod events;
mod graphs;
mod kernels;
mod load;
mod memory;
mod nsys;
mod overhead;
pub(crate) mod parts;
mod pipeline;
mod records;
mod recovered;
mod runtime_calls;
mod second_client;
mod stages;
mod streams;
mod tools;
mod versions;

use crate::bench::Bench;
use crate::findings::Outcome;

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Name, which is also the heading in the report.
    pub(crate) name: &'static str,
    /// Question that it answers.
    pub(crate) about: &'static str,
    /// Time limit in seconds.
    pub(crate) limit: u64,
    pub(crate) run: fn(&Bench) -> Outcome,
}

const fn step(name: &'static str, limit: u64, run: fn(&Bench) -> Outcome, about: &'static str) -> Step {
    Step { name, about, limit, run }
}

/// Every step, in order.
pub(crate) const ALL: [Step; 20] = [
    step("versions", 15, versions::run, "which driver, device, CUPTI and toolkit are here, and whether CUPTI starts"),
    step("kernels", 15, kernels::run, "how far CUPTI's kernel times are from CUDA events"),
    step("stages", 25, stages::run, "whether each stage has the GPU time and the work of what it launched"),
    step("events", 20, events::run, "whether pairs of events give the same times as CUPTI, and what they cost"),
    step("nsys", 30, nsys::run, "whether Nsight Systems sees the same busy time"),
    step("overhead", 30, overhead::run, "what a launch and a call cost with CUPTI off, on, and after it was stopped"),
    step("nvtx", 10, tools::nvtx, "whether an attached tool is shown every range"),
    step(
        "capture_range",
        20,
        tools::capture_range,
        "whether the CUDA capture range opens and closes for each recording",
    ),
    step("streams", 15, streams::run, "whether work of several threads and streams is told apart"),
    step("graphs", 15, graphs::run, "whether kernels of captured, replayed, updated and cloned graphs are found"),
    step("copies", 15, copies::run, "whether copies, fills, pinned and managed memory are what they are called"),
    step("memory", 10, memory::run, "whether device memory and its peak are those of the program"),
    step("million", 45, load::million, "what becomes of a million kernels, and of those for which there is no room"),
    step("start_stop", 20, load::start_stop, "whether sessions begin and end cleanly while other threads launch"),
    step("second_client", 10, second_client::run, "what happens where CUPTI has another client"),
    step("pipeline", 40, pipeline::run, "a whole pipeline on the device"),
    step("clock", 66, clock::run, "how far the GPU's clock is from the host's over a minute"),
    step("recover", 15, recovered::run, "what is left of a process that was killed"),
    step(
        "runtime_calls",
        10,
        runtime_calls::run,
        "whether a call of the runtime API has a driver record of the same id",
    ),
    step("records", 10, records::run, "CUPTI's records as they are, for the tests of the decoder"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_together_take_at_most_eight_minutes() {
        let sum: u64 = ALL.iter().map(|step| step.limit).sum();
        // Maximum seconds of the script before the steps.
        let before = 5 + 8 + 4 * 7;
        assert!(before + sum <= 8 * 60, "{before} s and {sum} s");
        assert!(ALL.iter().all(|step| ALL.iter().filter(|other| other.name == step.name).count() == 1));
    }
}
