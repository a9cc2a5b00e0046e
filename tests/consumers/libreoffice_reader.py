"""LibreOffice prints the workbook: one page wide, and as many pages long as its rows need.

Skipped if LibreOffice is not installed.
"""

import math
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from outcome import Absent, Skipped, demand, demand_file

# Heights in points: of A4 landscape within the margins, and of a line.
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
        # A separate profile, because another LibreOffice may be running.
        command = [program, f"-env:UserInstallation=file://{out}/profile", "--headless", "--convert-to", "pdf", "--outdir", out, path]
        subprocess.run(command, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pages = len(re.findall(rb"/Type\s*/Page\b", (Path(out) / f"{path.stem}.pdf").read_bytes()))
    most = sum(math.ceil(height(sheet) / PAGE) for sheet in openpyxl.load_workbook(path))
    demand(0 < pages <= most, f"the workbook takes {pages} pages, its rows {most}")
    return f"rank {rank}: {pages} pages"


def height(sheet):
    """Returns the height of all rows, and of the header that each page repeats."""
    rows = sum(sheet.row_dimensions[row].height or LINE for row in range(1, sheet.max_row + 1))
    return rows * (1 + 3 * LINE / PAGE)
