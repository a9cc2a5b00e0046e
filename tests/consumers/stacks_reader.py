"""`stacks_*_rank*.txt` by the grammar that flamegraph.pl, inferno and speedscope share: frames joined by `;`, a space, a number."""

import re

from outcome import demand, demand_file

# Frames hold no white space and no separator, so that every reader cuts at the same places.
LINE = re.compile(r"([^\s;]+(?:;[^\s;]+)*) ([1-9]\d*)")


def check(folder, traces):
    return "; ".join(check_rank(folder, trace) for trace in traces)


def check_rank(folder, trace):
    path = demand_file(folder, f"stacks_cpu_rank{trace.rank}.txt")
    # Not `splitlines`: only a line feed ends a line here.
    text = path.read_bytes().decode("utf-8")
    demand(text.endswith("\n"), "the last line of the stacks has no end")
    lines = text[:-1].split("\n")
    matches = [LINE.fullmatch(line) for line in lines]
    for line, match in zip(lines, matches):
        demand(match, f"not a folded stack: `{line}`")
    stacks = {match[1] for match in matches}
    demand(len(stacks) == len(lines), f"{len(lines)} lines for {len(stacks)} stacks")
    micros, whole = sum(int(match[2]) for match in matches), trace.top_level_ns() // 1000
    demand(micros <= whole, f"the stacks take {micros} us, the trace {whole} us")
    names = {event["name"] for event in trace.slices} | {event["args"].get("step") for event in trace.steps}
    plain = {re.sub(r"[;\s]", "_", name) for name in names if name}
    leaves = {stack.rpartition(";")[2] for stack in stacks}
    demand(leaves <= plain, f"not in the trace: {sorted(leaves - plain)[:5]}")
    return f"rank {trace.rank}: {len(lines)} stacks, {micros} of {whole} us"
