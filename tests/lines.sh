#!/usr/bin/env bash
# Counts the lines of product code by crate and module, without comments, blank lines, and code that
# only tests compile.
#
#   tests/lines.sh [REVISION…]     the working tree without a revision
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -gt 0 ]] || exec cargo run --quiet -p profiler-tests --example lines
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for revision in "$@"; do
  mkdir "$folder/${revision//\//-}"
  git archive "$revision" | tar -x -C "$folder/${revision//\//-}" --wildcards '*/src/*.rs'
done
here=$PWD
cd "$folder"
cargo run --quiet --manifest-path "$here/Cargo.toml" -p profiler-tests --example lines -- "${@//\//-}"
