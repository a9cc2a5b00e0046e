"""Measures the time in which Perfetto's trace processor loads trace files, plain and compressed.

Usage: loading.py RUNS FILE...

The time is the processor's user time from the first byte to the end of the import, without its
start. The files take turns, so that other load of the machine affects all of them. Prints medians,
and their ratios to the first file's.
"""

import gzip
import os
import shutil
import sys
from pathlib import Path
from statistics import median

from perfetto_reader import Processor, find_engine

TICKS = os.sysconf("SC_CLK_TCK")


def main():
    runs, given = int(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    files = [file for plain in given for file in (plain, compressed(plain))]
    engine = find_engine()
    times = {file: [] for file in files}
    for _ in range(runs):
        for file in files:
            times[file].append(load(file, engine))
    first = median(times[files[0]])
    for file in files:
        typical = median(times[file])
        spread = f"{min(times[file]):.2f} to {max(times[file]):.2f}"
        print(f"{file.name:24}{file.stat().st_size / 1e6:9.1f} MB{typical:8.2f} s ({spread}){typical / first:8.2f} times")


def compressed(path):
    """Compresses a file as the profiler does."""
    packed = path.with_name(f"{path.name}.gz")
    with open(path, "rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target)
    return packed


def load(path, engine):
    """Returns the seconds of the import."""
    processor = Processor(engine)
    try:
        before = user_time(processor)
        processor.load(path)
        return user_time(processor) - before
    finally:
        processor.close()


def user_time(processor):
    stat = Path(f"/proc/{processor.rpc.transport.process.pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[11]) / TICKS


main()
