#!/usr/bin/env bash
# Runs programs that know nothing of the profiler, and compares their spans in its trace with those
# that tracing-chrome saw in the same run. Builds in a workspace of its own.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --bins
for program in qwen2 whisper stable_diffusion server; do
  echo "== $program"
  cargo run -q --bin "$program"
done
