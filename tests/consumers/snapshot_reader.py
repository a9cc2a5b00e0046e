"""`memory_snapshot_rank*.pickle` as MemoryViz reads it: known opcodes, plain containers, and
consistent events.

MemoryViz has its own unpickler, in JavaScript, which rejects input without a message.
"""

import json
import pickle
import pickletools
from collections import defaultdict

from outcome import Wrong, demand, demand_file

# Opcodes of MemoryViz 2.6; `STOP` ends the input.
OPCODES = set(
    """PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT SHORT_BINUNICODE BINUNICODE EMPTY_LIST
    APPEND APPENDS LIST EMPTY_DICT SETITEM SETITEMS DICT EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 MEMOIZE BINPUT LONG_BINPUT BINGET
    LONG_BINGET""".split()
)
# JavaScript rounds larger numbers.
EXACT = 1 << 53
STATES = {"active_allocated", "active_pending_free", "inactive"}


class Plain(pickle.Unpickler):
    """An unpickler that creates no objects."""

    def find_class(self, module, name):
        raise Wrong(f"the snapshot names the class `{module}.{name}`")


def check(folder, traces):
    return "; ".join(check_rank(folder, trace) for trace in traces)


def check_rank(folder, trace):
    path = demand_file(folder, f"memory_snapshot_rank{trace.rank}.pickle")
    check_opcodes(path.read_bytes())
    with open(path, "rb") as file:
        snapshot = Plain(file).load()
    segments, devices = snapshot["segments"], snapshot["device_traces"]
    for segment in segments:
        check_segment(segment, len(devices))
    left = blocks_left(segments, len(devices))
    live = [replay(events, blocks) for events, blocks in zip(devices, left)]
    check_peaks(folder, trace, [peak for _, peak in live])
    live = [blocks for blocks, _ in live]
    demand(left == live, "the segments do not hold the blocks that the events leave")
    allocated = [event["size"] for events in devices for event in events if event["action"] == "alloc"]
    reported = [event["args"]["Bytes"] for event in trace.events if event["name"] == "[memory]" and event["args"]["Bytes"] > 0]
    demand(sorted(allocated) == sorted(reported), f"{len(allocated)} allocations here, {len(reported)} in the trace, or other sizes")
    return f"rank {trace.rank}: {len(allocated)} allocations, {sum(map(len, live))} blocks left in {len(segments)} segments"


def check_opcodes(contents):
    for opcode, argument, _ in pickletools.genops(contents):
        demand(opcode.name in OPCODES, f"MemoryViz does not know the opcode `{opcode.name}`")
        demand(opcode.name != "PROTO" or 2 <= argument <= 4, f"MemoryViz does not know protocol {argument}")
        demand(not isinstance(argument, int) or abs(argument) <= EXACT, f"MemoryViz rounds {argument}")


def from_before(events, left):
    """Returns the blocks that PyTorch's page draws from the beginning: those that are freed or
    left, but never allocated.
    """
    live, known = {}, set()
    for event in events:
        if event["action"] == "free_requested" and event["addr"] not in known:
            live[event["addr"]] = event["size"]
        if "addr" in event:
            known.add(event["addr"])
    live.update((address, size) for address, size in left.items() if address not in known)
    return live


def replay(events, left):
    """Returns the allocated sizes by address at the end, and the peak. A block is freed by two
    events, which have the size of its allocation.
    """
    live, pending, last = from_before(events, left), {}, 0
    level = peak = sum(live.values())
    for event in events:
        action, size = event["action"], event["size"]
        demand(event["time_us"] >= last, f"{event} comes before the event ahead of it")
        last = event["time_us"]
        check_frames(event["frames"])
        if action == "alloc":
            demand(event["addr"] not in live, f"{event} is where a block is already")
            live[event["addr"]] = size
            level += size
            peak = max(peak, level)
        elif action == "free_requested":
            demand(live.pop(event["addr"], None) == size, f"{event} has another size than its block")
            level -= size
            pending[event["addr"]] = size
        elif action == "free_completed":
            demand(pending.pop(event["addr"], None) == size, f"{event} was not requested")
        else:
            demand(action == "oom" and "device_free" in event, f"unexpected event {event}")
    demand(not pending, f"{len(pending)} blocks were requested to be freed, and never were")
    return live, peak


def check_peaks(folder, trace, peaks):
    """Checks that the peaks equal the timing report's, which the chart and the summary also show. A
    block that is moved is absent for a moment here.
    """
    memory = json.loads((folder / f"timing_rank{trace.rank}.json").read_text("utf-8"))["memory"]
    names = [f"cuda:{device}" for device in range(len(peaks) - 1)] + ["cpu"]
    for name, peak in zip(names, peaks):
        # A device can have two entries; the program's own comes first.
        told = next((device["peak_bytes"] for device in memory["devices"] if device["device"] == name), 0)
        demand(0.99 * told <= peak <= told, f"{name} has a peak of {peak} bytes here, of {told} in the reports")


def check_segment(segment, devices):
    """Checks that blocks follow each other without gaps from the segment's begin to its end."""
    demand(segment["device"] < devices, f"device {segment['device']} has no events")
    at, sizes = segment["address"], defaultdict(int)
    for block in segment["blocks"]:
        demand(block["address"] == at, f"a block at {block['address']} follows one that ends at {at}")
        demand(block["state"] in STATES, f"a block is `{block['state']}`")
        check_frames(block["frames"])
        at += block["size"]
        sizes[block["state"]] += block["size"]
    demand(at == segment["address"] + segment["total_size"], f"the blocks of the segment at {segment['address']} do not fill it")
    allocated = sizes["active_allocated"]
    demand(segment["allocated_size"] == allocated, f"the segment says {segment['allocated_size']}, its blocks {allocated}")
    demand(segment["active_size"] == allocated + sizes["active_pending_free"], "`active_size` is not that of the blocks")


def blocks_left(segments, devices):
    """Returns the blocks of each device's segments: sizes by address."""
    left = [{} for _ in range(devices)]
    for segment in segments:
        blocks = [block for block in segment["blocks"] if block["state"] == "active_allocated"]
        left[segment["device"]].update((block["address"], block["requested_size"]) for block in blocks)
    return left


def check_frames(frames):
    fit = all(type(frame["line"]) is int and frame["name"] and "filename" in frame for frame in frames)
    demand(fit, f"MemoryViz cannot show the frames {frames}")
