"""TensorBoard and its profiler plugin: it parses every rank, with its steps, operators and views,
and the server lists each.
"""

import gzip
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from urllib.parse import urlencode

from outcome import Absent, Wrong, demand, quiet

VIEWS = {"Overview", "Operator", "Trace"}
SECONDS = 60
# The server's answers by view, for one worker.
ROUTES = {"Overview": "overview", "Operator": "operation/table", "Kernel": "kernel", "Memory": "memory"}


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
            # The plugin finds files by their names, which contain the worker.
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
            check_device_times(data, trace)
            seen.append(f"rank {trace.rank}: {operators} operators, {len(expected)} steps")
    return "; ".join([*seen, check_server(folder, traces)])


def check_device_times(data, trace):
    """Checks that its operators have the GPU time of their work if the calls are in the category
    that it knows.
    """
    if all(event["cat"] != "Runtime" for event in trace.calls):
        return
    by_name, ids = Counter(), {event["args"]["External id"]: event["name"] for event in trace.slices if event["cat"] == "cpu_op"}
    for event in trace.kernels:
        if name := ids.get(event["args"].get("External id")):
            by_name[name] += event["end"] - event["begin"]
    shown = {operator.name: operator.self_device_duration for operator in data.op_list_groupby_name}
    demand(by_name, "no operator launched anything")
    for name, ns in by_name.items():
        demand(abs(shown[name] * 1000 - ns) < 1000, f"the device time of `{name}` is {shown[name]} µs, not {ns} ns")


def check_server(folder, traces):
    """Checks that TensorBoard, started as in the README, lists the session as one run and answers
    its page's requests.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder / "traces"), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://localhost:{port}/data/plugin/pytorch_profiler"
        run = wait_for_run(address, len(traces))
        views = set(ask(address, "views", run=run))
        demand(VIEWS <= views, f"the server's views are {views}")
        for view in views & set(ROUTES):
            workers = ask(address, "workers", run=run, view=view)
            demand(len(workers) == len(traces), f"the server's view {view} has the workers {workers}")
            for worker in workers:
                span = ask(address, "spans", run=run, worker=worker)
                demand(ask(address, ROUTES[view], run=run, worker=worker, span=span[0], group_by="Operation"), f"{view} is empty")
    finally:
        server.terminate()
        server.wait(10)
    return f"its server shows {', '.join(sorted(views))}"


def wait_for_run(address, workers):
    """Waits until the server has loaded the run, and returns its name."""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        try:
            listed = ask(address, "runs")
        except OSError:  # It does not listen yet.
            listed = {"runs": [], "loading": True}
        if listed["runs"] and not listed["loading"]:
            demand(len(listed["runs"]) == 1, f"the server lists the runs {listed['runs']}")
            return listed["runs"][0]
        time.sleep(0.2)
    raise Wrong(f"the server lists no run of {workers} workers")


def ask(address, route, **parameters):
    with urllib.request.urlopen(f"{address}/{route}?{urlencode(parameters)}", timeout=SECONDS) as answer:
        body = answer.read()
        # Some answers are always compressed.
        return json.loads(gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body)
