#!/usr/bin/env bash
# The proofs that need nightly Rust: Miri, ThreadSanitizer, fuzzing; docs/proofs.md says what each shows.
#
#   tests/proofs.sh [--allow-skip PART,…] [PART…]     all of miri, tsan and fuzz without a PART
#
# Ends with 1 where a proof failed or ran no test, with 77 where one was skipped on this machine without being named in
# `--allow-skip`; the last line names what was skipped. `FUZZ_SECONDS` says how long each fuzzer runs.
set -uo pipefail
cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-target}
seconds=${FUZZ_SECONDS:-120}
allowed=,
skipped=()
failed=0
unallowed=0
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT

# skip PART WHY
skip() {
  echo "skipped: $1: $2"
  skipped+=("$1")
  [[ $allowed == *",$1,"* ]] || { echo "$1 may not be skipped without \`--allow-skip $1\`" && unallowed=77; }
}

# component PART NAME: says that PART is skipped where nightly Rust lacks the component.
component() {
  rustup component list --toolchain nightly --installed 2>/dev/null | grep -q "^$2" && return
  skip "$1" "it needs \`rustup component add --toolchain nightly $2\`"
  return 1
}

# proof TITLE COMMAND…: runs it; a run of tests in which none passed proves nothing.
proof() {
  printf '\n== %s\n' "$1"
  shift
  "$@" 2>&1 | tee "$printed"
  local status=${PIPESTATUS[0]} passed
  passed=$(awk '/^test result:/ { sum += $4; seen = 1 } END { if (seen) print sum }' "$printed")
  if [[ $status != 0 ]]; then
    failed=1
  elif [[ ${passed-} == 0 ]]; then
    echo "no test was run" && failed=1
  fi
}

miri() {
  component miri miri || return 0
  proof "Miri on the recorder" env MIRIFLAGS=-Zmiri-disable-isolation CARGO_TARGET_DIR="$target/miri" \
    cargo +nightly miri test -p profiler-runtime --lib record::
}

tsan() {
  component tsan rust-src || return 0
  case $host in
    x86_64-unknown-linux-gnu | aarch64-unknown-linux-gnu) ;;
    *) skip tsan "it does not know $host" && return 0 ;;
  esac
  proof "ThreadSanitizer on threads, sessions and dumps" env RUSTFLAGS=-Zsanitizer=thread CARGO_TARGET_DIR="$target/tsan" \
    cargo +nightly test -Zbuild-std --target "$host" -p profiler-tests --test stress --test ledger_load
}

fuzz() {
  command -v cargo-fuzz >/dev/null || { skip fuzz "it needs \`cargo install cargo-fuzz\`" && return 0; }
  rustup toolchain list | grep -q '^nightly' || { skip fuzz "it needs nightly Rust" && return 0; }
  for file in tests/fuzz/targets/*.rs; do
    local input=${file##*/}
    input=${input%.rs}
    # What it learns stays out of the kept inputs.
    local kept=tests/fuzz/corpus/$input learned=$target/fuzz/corpus/$input
    [[ -d $kept ]] || kept=
    mkdir -p "$learned"
    # Names of recovered sites stay for ever, as sites do.
    proof "fuzzing $input for $seconds s" env CARGO_TARGET_DIR="$target/fuzz" ASAN_OPTIONS=detect_leaks=0 PROFILER_LOG=off \
      cargo +nightly fuzz run "$input" --fuzz-dir tests/fuzz "$learned" ${kept:+"$kept"} -- \
      -max_total_time="$seconds" -max_len=65536
  done
}

parts=()
while [[ $# -gt 0 ]]; do
  case $1 in
    miri | tsan | fuzz) parts+=("$1") ;;
    --allow-skip) allowed=",${2:-}," && shift ;;
    *) echo "unknown: \`$1\`; there are miri, tsan and fuzz" && exit 2 ;;
  esac
  shift
done
for part in "${parts[@]:-miri tsan fuzz}"; do
  for one in $part; do "$one"; done
done
printf '\nskipped: %s\n' "${skipped[*]:-nothing}"
[[ $failed == 0 ]] || exit 1
exit $unallowed
