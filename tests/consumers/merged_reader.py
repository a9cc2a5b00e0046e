"""Perfetto's trace processor on `trace_merged.json[.gz]`: it has every rank's slices at their real
times, in processes named and sorted by rank, and every arrow between slices of one rank.
"""

import re
from collections import Counter

from outcome import Skipped, demand
from perfetto_reader import LOSSES, Processor, find_engine
from trace_file import as_json, parse

PROCESSES = """
select distinct name from process where name glob 'rank *'
"""
SLICES = """
select process.name as process, slice.name as name, slice.ts as ts, slice.dur as dur
from slice join thread_track on slice.track_id = thread_track.id join thread using (utid) join process using (upid)
where process.name glob 'rank *' and slice.category is not 'Trace' -- the session's own span is no range
"""
ARROWS = """
select begin.name as begin, finish.name as finish from flow
join slice one on flow.slice_out = one.id join thread_track one_track on one.track_id = one_track.id
join thread one_thread on one_track.utid = one_thread.utid join process begin on one_thread.upid = begin.upid
join slice two on flow.slice_in = two.id join thread_track two_track on two.track_id = two_track.id
join thread two_thread on two_track.utid = two_thread.utid join process finish on two_thread.upid = finish.upid
"""
RANK = re.compile(r"rank (\d+)")


def in_order(events):
    """Returns the ranks of the processes in the order of their sort indexes.

    Not every version of trace_processor exposes the indexes.
    """
    told = {"process_name": {}, "process_sort_index": {}}
    for event in events:
        if event.get("ph") == "M" and event["name"] in told:
            told[event["name"]][event["pid"]] = event["args"].get("name", event["args"].get("sort_index"))
    ranks = {pid: rank_of(name) for pid, name in told["process_name"].items() if RANK.match(name)}
    return [ranks[pid] for pid in sorted(ranks, key=told["process_sort_index"].get)]


def check(folder, traces):
    paths = sorted(folder.glob("trace_merged.json*"))
    if not paths:
        raise Skipped("there is no `trace_merged.json`")
    document = parse(as_json(paths[0]))
    processor = Processor(find_engine())
    try:
        processor.load(paths[0])
        losses = {row.name: row.value for row in processor.query(LOSSES)}
        processes = [rank_of(row.name) for row in processor.query(PROCESSES)]
        slices = Counter((rank_of(row.process), row.name, row.ts, row.dur) for row in processor.query(SLICES))
        arrows = [(rank_of(row.begin), rank_of(row.finish)) for row in processor.query(ARROWS)]
    finally:
        processor.close()
    demand(not losses, f"the import lost something: {losses}")
    order = in_order(document["traceEvents"])
    demand(order == sorted(order) and set(order) == set(processes), f"processes stand in the order {order}")
    demand(set(processes) == {trace.rank for trace in traces}, f"there are processes of the ranks {set(processes)}")
    expected = Counter(moment for trace in traces for moment in moments(trace, document))
    lost, more = expected - slices, slices - expected
    demand(not lost and not more, f"slices at another moment or none: {list(lost)[:3]}, {list(more)[:3]}")
    apart = [arrow for arrow in arrows if arrow[0] != arrow[1]]
    demand(not apart, f"{len(apart)} arrows join different ranks")
    drawn = sum(event["ph"] == "s" for trace in traces for event in trace.events)
    demand(len(arrows) == drawn, f"{len(arrows)} of {drawn} arrows")
    return f"ranks {sorted(set(processes))}, {slices.total()} slices at their moments, {len(arrows)} arrows"


def rank_of(process):
    return int(RANK.match(process).group(1))


def moments(trace, document):
    """Returns the expected times of a rank's slices: real time, adjusted to the first rank's clock,
    since the merged base.
    """
    offset = next(rank["offset_ns"] for rank in document["merged"]["ranks"] if rank["rank"] == trace.rank)
    shift = trace.document["baseTimeNanoseconds"] + offset - document["baseTimeNanoseconds"]
    for event in trace.slices:
        yield trace.rank, event["name"], event["begin"] + shift, event["end"] - event["begin"]
