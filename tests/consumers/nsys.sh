#!/usr/bin/env bash
# Captures the examples `annotated` and `wan_i2v` with the real Nsight Systems, and proves that
# every range is in the report, with its name, nesting, thread and step: nsys.sh. No GPU is needed.
# In CI it installs `nsys` if one command can (Debian: package `nsight-systems`, component
# `non-free`). Without `nsys`, it reports that and succeeds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
if ! command -v nsys >/dev/null && [[ ${CI:-} && $(id -u) == 0 && -r /etc/os-release ]] && command -v apt-get >/dev/null; then
  (
    . /etc/os-release
    [[ $ID == debian ]] || exit 0
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | head -1)
    list=$(mktemp)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $VERSION_CODENAME main contrib non-free" >"$list"
    sources=(-o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=-)
    timeout 120 apt-get update -qq "${sources[@]}" &&
      timeout 400 apt-get install -y -qq --no-install-recommends "${sources[@]}" nsight-systems
  ) >/dev/null 2>&1 || true
fi
if ! nsys --version >/dev/null 2>&1; then
  echo "skipped: nsys is not installed"
  exit 0
fi
cargo build --quiet --manifest-path "$root/Cargo.toml" --workspace ${PROFILER_FEATURES:+--features "$PROFILER_FEATURES"} --example annotated
# The command of the README. A selected package would be built with other features, and candle a
# second time.
cargo build --quiet --release --manifest-path "$root/Cargo.toml" --example wan_i2v
target=${CARGO_TARGET_DIR:-$root/target}
program=("$target/debug/examples/annotated")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The directory of a separately packaged importer. With it, `nsys` writes only the raw `.qdstrm`.
importer=$(command -v QdstrmImporter || ls /usr/lib/nsight-systems/host-*/QdstrmImporter 2>/dev/null | head -1 || true)

# capture NAME OPTION…: writes a database for each report of `nsys`.
capture() {
  local name=$1
  shift
  nsys profile --trace=nvtx --sample=none --cpuctxsw=none --force-overwrite=true -o "$work/$name" "$@" "${program[@]}" \
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

# Captures only the range, with one report per occurrence. `nsys` finds the name because it is
# registered.
capture range --capture-range=nvtx --nvtx-capture=denoise_step@profiler --capture-range-end=repeat
python3 -B "$here/nsys_reader.py" steps "$work"/range*.sqlite

PROFILER_CONFIG='{"nvtx_domain": ""}' capture short --capture-range=nvtx --nvtx-capture=denoise_step --capture-range-end=repeat
python3 -B "$here/nsys_reader.py" steps "$work"/short*.sqlite

program=("$target/release/examples/wan_i2v" --profiler-config '{"profiler": "none"}' --output "$work/video.mp4")
capture pipeline
python3 -B "$here/nsys_reader.py" pipeline "$work/pipeline.sqlite"
