"""Manifest, timing report and summary: they are complete, match the files, and have the times of
the trace.
"""

import json
import zlib
from collections import defaultdict
from pathlib import Path

from jsonschema import Draft202012Validator
from outcome import demand

SUMMARY_LIMIT = 4096
SCHEMAS = Path(__file__).parents[2] / "profiler-runtime" / "schemas"
# Artifacts that each option must write, or give a reason for.
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
    """Checks every rank's reports."""
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
    check_schema("manifest", manifest)
    check_schema("timing", timing)
    check_paths(timing["stages"])
    check_times(timing, trace)
    summary = (folder / f"summary_rank{trace.rank}.md").read_bytes()
    demand(len(summary) < SUMMARY_LIMIT, f"the summary has {len(summary)} bytes")
    check_summary(summary.decode("utf-8"), timing)
    return f"rank {trace.rank}: {len(manifest['artifacts'])} files, {len(timing['stages'])} stages agree with the trace"


def check_schema(name, document):
    """Checks that the report follows the published schema."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    problems = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]
    demand(not problems, f"the {name} report is not as its schema says: {problems[:3]}")


def check_paths(stages):
    """Checks that stages are numbered in order, and each after the one around it."""
    for place, stage in enumerate(stages):
        parent = stage["parent"]
        demand(stage["id"] == place, f"stage {place} has the id {stage['id']}")
        depth = 0 if parent is None else stages[parent]["depth"] + 1
        demand(stage["depth"] == depth and (parent is None or parent < place), f"stage {place} is not inside {parent}")


def check_wanted(manifest):
    """Checks that each configured artifact exists or has a reason."""
    config = manifest["config"]
    wanted = ["ops_rank{rank}.xlsx"] + [name for option, names in WANTED.items() if config[option] for name in names]
    known = {artifact["name"] for artifact in manifest["artifacts"] + manifest["missing"]}
    absent = {name.format(rank=manifest["rank"]) for name in wanted} - known
    demand(config["profiler"] != "torch" or not absent, f"neither written nor missing with a reason: {sorted(absent)}")


def check_times(timing, trace):
    """Checks that the report's sum per name equals the sum of the trace's slices, to the
    nanosecond.
    """
    in_trace = defaultdict(int)
    for event in trace.slices:
        args = event["args"]
        if event["cat"] == "user_annotation" and ("polls" in args or "task" not in args):  # A poll is part of a life.
            in_trace[args.get("step", event["name"])] += event["end"] - event["begin"]
    in_report = defaultdict(int)
    for stage in timing["stages"]:
        in_report[stage["name"]] += stage["sum_ns"]
    for name, ns in in_report.items():
        demand(in_trace[name] == ns, f"`{name}` took {in_trace[name]} ns in the trace, {ns} ns in the timing report")
    driving = [loop for loop in timing["loops"] if loop["drives"]]
    demand(sum(loop["count"] for loop in driving) >= len(trace.steps), "the trace has more steps than the timing report")


def check_summary(summary, timing):
    """Checks that the summary's rows are the report's stages."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in summary.splitlines() if line.startswith("|")]
    shown = {(row[0].lstrip("· ").removesuffix(" (async)"), row[2]) for row in rows}
    stages = {(stage["name"], f"{stage['sum_ns'] / 1e6:.3f}") for stage in timing["stages"]}
    demand("unaccounted)" in summary, "the summary does not say what is unaccounted for")
    demand(not stages or shown & stages, "the summary shows none of the timing report's stages")
