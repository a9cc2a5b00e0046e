"""Reads reports of Nsight Systems about two examples, and checks that they show what the programs do.

Usage: nsys_reader.py whole DOMAIN DATABASE   the whole program, whose ranges are in this domain
       nsys_reader.py steps DATABASE...       one report for each step
       nsys_reader.py pipeline DATABASE       the whole of `wan_i2v`
"""

import sqlite3
import sys
from collections import Counter

from outcome import Wrong, demand

PUSH_POP, START_END, THREAD, CATEGORY, DOMAIN = 59, 60, 39, 33, 75

RANGES = """
    select e.eventType, coalesce(e.text, s.value), e.globalTid & 0xffffff, e.start, e.end, e.uint64Value, c.text, d.text
    from NVTX_EVENTS e left join StringIds s on s.id = e.textId
    left join NVTX_EVENTS c on c.eventType = 33 and c.category = e.category and coalesce(c.domainId, 0) = coalesce(e.domainId, 0)
    left join NVTX_EVENTS d on d.eventType = 75 and d.domainId = e.domainId
    where e.eventType in (59, 60) order by e.start, e.end desc
"""


class Range:
    """One range of a report."""

    def __init__(self, row):
        self.type, self.name, self.thread, self.start, self.end, self.step, self.category, self.domain = row

    def holds(self, other):
        return self.thread == other.thread and self.start <= other.start and other.end <= self.end


def ranges(database):
    return [Range(row) for row in sqlite3.connect(database).execute(RANGES)]


def parents(shown):
    """Returns the innermost range around each range on its thread, in the order of begins."""
    open_ranges, found = {}, {}
    for one in shown:
        stack = open_ranges.setdefault(one.thread, [])
        while stack and stack[-1].end <= one.start:
            stack.pop()
        demand(not stack or stack[-1].holds(one), f"`{one.name}` and `{stack and stack[-1].name}` overlap")
        found[one] = stack[-1] if stack else None
        stack.append(one)
    return found


def whole(domain, database):
    """Checks every range of the program, and returns the message."""
    shown = ranges(database)
    demand(all(one.end is not None for one in shown), "a range has no end")
    demand({one.domain or "" for one in shown} == {domain}, f"domains {({one.domain for one in shown})}")
    lives = [one for one in shown if one.type == START_END]
    pushed = [one for one in shown if one.type == PUSH_POP]
    tree = Counter((one.name, around and around.name, one.category) for one, around in parents(pushed).items())
    expected = {
        ("denoise_step", None, "step"): 4,
        ("diffuse", "denoise_step", "stage"): 4,
        ("attention", "diffuse", "op"): 8,
        ("vae.decode", None, "stage"): 2,
        ("conv3d", "vae.decode", "op"): 6,
        ("text_encoder", None, "stage"): 2,
    }
    demand(tree == expected, f"ranges with parent and category: {dict(tree)}")
    steps = [(one.name, one.step) for one in pushed if one.step is not None]
    for number in (0, 10, 20, 30):
        inside = Counter(name for name, step in steps if step == number)
        demand(inside == {"denoise_step": 1, "diffuse": 1, "attention": 2}, f"step {number}: {dict(inside)}")
    polls = [one for one in pushed if one.name == "text_encoder"]
    demand(len({one.thread for one in polls}) == 2, "the future was polled on two threads")
    demand(len(lives) == 1 and lives[0].name == "text_encoder", f"lives: {[one.name for one in lives]}")
    demand(all(lives[0].start <= one.start and one.end <= lives[0].end for one in polls), "its life holds its polls")
    named = sqlite3.connect(database).execute("select text from NVTX_EVENTS where eventType = 39 order by text")
    names = [name for (name,) in named]
    demand(names == ["decoder 1", "decoder 2", "main"], f"threads: {names}")
    return f"{len(pushed)} ranges and {len(lives)} life in domain `{domain}`, each where it belongs"


def steps(*databases):
    """Checks that each report has one step, and returns the message."""
    found = sorted(one.step for database in databases for one in ranges(database) if one.name == "denoise_step")
    demand(len(databases) == 4 and found == [0, 10, 20, 30], f"{len(databases)} reports hold the steps {found}")
    return f"{len(databases)} reports, each of one step"


def pipeline(database):
    """Checks the stages of the video pipeline without a session, and returns the message."""
    shown = ranges(database)
    demand({one.domain for one in shown} == {"profiler"}, f"domains {({one.domain for one in shown})}")
    around = parents(shown)
    stages = Counter((one.name, around[one] and around[one].name) for one in shown if one.category in ("stage", "step"))
    expected = {
        ("load.pipeline", None): 1,
        ("diffusion_forward", "request"): 1,
        ("pipeline.forward", "diffusion_forward"): 1,
        ("text_encoding", "pipeline.forward"): 1,
        ("vae.encode", "pipeline.forward"): 1,
        ("diffuse", "pipeline.forward"): 1,
        ("denoise_step", "diffuse"): 4,
        ("transformer.forward", "denoise_step"): 8,
        ("vae.decode", "pipeline.forward"): 1,
    }
    found = {key: stages.get(key, 0) for key in expected}
    demand(found == expected, f"stages and what is around them: {dict(stages)}")
    numbers = sorted(one.step for one in shown if one.name == "denoise_step")
    demand(numbers == [0, 1, 2, 3], f"steps {numbers}")
    ops = sum(one.category == "op" for one in shown)
    demand(ops > 100, f"only {ops} ops")
    return f"the pipeline's stages and 4 steps, and {ops} ops, each where it belongs"


if __name__ == "__main__":
    try:
        print("nsys     ok    ", {"whole": whole, "steps": steps, "pipeline": pipeline}[sys.argv[1]](*sys.argv[2:]))
    except Wrong as wrong:
        sys.exit(f"nsys     WRONG  {wrong}")
