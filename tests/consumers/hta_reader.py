"""Holistic Trace Analysis: it finds every rank with its steps, can build its call graph, and sees
every kernel.
"""

import os
from collections import Counter

# HTA rounds to whole microseconds by default, which turns short slices into negative ones.
os.environ["HTA_DISABLE_NS_ROUNDING"] = "1"

from outcome import Absent, demand, quiet


def check(folder, traces):
    try:
        with quiet():
            from hta.common.trace_call_graph import CallGraph
            from hta.trace_analysis import TraceAnalysis
    except ImportError as error:
        raise Absent(str(error)) from error
    # `traces` is a separate folder because HTA reads every file of a folder as a trace.
    with quiet():
        analysis = TraceAnalysis(trace_dir=str(folder / "traces"))
        ranks = sorted(analysis.t.traces)
        steps = analysis.get_profiler_steps()
        breakdown = analysis.get_gpu_user_annotation_breakdown(use_gpu_annotation=False, visualize=False)
        stacks = CallGraph(analysis.t, ranks=ranks[:1]).call_stacks
        kernels = [check_kernels(analysis, trace) for trace in traces if trace.kernels]
        launches = [check_launches(analysis, trace) for trace in traces if trace.has_runtime_names]
    demand(ranks == [trace.rank for trace in traces], f"found ranks {ranks}")
    demand(len(steps) > 0, "found no steps")
    demand(breakdown is not None and len(breakdown) > 0, "found no annotations")
    seen = f"ranks {ranks}, {len(steps)} steps, {len(stacks)} call stacks"
    return "; ".join([seen, *kernels, *launches])


def check_launches(analysis, trace):
    """Checks that its launch statistics have every kernel, copy and fill, with its call of either
    API.
    """
    statistics = analysis.get_cuda_kernel_launch_stats(ranks=[trace.rank], include_memory_events=True, visualize=False)[trace.rank]
    frame = analysis.t.traces[trace.rank]
    correlations = set(frame[frame["stream"] != -1]["correlation"])
    of_graphs = {event["args"]["correlation"] for event in trace.kernels if "graph id" in event["args"]}
    expected = correlations - of_graphs
    demand(expected and set(statistics["correlation"]) == expected, f"{len(statistics)} launches of {len(expected)}")
    return f"{len(expected)} launches"


def check_kernels(analysis, trace):
    """Checks that its breakdown has the kernels of the trace, and that it joins each to its call.
    """
    _, breakdown = analysis.get_gpu_kernel_breakdown(
        duration_ratio=1.0, num_kernels=1_000, include_memory_kernels=True, visualize=False
    )
    frame = analysis.t.traces[trace.rank]
    loaded = frame[frame["stream"] != -1]
    names = analysis.t.symbol_table.get_sym_table()
    sums = Counter()
    for name, duration in zip(loaded["name"], loaded["dur"]):
        sums[names[name]] += duration
    # Columns: name, sum, longest, …; the last one is the rank.
    rows = [row for row in breakdown.itertuples(index=False, name=None) if row[-1] == trace.rank]
    found = {row[0]: row[1] for row in rows}
    demand(set(found) == set(sums), f"its breakdown has {sorted(found)}, not {sorted(sums)}")
    for name, total in sums.items():
        demand(abs(found[name] - total) < 1, f"its time of `{name}` is {found[name]} µs, not {total}")
    written = Counter()
    for event in trace.kernels:
        written[event["name"]] += (event["end"] - event["begin"]) / 1000
    # It omits work that begins after the last of several steps.
    whole = len(trace.steps) < 2
    for name, total in written.items():
        demand(sums[name] < total + 1, f"it loaded {sums[name]} µs of `{name}`, more than {total}")
        demand(not whole or abs(sums[name] - total) < 1, f"it loaded {sums[name]} µs of `{name}`, not {total}")
    apart = len(loaded) - int((loaded["index_correlation"] > 0).sum())
    demand(apart == 0, f"{apart} of {len(loaded)} GPU events have no call")
    return f"{len(loaded)} of {len(trace.kernels)} GPU events, {len(sums)} names"
