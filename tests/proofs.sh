#!/usr/bin/env bash
# The proofs that need nightly Rust: Miri, ThreadSanitizer, fuzzing. Runs what this machine can, and says what it skips;
# docs/proofs.md says what each shows. Usage: tests/proofs.sh [miri] [tsan] [fuzz], all three without an argument.
set -uo pipefail
cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-target}
seconds=${FUZZ_SECONDS:-120}
failed=0

# Whether nightly Rust has a component; says so if not.
has() {
  rustup component list --toolchain nightly --installed 2>/dev/null | grep -q "^$1" && return
  echo "skipped: $2 needs \`rustup component add --toolchain nightly $1\`"
  return 1
}

step() {
  printf '\n== %s\n' "$1"
  shift
  "$@" || failed=1
}

miri() {
  has miri "Miri" || return 0
  step "Miri on the recorder" env MIRIFLAGS=-Zmiri-disable-isolation CARGO_TARGET_DIR="$target/miri" \
    cargo +nightly miri test -p profiler-runtime --lib record::
}

tsan() {
  has rust-src "ThreadSanitizer" || return 0
  case $host in
    x86_64-unknown-linux-gnu | aarch64-unknown-linux-gnu) ;;
    *) echo "skipped: ThreadSanitizer on $host"; return 0 ;;
  esac
  step "ThreadSanitizer on threads, sessions and dumps" env RUSTFLAGS=-Zsanitizer=thread CARGO_TARGET_DIR="$target/tsan" \
    cargo +nightly test -Zbuild-std --target "$host" -p profiler-tests --test stress --test ledger_load
}

fuzz() {
  command -v cargo-fuzz >/dev/null || { echo "skipped: fuzzing needs \`cargo install cargo-fuzz\`"; return 0; }
  rustup toolchain list | grep -q '^nightly' || { echo "skipped: fuzzing needs nightly Rust"; return 0; }
  for input in config recover; do
    # Names of recovered sites stay for ever, as sites do.
    step "fuzzing $input for $seconds s" env CARGO_TARGET_DIR="$target/fuzz" ASAN_OPTIONS=detect_leaks=0 \
      cargo +nightly fuzz run "$input" --fuzz-dir tests/fuzz -- -max_total_time="$seconds" -max_len=65536
  done
}

[ $# -gt 0 ] || set -- miri tsan fuzz
for part; do
  case $part in
    miri | tsan | fuzz) "$part" ;;
    *) echo "unknown: \`$part\`; there are miri, tsan and fuzz"; failed=1 ;;
  esac
done
exit $failed
