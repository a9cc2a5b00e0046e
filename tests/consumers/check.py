"""Reads the artifacts of a session with their consumers, and checks that no data is lost.

Usage: check.py [--allow-absent] [--reader NAME]... FOLDER...

Prints one line per reader and folder: `ok`, `WRONG`, `absent` (the program is not installed) or
`skipped` (the session has no such artifact), and a summary. The exit status is 1 if anything is
wrong, or absent without `--allow-absent`.
"""

import argparse
import functools
import multiprocessing
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import formats_reader
import hta_reader
import libreoffice_reader
import merged_reader
import perfetto_page_reader
import perfetto_reader
import reports
import snapshot_reader
import speedscope_reader
import stacks_reader
import tensorboard_reader
import workbook_reader
from outcome import Absent, Skipped, Wrong
from trace_file import Trace

# Each reader is a function of a folder and its traces that returns a sentence.
READERS = {
    "trace": lambda _, traces: "; ".join(trace.check() for trace in traces),
    "reports": reports.check,
    "workbook": workbook_reader.check,
    "libreoffice": libreoffice_reader.check,
    "snapshot": snapshot_reader.check,
    "stacks": stacks_reader.check,
    "hta": hta_reader.check,
    "tensorboard": tensorboard_reader.check,
    "perfetto": perfetto_reader.check,
    "perfetto-ui": perfetto_page_reader.check,
    "speedscope": speedscope_reader.check,
    "formats": formats_reader.check,
    "merged": merged_reader.check,
}


@functools.cache
def traces_in(folder):
    """Returns the traces of a folder, read once by each process."""
    return Trace.all_in(folder)


def read(name, folder):
    """Runs one reader, and returns its result and message."""
    try:
        return "ok", READERS[name](folder, traces_in(folder))
    except Wrong as wrong:
        return "WRONG", str(wrong)
    except Absent as absent:
        return "absent", str(absent)
    except Skipped as skipped:
        return "skipped", str(skipped)
    except Exception:  # A reader that crashes cannot read our artifact.
        return "WRONG", traceback.format_exc(limit=-3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--allow-absent", action="store_true")
    parser.add_argument("--reader", action="append", choices=READERS, help="instead of all")
    arguments = parser.parse_args()
    good = {"ok", "skipped"} | ({"absent"} if arguments.allow_absent else set())
    failed = False
    tasks = [(name, folder) for folder in arguments.folders for name in arguments.reader or READERS]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork")) as processes:
        for (name, folder), (outcome, said) in zip(tasks, processes.map(read, *zip(*tasks))):
            failed |= outcome not in good
            print(f"{outcome:8}{name:12}{folder}: {said}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
