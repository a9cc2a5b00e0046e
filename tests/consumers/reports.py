"""Manifest, timing report and summary: complete, true to the files, and telling the same times as the trace."""

import json
import zlib
from collections import defaultdict

from outcome import demand

SUMMARY_LIMIT = 4096
# What each option has to write, or to give a reason for.
WANTED = {
    "torch_profiler_with_stack": [
        "stacks_cpu_rank{rank}.txt",
        "stacks_cuda_rank{rank}.txt",
        "flame_cpu_rank{rank}.svg",
        "flame_cuda_rank{rank}.svg",
    ],
    "torch_profiler_with_memory": ["memory_snapshot_rank{rank}.pickle", "memory_rank{rank}.svg"],
    "torch_profiler_dump_cuda_time_total": ["profiler_out_{rank}.txt"],
}


def check(folder, traces):
    """Every rank's reports."""
    return "; ".join(check_rank(folder, trace) for trace in traces)


def check_rank(folder, trace):
    manifest = json.loads((folder / f"manifest_rank{trace.rank}.json").read_text("utf-8"))
    for artifact in manifest["artifacts"]:
        contents = (folder / artifact["name"]).read_bytes()
        demand(len(contents) == artifact["bytes"], f"`{artifact['name']}` has another size than the manifest says")
        demand(f"{zlib.crc32(contents):08x}" == artifact["crc32"], f"`{artifact['name']}` has another checksum")
    for missing in manifest["missing"]:
        demand(missing["reason"], f"`{missing['name']}` is missing without a reason")
    check_wanted(manifest)
    left = [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]
    demand(not left, f"unfinished files: {left}")
    timing = json.loads((folder / f"timing_rank{trace.rank}.json").read_text("utf-8"))
    check_times(timing, trace)
    summary = (folder / f"summary_rank{trace.rank}.md").read_bytes()
    demand(len(summary) < SUMMARY_LIMIT, f"the summary has {len(summary)} bytes")
    check_summary(summary.decode("utf-8"), timing)
    return f"rank {trace.rank}: {len(manifest['artifacts'])} files, {len(timing['stages'])} stages agree with the trace"


def check_wanted(manifest):
    """What the configuration asks for is there, or missing with a reason."""
    config = manifest["config"]
    wanted = ["ops_rank{rank}.xlsx"] + [name for option, names in WANTED.items() if config[option] for name in names]
    known = {artifact["name"] for artifact in manifest["artifacts"] + manifest["missing"]}
    absent = {name.format(rank=manifest["rank"]) for name in wanted} - known
    demand(config["profiler"] != "torch" or not absent, f"neither written nor missing with a reason: {sorted(absent)}")


def check_times(timing, trace):
    """Per name, the report's sum is the sum of the trace's slices, to the nanosecond."""
    in_trace = defaultdict(int)
    for event in trace.slices:
        args = event["args"]
        if event["cat"] == "user_annotation" and ("polls" in args or "task" not in args):  # A poll is part of a life.
            in_trace[args.get("step", event["name"])] += event["end"] - event["begin"]
    in_report = defaultdict(int)
    for stage in timing["stages"]:
        in_report[stage["name"]] += round(stage["sum_ms"] * 1e6)
    for name, ns in in_report.items():
        demand(in_trace[name] == ns, f"`{name}` took {in_trace[name]} ns in the trace, {ns} ns in the timing report")
    driving = [loop for loop in timing["loops"] if loop["drives"]]
    demand(sum(loop["count"] for loop in driving) >= len(trace.steps), "the trace has more steps than the timing report")


def check_summary(summary, timing):
    """The summary's rows are the report's stages."""
    whole = timing["requests"][0] if len(timing["requests"]) == 1 else timing
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in summary.splitlines() if line.startswith("|")]
    shown = {(row[0].lstrip("· ").removesuffix(" (async)"), row[2]) for row in rows}
    stages = {(stage["name"], f"{stage['sum_ms']:.3f}") for stage in whole["stages"]}
    demand("(unaccounted)" in summary, "the summary does not say what is unaccounted for")
    demand(not stages or shown & stages, "the summary shows none of the timing report's stages")
