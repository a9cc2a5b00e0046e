"""LibreOffice prints the workbook: as wide as a page, on as many as its rows need. Skipped where LibreOffice is not installed."""

import math
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from outcome import Absent, Skipped, demand, demand_file

# Height of A4 on its side, within the margins, and of a line; points.
PAGE, LINE = 510, 15
SECONDS = 120


def check(folder, traces):
    program = shutil.which("soffice")
    if program is None:
        raise Skipped("there is no LibreOffice")
    return "; ".join(check_rank(program, folder, trace.rank) for trace in traces)


def check_rank(program, folder, rank):
    try:
        import openpyxl
    except ImportError as error:
        raise Absent(str(error)) from error
    path = demand_file(folder, f"ops_rank{rank}.xlsx")
    with tempfile.TemporaryDirectory() as out:
        # A profile of its own: another LibreOffice may be running.
        command = [program, f"-env:UserInstallation=file://{out}/profile", "--headless", "--convert-to", "pdf", "--outdir", out, path]
        subprocess.run(command, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pages = len(re.findall(rb"/Type\s*/Page\b", (Path(out) / f"{path.stem}.pdf").read_bytes()))
    most = sum(math.ceil(height(sheet) / PAGE) for sheet in openpyxl.load_workbook(path))
    demand(0 < pages <= most, f"the workbook takes {pages} pages, its rows {most}")
    return f"rank {rank}: {pages} pages"


def height(sheet):
    """Of all rows as they are on the screen, and of the header on each page."""
    rows = sum(sheet.row_dimensions[row].height or LINE for row in range(1, sheet.max_row + 1))
    return rows * (1 + 3 * LINE / PAGE)
