#!/usr/bin/env bash
# Ends programs in every bad way while they record, recovers the artifacts of the one that could not
# write them, and reads all artifacts with their consumers: faults.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cargo build --quiet --manifest-path "$root/Cargo.toml" --workspace ${PROFILER_FEATURES:+--features "$PROFILER_FEATURES"} --example faults
program=${CARGO_TARGET_DIR:-$root/target}/debug/examples/faults
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for ending in kill term exit abort fault; do
  # The shell reports how the program ended, which does not matter here.
  { "$program" record "$work/$ending" "$ending"; } >"$work/log" 2>&1 || true
  found=$("$program" recover "$work/$ending")
  wanted=$([[ $ending == kill ]] && echo "1 recovered" || echo "0 recovered")
  if [[ $found != "$wanted" ]]; then
    echo "faults   WRONG  $ending: $found"
    cat "$work/log"
    exit 1
  fi
done
exec bash "$here/run.sh" "$work"/kill/*/ "$work"/term/*/ "$work"/exit/*/ "$work"/abort/*/ "$work"/fault/*/
