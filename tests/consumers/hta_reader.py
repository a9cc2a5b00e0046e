"""Holistic Trace Analysis: every rank is found, with its steps, and its call graph can be built."""

import os
import shutil
import tempfile

# HTA rounds to whole microseconds by default, which turns short slices into negative ones.
os.environ["HTA_DISABLE_NS_ROUNDING"] = "1"

from outcome import Absent, demand, quiet


def check(_, traces):
    try:
        with quiet():
            from hta.common.trace_call_graph import CallGraph
            from hta.trace_analysis import TraceAnalysis
    except ImportError as error:
        raise Absent(str(error)) from error
    # HTA takes every file of a folder for a trace.
    with tempfile.TemporaryDirectory() as folder:
        for trace in traces:
            shutil.copy(trace.path, folder)
        with quiet():
            analysis = TraceAnalysis(trace_dir=folder)
            ranks = sorted(analysis.t.traces)
            steps = analysis.get_profiler_steps()
            breakdown = analysis.get_gpu_user_annotation_breakdown(use_gpu_annotation=False, visualize=False)
            stacks = CallGraph(analysis.t, ranks=ranks[:1]).call_stacks
    demand(ranks == [trace.rank for trace in traces], f"found ranks {ranks}")
    demand(len(steps) > 0, "found no steps")
    demand(breakdown is not None and len(breakdown) > 0, "found no annotations")
    return f"ranks {ranks}, {len(steps)} steps, {len(stacks)} call stacks"
