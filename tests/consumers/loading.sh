#!/usr/bin/env bash
# Measures how long Perfetto loads a trace, in both formats, plain and compressed: loading.sh [RUNS
# [RANGES]]. Not part of the checks, because it takes minutes. Needs the same as run.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p profiler-tests --example loading
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
example=${CARGO_TARGET_DIR:-$root/target}/release/examples/loading
env -u PROFILER_CONFIG "$example" "$work/plain" "${2:-1000000}"
env -u PROFILER_CONFIG "$example" "$work/shapes" $(( ${2:-1000000} / 5 )) shapes
# Installs the requirements.
bash "$here/run.sh" --help >/dev/null
python=${PROFILER_CONSUMERS_VENV:-$root/target/consumers}/bin/python
for kind in plain shapes; do
  echo "$kind"
  "$python" -B "$here/loading.py" "${1:-7}" "$work/$kind"/*/trace_rank0.{json,pftrace}
done
