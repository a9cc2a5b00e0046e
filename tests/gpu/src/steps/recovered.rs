//! Kills a process while it records, and recovers its spool.

use profiler_runtime::spool::recover;

use crate::artifacts::{manifest, timing};
use crate::bench::{Bench, millis};
use crate::findings::{Findings, Outcome};

pub(super) fn run(bench: &Bench) -> Outcome {
    let mut found = Findings::default();
    for (part, source, reason) in
        [("killed_events", "events", "process_gone"), ("killed_cupti", "none", "process_gone")]
    {
        let folder = bench.place(part);
        let status = bench.part(part, &folder).status().map_err(|error| error.to_string())?;
        found.demand("the process was killed", !status.success(), "", ("true", !status.success()));
        let recovered = recover(&folder).map_err(|error| error.to_string())?;
        found.demand_count("sessions recovered", recovered.sessions.len(), 1);
        found.demand_count("sessions that could not be", recovered.failed.len(), 0);
        let session = std::fs::read_dir(&folder).into_iter().flatten().flatten().next();
        let session = session.ok_or("nothing was left")?.path();
        let (timing, manifest) = (timing(&session), manifest(&session));
        let gpu = &manifest["gpu"];
        found.demand(format!("source of {part}"), gpu["source"].clone(), "", (source, gpu["source"] == source));
        found.demand("reason", gpu["reason_code"].clone(), "", (reason, gpu["reason_code"] == reason));
        let stages = timing["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let stage = stages.iter().find(|stage| stage["name"] == "transformer").cloned().unwrap_or_default();
        found.demand_count(format!("stages of {part}"), stage["calls"].clone(), 10);
        if source == "events" {
            found.demand_count("of them with a GPU time", stage["gpu_timed_ranges"].clone(), 10);
            found.note("GPU time", stage["gpu_elapsed_ns"].as_f64().map(millis), "ms");
        }
    }
    Ok(found)
}
