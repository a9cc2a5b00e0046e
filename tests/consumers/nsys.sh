#!/usr/bin/env bash
# Captures the example `annotated` with the real Nsight Systems and proves that every range is in the report, with its
# name, its nesting, its thread and its step: nsys.sh. No GPU is needed. Where `nsys` is not installed (Debian: package
# `nsight-systems`, component `non-free`) it says so and ends well.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
if ! command -v nsys >/dev/null; then
  echo "skipped: nsys is not installed"
  exit 0
fi
cargo build --quiet --manifest-path "$root/Cargo.toml" -p profiler-tests --example annotated
program=${CARGO_TARGET_DIR:-$root/target}/debug/examples/annotated
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The directory of a separately packaged importer: `nsys` then writes only the raw `.qdstrm`.
importer=$(command -v QdstrmImporter || ls /usr/lib/nsight-systems/host-*/QdstrmImporter 2>/dev/null | head -1 || true)

# capture NAME OPTION…: a database of what `nsys` saw, for each report that it wrote.
capture() {
  local name=$1
  shift
  nsys profile --trace=nvtx --sample=none --cpuctxsw=none --force-overwrite=true -o "$work/$name" "$@" "$program" \
    >"$work/log" 2>&1 || { cat "$work/log" && return 1; }
  for raw in "$work/$name"*.qdstrm; do
    if [[ -e $raw && ! -e ${raw%.qdstrm}.nsys-rep ]]; then "$importer" -i "$raw" >"$work/log" 2>&1; fi
  done
  for report in "$work/$name"*.nsys-rep; do
    nsys export --type sqlite --force-overwrite=true -o "${report%.nsys-rep}.sqlite" "$report" >"$work/log" 2>&1
  done
}

capture whole
python3 -B "$here/nsys_reader.py" whole profiler "$work/whole.sqlite"

PROFILER_CONFIG='{"nvtx_domain": ""}' capture plain
python3 -B "$here/nsys_reader.py" whole "" "$work/plain.sqlite"

# Only what the range holds, one report for each time: the name is found because it is registered.
capture range --capture-range=nvtx --nvtx-capture=denoise_step@profiler --capture-range-end=repeat
python3 -B "$here/nsys_reader.py" steps "$work"/range*.sqlite

PROFILER_CONFIG='{"nvtx_domain": ""}' capture short --capture-range=nvtx --nvtx-capture=denoise_step --capture-range-end=repeat
python3 -B "$here/nsys_reader.py" steps "$work"/short*.sqlite
