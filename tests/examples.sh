#!/usr/bin/env bash
# Runs the small examples of profiler-runtime, each in an empty folder. Every example must succeed,
# print the folder of a session, and leave a manifest there. Usage: tests/examples.sh [EXAMPLE…]
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never
built=${CARGO_TARGET_DIR:-$PWD/target}/debug/examples
examples=("$@")
[[ $# -gt 0 ]] || for file in profiler-runtime/examples/*.rs; do examples+=("$(basename "$file" .rs)"); done
[[ ${#examples[@]} -ge 1 ]] || { echo "there is no example" && exit 1; }

# `cargo test --workspace` has built them, with the features of the other tests.
for example in "${examples[@]}"; do
  [[ -x $built/$example ]] || cargo build -p profiler-runtime --example "$example"
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
for example in "${examples[@]}"; do
  mkdir "$scratch/$example"
  lines=$(wc -l <"profiler-runtime/examples/$example.rs")
  wrong=
  (cd "$scratch/$example" && "$built/$example") >"$scratch/log" 2>&1 || wrong="it fails"
  grep -q "$scratch/$example/perf/" "$scratch/log" || wrong="it does not print what it wrote"
  [[ -n $(find "$scratch/$example/perf" -name 'manifest_rank0.json' 2>/dev/null) ]] || wrong="it writes no manifest"
  [[ $lines -lt 40 ]] || wrong="it has $lines lines: keep examples under 40"
  if [[ $wrong ]]; then
    echo "example  WRONG  $example: $wrong"
    cat "$scratch/log"
    failed=1
  else
    echo "example  ran    $example"
  fi
done
exit $failed
