"""Perfetto's own format and the Chrome trace of the same session: Perfetto imports the same data
from both.

Compares by SQL the slices with their names, times, depths, rows and arguments, the arrows, and the
counters with the events that they count.
"""

import json
from collections import Counter, defaultdict

from outcome import Skipped, demand
from perfetto_reader import LOSSES, Processor, find_engine

SLICES = """
select s.id, s.name, s.category, s.ts, s.dur, s.depth, s.arg_set_id, coalesce(track.name, thread.name, '') as row
from slice s join track on s.track_id = track.id left join thread_track on thread_track.id = track.id
left join thread using (utid)
where s.category is not null and s.category != 'Trace'
"""
FLOWS = """
select o.name as source, o.ts as source_ts, i.name as target, i.ts as target_ts
from flow join slice o on slice_out = o.id join slice i on slice_in = i.id
"""
# Perfetto adds a prefix to each argument's name: `args.External id` for JSON,
# `debug.External id` for its own format.
ARGUMENTS = "select arg_set_id, key, value_type, int_value, real_value, string_value from args where key like 'args.%' or key like 'debug.%'"
COUNTERS = "select track.name, ts, value from counter join counter_track track on track_id = track.id order by counter.id"
BASE = "select int_value from args where key = 'debug.baseTimeNanoseconds'"


def check(folder, traces):
    packed = [(trace, path) for trace in traces for path in folder.glob(f"trace_rank{trace.rank}.pftrace*")]
    if not packed:
        raise Skipped("there is no `trace_rank*.pftrace`")
    engine = find_engine()
    return "; ".join(check_one(trace, path, engine) for trace, path in packed)


def check_one(trace, path, engine):
    ours, theirs = Import(path, engine, lambda text: text), Import(trace.path, engine, decoded)
    base = ours.base
    ours_slices, theirs_slices = ours.slices(base), theirs.slices(0)
    demand(ours_slices == theirs_slices, difference("slices", ours_slices, theirs_slices))
    ours_flows, theirs_flows = ours.flows(base), theirs.flows(0)
    demand(ours_flows == theirs_flows, difference("arrows", ours_flows, theirs_flows))
    check_counters(trace, ours.counters, base)
    sizes = path.stat().st_size / trace.path.stat().st_size
    samples = sum(len(samples) for samples in ours.counters.values())
    return (
        f"rank {trace.rank}: {ours_slices.total()} slices, {ours_flows.total()} arrows as in the JSON,"
        f" {samples} samples of {len(ours.counters)} counters, {sizes:.2f} times its size"
    )


class Import:
    """Perfetto's import of a file. `decoded` undoes the escapes that it leaves in texts."""

    def __init__(self, path, engine, decoded):
        self.decoded = decoded
        processor = Processor(engine)
        try:
            processor.load(path)
            losses = {row.name: row.value for row in processor.query(LOSSES)}
            demand(not losses, f"{path.name}: the import lost something: {losses}")
            self.base = next((row.int_value for row in processor.query(BASE)), 0)
            self.arguments = defaultdict(set)
            for row in processor.query(ARGUMENTS):
                # A dot in a name would look like a level.
                key = row.key.split(".", 1)[1].replace("_", ".")
                self.arguments[row.arg_set_id].add((key, self.value_of(row)))
            self.slice_rows = list(processor.query(SLICES))
            self.flow_rows = list(processor.query(FLOWS))
            self.counters = defaultdict(list)
            for row in processor.query(COUNTERS):
                self.counters[row.name].append((row.ts, row.value))
        finally:
            processor.close()

    def slices(self, base):
        return Counter(
            (name, s.category, s.ts - base, s.dur, s.depth, self.decoded(s.row).strip(), frozenset(self.arguments[s.arg_set_id]))
            for s in self.slice_rows
            for name in [self.decoded(s.name)]
        )

    def flows(self, base):
        return Counter(
            (self.decoded(f.source), f.source_ts - base, self.decoded(f.target), f.target_ts - base) for f in self.flow_rows
        )

    def value_of(self, row):
        if row.value_type == "real":
            return round(row.real_value, 5)  # JSON has fewer decimals.
        return self.decoded(row.string_value) if row.value_type == "string" else row.int_value


def decoded(text):
    """Decodes the escapes that Perfetto 52 leaves in a JSON string that contains no escaped quote.
    """
    return text if '"' in text else json.loads(f'"{text}"')


def check_counters(trace, counters, base):
    """Checks that the memory counters equal the totals in the trace's events, and that a device's
    utilization equals that of its kernels.
    """
    events = sorted((e for e in trace.events if e.get("name") in ("[memory]", "[OutOfMemory]")), key=lambda event: event["ts"])
    written = Counter((int(event["ts"] * 1000) + base, event["args"]["Total Allocated"]) for event in events)
    memory = [samples for name, samples in counters.items() if name.startswith("memory ")]
    counted = Counter(sample for samples in memory for sample in samples)
    missing = written - Counter({(at, int(value)): count for (at, value), count in counted.items()})
    demand(not missing, f"rank {trace.rank}: the counters lack {list(missing)[:3]}")
    percents = defaultdict(list)
    for event in trace.slices:
        if event["cat"] == "kernel" and "est. achieved occupancy %" in event["args"]:
            percent = int(event["args"]["est. achieved occupancy %"])
            percents[event["begin"]].append(percent)
            percents[event["end"]].append(-percent)
    full, total = {}, 0
    for at in sorted(percents):
        total += sum(percents[at])
        full[at + base] = min(total, 100)
    # Of several changes at one time, the last counts.
    seen = {at: int(value) for at, value in counters.get("est. achieved occupancy", [])}
    demand(seen == full, f"rank {trace.rank}: occupancy is {seen}, not {full}")


def difference(what, ours, theirs):
    only = [f"only in {name}: {list(left)[:2]}" for name, left in (("Perfetto's format", ours - theirs), ("JSON", theirs - ours)) if left]
    return f"other {what}: {'; '.join(only)}"
