"""`stacks_*_rank*.txt`, by the common grammar of flamegraph.pl, inferno and speedscope: frames
joined by `;`, a space, a number.
"""

import re

from outcome import demand, demand_file

# Frames contain no white space and no separator, so that all readers split them equally.
LINE = re.compile(r"([^\s;]+(?:;[^\s;]+)*) ([1-9]\d*)")


def check(folder, traces):
    return "; ".join(check_rank(folder, trace) for trace in traces)


def check_rank(folder, trace):
    """Checks the file of the host's time, and that of the GPU's time if it exists."""
    ranges = {event["name"] for event in trace.slices} | {event["args"].get("step") for event in trace.steps}
    seen = [check_file(demand_file(folder, f"stacks_cpu_rank{trace.rank}.txt"), ranges, trace.top_level_ns())]
    of_gpu = folder / f"stacks_cuda_rank{trace.rank}.txt"
    if of_gpu.is_file():
        kernels = {event["name"] for event in trace.kernels}
        seen.append("GPU " + check_file(of_gpu, kernels, trace.device_ns()))
    return f"rank {trace.rank}: {', '.join(seen)}"


def check_file(path, names, whole_ns):
    """Checks that the folded stacks end in one of these names and that their sum is at most
    `whole_ns`.
    """
    # Not `splitlines`: only a line feed ends a line here.
    text = path.read_bytes().decode("utf-8")
    demand(text.endswith("\n"), f"the last line of `{path.name}` has no end")
    lines = text[:-1].split("\n")
    matches = [LINE.fullmatch(line) for line in lines]
    for line, match in zip(lines, matches):
        demand(match, f"not a folded stack: `{line}`")
    stacks = {match[1] for match in matches}
    demand(len(stacks) == len(lines), f"{len(lines)} lines for {len(stacks)} stacks in `{path.name}`")
    micros, whole = sum(int(match[2]) for match in matches), whole_ns // 1000
    demand(micros <= whole, f"`{path.name}` takes {micros} us, the trace {whole} us")
    plain = {re.sub(r"[;\s]", "_", name) for name in names if name}
    leaves = {stack.rpartition(";")[2] for stack in stacks}
    demand(leaves <= plain, f"not in the trace: {sorted(leaves - plain)[:5]}")
    return f"{len(lines)} stacks, {micros} of {whole} us"
