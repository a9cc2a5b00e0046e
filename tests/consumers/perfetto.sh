#!/usr/bin/env bash
# Writes a session in both trace formats, with everything that a trace can contain and a GPU from
# the doubles, and proves that Perfetto imports the same data from both and that the tables agree.
# Then does so for sessions of a program that calls CUDA's driver, with the names by which consumers
# find its launches: perfetto.sh. Needs the same as run.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cargo build --quiet --manifest-path "$root/Cargo.toml" --workspace ${PROFILER_FEATURES:+--features "$PROFILER_FEATURES"} --example two_formats --lib
built=${CARGO_TARGET_DIR:-$root/target}/debug
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/libraries"
cp "$built/libcuda_double.so" "$work/libraries/libcuda.so.1"
session() {
  env -u PROFILER_CONFIG -u NSYS_PROFILING_SESSION_ID LD_LIBRARY_PATH="$work/libraries" PROFILER_CUPTI_LIB="$built/libcupti_double.so" \
    "$built/examples/two_formats" "$work/$1" "${@:2}"
}
session both
bash "$here/run.sh" --reader trace --reader reports --reader workbook --reader perfetto --reader formats "$work"/both/*/
session runtime runtime
session tensorboard tensorboard
bash "$here/run.sh" --reader trace --reader hta --reader tensorboard "$work"/{runtime,tensorboard}/*/
