"""TensorBoard's profiler plugin: parses every rank, sees its steps and its operators, and renders its views."""

import json
import tempfile

from outcome import Absent, demand, quiet

VIEWS = {"Overview", "Operator", "Trace"}


def check(folder, traces):
    try:
        with quiet():
            from torch_tb_profiler.consts import WORKER_PATTERN
            from torch_tb_profiler.profiler.data import RunProfileData
            from torch_tb_profiler.profiler.run_generator import RunGenerator
    except ImportError as error:
        raise Absent(str(error)) from error
    seen = []
    with tempfile.TemporaryDirectory() as cache:
        for trace in traces:
            # The plugin finds files by their names, and reads the worker out of them.
            names = [path.name for path in (folder / "traces").iterdir()]
            name = next(name for name in names if name.startswith(f"rank{trace.rank}."))
            worker, span = WORKER_PATTERN.match(name).groups()
            with quiet():
                data = RunProfileData.parse(worker, span, str(folder / "traces" / name), cache)
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
