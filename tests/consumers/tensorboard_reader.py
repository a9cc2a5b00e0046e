"""TensorBoard's profiler plugin: parses every rank, sees its steps and its operators, and renders its views."""

import json
import shutil
import tempfile
from pathlib import Path

from outcome import Absent, demand, quiet

VIEWS = {"Overview", "Operator", "Trace"}


def check(_, traces):
    try:
        with quiet():
            from torch_tb_profiler.profiler.data import RunProfileData
            from torch_tb_profiler.profiler.run_generator import RunGenerator
    except ImportError as error:
        raise Absent(str(error)) from error
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        for trace in traces:
            # The plugin reads worker and time out of the name.
            worker, span = f"rank{trace.rank}", "1700000000000"
            path = Path(folder, f"{worker}.{span}.pt.trace.json{trace.path.suffix if trace.path.suffix == '.gz' else ''}")
            shutil.copy(trace.path, path)
            with quiet():
                data = RunProfileData.parse(worker, span, str(path), folder)
                profile = RunGenerator(worker, span, data).generate_run_profile()
            views = {view.display_name for view in profile.views}
            demand(VIEWS <= views, f"views are {views}")
            expected = [step["name"].partition("#")[2] for step in trace.steps]
            demand(data.steps_names == expected, f"steps are {data.steps_names}, in the trace {expected}")
            json.dumps([profile.overview, profile.operation_table_by_name, profile.operation_table_by_name_input])
            operators = len(data.op_list_groupby_name)
            demand(operators > 0, "found no operators")
            seen.append(f"rank {trace.rank}: {operators} operators, {len(expected)} steps")
    return "; ".join(seen)
