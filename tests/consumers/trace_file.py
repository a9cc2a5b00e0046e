"""`trace_rank*.json[.gz]`, by its format alone: strict JSON, rows that nest to the nanosecond, ids,
steps and flows.

Times are read exactly, as decimals. Rows are checked again with doubles, which most readers use.
"""

import gzip
import json
import re
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

from outcome import Wrong, demand

ANNOTATED = ("cpu_op", "user_annotation")
ON_A_DEVICE = ("kernel", "gpu_memcpy", "gpu_memset")
# The last one is for TensorBoard, see `cuda_api_names`.
CALLS = ("cuda_driver", "cuda_runtime", "Runtime")
FIRST_MADE_UP = 5_000_000  # Rows that are no threads.
LANE = re.compile(r" \(overlapping \d+\)$")
STEP = re.compile(r"ProfilerStep#(\d+)")


class Trace:
    """One rank's trace."""

    def __init__(self, path):
        self.path = path
        self.rank = int(re.search(r"rank(\d+)", path.name).group(1))
        self.text = as_json(path)
        self.document = parse(self.text)
        self.events = self.document["traceEvents"]
        self.slices = [event for event in self.events if event.get("ph") == "X" and event.get("cat") != "Trace"]
        for event in self.slices:
            demand(isinstance(event.get("cat"), str), f"slice without category: {event}")
            event["begin"] = int(event["ts"] * 1000)
            event["end"] = event["begin"] + int(event["dur"] * 1000)
        self.kernels = [event for event in self.slices if event["cat"] in ON_A_DEVICE]
        self.calls = [event for event in self.slices if event["cat"] in CALLS]
        self.has_runtime_names = any("called" in event["args"] for event in self.calls)
        self.steps = sorted((e for e in self.slices if STEP.fullmatch(e["name"])), key=lambda event: event["begin"])

    @classmethod
    def all_in(cls, folder):
        """Reads the traces of all ranks, of which there is at least one."""
        paths = sorted(Path(folder).glob("trace_rank*.json*"))
        demand(paths, "there is no `trace_rank*.json`")
        return [cls(path) for path in paths]

    def check(self):
        """Checks all guarantees of the format."""
        self.check_head()
        self.check_numbers()
        self.check_rows()
        self.check_ids()
        self.check_steps()
        self.check_flows()
        self.check_gpu()
        kinds = Counter(event["cat"] for event in self.slices)
        return f"rank {self.rank}: {len(self.slices)} slices {dict(kinds)}, {len(self.steps)} steps"

    def top_level_ns(self):
        """Returns the time of the slices that no other slice of their thread encloses.

        Lives of futures and bare steps do not count. Slices that wait have `busy_us`: lives of
        futures, and guards that are held over `.await`. They are busy in the polls of their
        futures, which are slices too.
        """
        threads, rows = self.threads(), defaultdict(list)
        for event in self.slices:
            thread = threads.get((event["pid"], event["tid"]))
            if event["cat"] in ANNOTATED and "busy_us" not in event["args"] and thread is not None:
                rows[thread].append((event["begin"], event["end"]))
        total = 0
        for slices in rows.values():
            covered = 0
            for begin, end in sorted(slices, key=lambda each: (each[0], -each[1])):
                if end > covered:
                    total += end - begin
                    covered = end
        return total

    def threads(self):
        """Returns the thread of each host row: a lane follows its thread. The row of bare `next_step()`
        calls has no thread.
        """
        threads, last = {}, None
        for event in self.events:
            if event.get("ph") == "M" and event["name"] == "thread_name":
                tid, name = event["tid"], event["args"]["name"]
                made_up = tid >= FIRST_MADE_UP
                if not (made_up and LANE.search(name)):
                    last = None if made_up and name == "steps" else (event["pid"], tid)
                threads[event["pid"], tid] = last
        return threads

    def device_ns(self, launched=False):
        """Returns the total time of kernels, copies and fills, or only of those that a range
        launched.
        """
        of_ranges = [event for event in self.kernels if not launched or "External id" in event["args"]]
        return sum(event["end"] - event["begin"] for event in of_ranges)

    def check_head(self):
        document = self.document
        demand(document["schemaVersion"] == 1, "`schemaVersion` is not 1")
        demand(isinstance(document["deviceProperties"], list), "`deviceProperties` is no list")
        demand(document["distributedInfo"]["rank"] == self.rank, "`distributedInfo` names another rank than the file")
        # HTA reads the text, not the JSON.
        first = re.search(rb'"rank":\s+(\d+)', self.text)
        demand(first and int(first.group(1)) == self.rank, "HTA would not find the rank in the text")
        names = {event["name"] for event in self.events if event["ph"] in "iX"}
        for name in ("PyTorch Profiler (0)", "Iteration Start: PyTorch Profiler", "Record Window End"):
            demand(name in names, f"there is no `{name}`")

    def check_numbers(self):
        for event in self.slices:
            for key in ("ts", "dur"):
                value = event[key]
                demand(isinstance(value, Decimal), f"`{key}` has no decimals: {event}")
                demand(value >= 0 and value.as_tuple().exponent == -3, f"`{key}` has not three decimals: {event}")
            demand(all(type(event[key]) is int for key in ("pid", "tid")), f"row ids are no integers: {event}")

    def check_rows(self):
        named = {(event["pid"], event["tid"]) for event in self.events if event["name"] == "thread_name"}
        rows = defaultdict(list)
        for event in self.slices:
            rows[event["pid"], event["tid"]].append(event)
        for row, slices in rows.items():
            demand(row in named, f"row {row} has no name")
            check_nesting([(event["begin"], event["end"], event["name"]) for event in slices])
            check_nesting([(*as_doubles(event), event["name"]) for event in slices])

    def check_ids(self):
        ids = Counter(event["args"]["External id"] for event in self.slices if event["cat"] in ANNOTATED)
        twice = [identity for identity, count in ids.items() if count > 1]
        demand(not twice, f"`External id`s occur twice: {twice[:5]}")

    def check_steps(self):
        demand(self.steps, "there is no `ProfilerStep#N`")
        numbers = [int(STEP.fullmatch(step["name"]).group(1)) for step in self.steps]
        demand(numbers == sorted(set(numbers)), f"steps are not numbered in time order: {numbers[:10]}")
        for before, after in zip(self.steps, self.steps[1:]):
            demand(before["end"] <= after["begin"], f"`{before['name']}` and `{after['name']}` overlap")

    def check_flows(self):
        flows = {end: Counter() for end in "sf"}
        for event in self.events:
            if event["ph"] in flows:
                flows[event["ph"]][event["cat"], event["id"]] += 1
        demand(flows["s"] == flows["f"], "flows without a start or an end")
        starts = {(event["cat"], event["id"]): event["ts"] for event in self.events if event["ph"] == "s"}
        for event in self.events:
            if event["ph"] == "f":
                demand(starts[event["cat"], event["id"]] <= event["ts"], f"a flow ends before it starts: {event}")

    def check_gpu(self):
        annotated = {event["args"]["External id"] for event in self.slices if event["cat"] in ANNOTATED}
        named = {
            (event["pid"], event["tid"]): event["args"]["name"]
            for event in self.events
            if event["name"] == "thread_name"
        }
        for event in self.kernels:
            arguments = event["args"]
            for key in ("device", "stream", "context", "correlation"):
                demand(type(arguments[key]) is int, f"`{key}` is no integer: {event}")
            demand(arguments["device"] == event["pid"] and arguments["stream"] > 0, f"on the wrong row: {event}")
            row = named[event["pid"], event["tid"]]
            at_home = event["tid"] == arguments["stream"] or row.startswith(f"stream {arguments['stream']} (")
            demand(at_home, f"on the row `{row}`: {event}")
        callers = Counter(event["args"].get("correlation") for event in self.calls)
        del callers[None]
        twice = [identity for identity, count in callers.items() if count > 1]
        demand(not twice, f"several calls have the same correlation id: {twice[:5]}")
        for event in self.kernels + self.calls:
            owner = event["args"].get("External id")
            demand(owner is None or owner in annotated, f"launched by a range that is not there: {event}")
        for event in self.slices:
            if event["cat"] == "gpu_user_annotation":
                demand(not STEP.fullmatch(event["name"]), f"TensorBoard would count this step twice: {event}")


def as_json(path):
    """Returns the text of a trace, which may be compressed."""
    packed = path.read_bytes()
    return gzip.decompress(packed) if path.suffix == ".gz" else packed


def as_doubles(event):
    """Returns begin and end in nanoseconds, rounded from microseconds as doubles."""
    begin, duration = float(event["ts"]), float(event["dur"])
    return round(begin * 1000), round((begin + duration) * 1000)


def check_nesting(slices):
    """Checks that no slices of a row cross, because Perfetto deletes such slices."""
    open_ends = []
    for begin, end, name in sorted(slices, key=lambda each: (each[0], -each[1])):
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        demand(not open_ends or end <= open_ends[-1], f"`{name}` ({begin} to {end} ns) crosses the slice around it")
        open_ends.append(end)


def parse(text):
    """Parses strict JSON: without NaN or duplicate keys. Numbers with a decimal point stay as they
    are written.
    """

    def refuse(constant):
        raise Wrong(f"`{constant}` is not JSON")

    def unique(members):
        keys = Counter(key for key, _ in members)
        demand(len(keys) == len(members), f"a key stands twice among {list(keys)}")
        return dict(members)

    try:
        return json.loads(text.decode("utf-8"), parse_float=Decimal, parse_constant=refuse, object_pairs_hook=unique)
    except ValueError as error:
        raise Wrong(f"not valid JSON: {error}") from error
