"""speedscope's page, from its npm package, in headless Chromium: it opens every trace by its file
input, without a question.
"""

import os
from pathlib import Path

from browser import Page, served
from outcome import Skipped, demand


def check(_, traces):
    # `run.sh` unpacks it next to the Python environment.
    page = Path(os.environ.get("PROFILER_SPEEDSCOPE", "")) / "dist" / "release"
    if not (page / "index.html").is_file():
        raise Skipped("npm is not here to fetch speedscope")
    with served(page) as address:
        return "; ".join(check_one(trace, address) for trace in traces)


def check_one(trace, address):
    with Page() as page:
        page.open(f"{address}/index.html")
        page.wait_for("document.querySelector('input[type=file]')")
        page.give_file("input[type=file]", trace.path.resolve())
        # The title is the file's name, and after the import also the first profile's.
        page.wait_for(f"document.title.startsWith('{trace.path.name}') || /failed|unrecognized/i.test(document.body.innerText)")
        shown = page.evaluate("document.title + ' ' + document.body.innerText")
    demand(not page.dialogs, f"it asks {page.dialogs[:1]}")
    demand(not page.errors, f"it fails: {page.errors[:1]}")
    rows = {(event["pid"], event["tid"]) for event in trace.events if event["ph"] == "X"}
    demand(f"rank {trace.rank} · " in shown, f"it shows {shown[:300]!r}")
    demand(f"/{len(rows)})" in shown, f"it does not show {len(rows)} rows: {shown[:300]!r}")
    return f"rank {trace.rank}: {len(rows)} rows"
