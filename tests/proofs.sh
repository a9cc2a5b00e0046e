#!/usr/bin/env bash
# The proofs that need more than stable Rust, and the commands of docs/proofs.md, which explains
# each.
#
#   proofs.sh [--allow-skip PART,…] [PART…]   miri, tsan, asan, valgrind and fuzz, or some of them
#   proofs.sh page                            the commands of `cargo test` in docs/proofs.md
#
# Ends with 1 if a proof failed or ran too few tests, and with 77 if one was skipped on this machine
# without being named in `--allow-skip`. The last line names the skipped ones. `FUZZ_SECONDS` is the
# time of each fuzzer.
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

# component PART NAME: skips PART if nightly Rust lacks the component.
component() {
  rustup component list --toolchain nightly --installed 2>/dev/null | grep -q "^$2" && return
  skip "$1" "it needs \`rustup component add --toolchain nightly $2\`"
  return 1
}

# proof LEAST TITLE COMMAND…: runs a proof. It fails if fewer than LEAST tests passed. The inputs of
# libFuzzer count as tests.
proof() {
  local least=$1 status passed
  printf '\n== %s\n' "$2"
  shift 2
  "$@" 2>&1 | tee "$printed"
  status=${PIPESTATUS[0]}
  passed=$(awk '/^test result:/ { sum += $4 } /^stat::number_of_executed_units:/ { sum += $2 } END { print sum + 0 }' "$printed")
  [[ $status == 0 ]] || failed=1
  [[ $passed -ge $least ]] || { echo "$passed passed, and there are at least $least" && failed=1; }
}

miri() {
  component miri miri || return 0
  # If two threads initialize a static at the same time, the second one's memory stays unused.
  proof 40 "Miri on the recorder" env MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" CARGO_TARGET_DIR="$target/miri" \
    cargo +nightly miri test -p profiler-core --features enable --lib
}

tsan() {
  component tsan rust-src || return 0
  case $host in
    x86_64-unknown-linux-gnu | aarch64-unknown-linux-gnu) ;;
    *) skip tsan "it does not know $host" && return 0 ;;
  esac
  proof 3 "ThreadSanitizer on threads, sessions and dumps" env RUSTFLAGS="-Zsanitizer=thread --cfg sanitized" CARGO_TARGET_DIR="$target/tsan" \
    cargo +nightly test -Zbuild-std --target "$host" -p profiler-stress
}

asan() {
  component asan rust-src || return 0
  case $host in
    x86_64-unknown-linux-gnu | aarch64-unknown-linux-gnu) ;;
    *) skip asan "it does not know $host" && return 0 ;;
  esac
  # Sites and names are never freed.
  proof 1 "AddressSanitizer on threads, sessions and dumps" env RUSTFLAGS="-Zsanitizer=address --cfg sanitized" ASAN_OPTIONS=detect_leaks=0 \
    CARGO_TARGET_DIR="$target/asan" cargo +nightly test -Zbuild-std --target "$host" -p profiler-stress --test stress
}

valgrind() {
  type -P valgrind >/dev/null || { skip valgrind "it needs valgrind" && return 0; }
  local runner=${host^^}
  # All threads run in turns there.
  proof 1 "memcheck on threads, sessions and dumps" env PROFILER_TESTS_ROUNDS=40 \
    "CARGO_TARGET_${runner//-/_}_RUNNER=valgrind --fair-sched=yes --error-exitcode=99 --num-callers=30" \
    cargo test -p profiler-stress --test stress
}

# Prints the rows of the page: a command, and its minimum number of tests.
page() {
  local command least rows=0
  while IFS=$'\t' read -r command least; do
    rows=$((rows + 1))
    # shellcheck disable=SC2086 # words, as a shell would take them
    proof "$least" "$command" $command </dev/null
  done < <(sed -nE 's/^\|.*\| `(cargo test [^`]+)`: ([0-9]+) tests?\b.*$/\1\t\2/p' docs/proofs.md)
  [[ $rows -ge 12 ]] || { echo "only $rows commands are read from docs/proofs.md" && failed=1; }
}

fuzz() {
  command -v cargo-fuzz >/dev/null || { skip fuzz "it needs \`cargo install cargo-fuzz\`" && return 0; }
  rustup toolchain list | grep -q '^nightly' || { skip fuzz "it needs nightly Rust" && return 0; }
  for file in tests/fuzz/targets/*.rs; do
    local input=${file##*/}
    input=${input%.rs}
    # The inputs that it finds are not added to the kept inputs.
    local kept=tests/fuzz/corpus/$input learned=$target/fuzz/corpus/$input
    [[ -d $kept ]] || kept=
    mkdir -p "$learned"
    # Names of recovered sites are never freed, like sites.
    proof 1000 "fuzzing $input for $seconds s" env CARGO_TARGET_DIR="$target/fuzz" ASAN_OPTIONS=detect_leaks=0 PROFILER_LOG=off \
      cargo +nightly fuzz run "$input" --fuzz-dir tests/fuzz "$learned" ${kept:+"$kept"} -- \
      -max_total_time="$seconds" -max_len=65536 -print_final_stats=1
  done
}

parts=()
while [[ $# -gt 0 ]]; do
  case $1 in
    miri | tsan | asan | valgrind | fuzz | page) parts+=("$1") ;;
    --allow-skip) allowed=",${2:-}," && shift ;;
    *) echo "unknown: \`$1\`; there are miri, tsan, asan, valgrind, fuzz and page" && exit 2 ;;
  esac
  shift
done
[[ ${#parts[@]} -gt 0 ]] || parts=(miri tsan asan valgrind fuzz)
for part in "${parts[@]}"; do "$part"; done
printf '\nskipped: %s\n' "${skipped[*]:-nothing}"
[[ $failed == 0 ]] || exit 1
exit $unallowed
