#!/usr/bin/env bash
# Measures what the profiler adds to a small program, per set of features: packages, CPU seconds of
# the first release build, and bytes of the program, relative to a program without dependencies.
# docs/build.md has the table.
#
# Usage: benches/weight.sh [SET…]
# Sets: library (profiler-core as libraries use it), recorder (with `enable`), none, default, all
# (without `nvtx-sdk`, which needs libclang).
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
[[ $# -gt 0 ]] || set -- library recorder none default all
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

# Writes the program: a stage, and a session if the crate has sessions.
program() {
  local attribute=$1 session=$2
  cat >"$work/src/main.rs" <<RUST
$attribute
fn work(number: u64) -> u64 { number + 1 }
fn main() {
    $session
    println!("{}", work(std::env::args().count() as u64));
}
RUST
}

# Builds the program with these dependencies, and prints packages, CPU seconds and bytes.
build() {
  cat >"$work/Cargo.toml" <<TOML
[package]
name = "small"
version = "0.1.0"
edition = "2024"
[workspace]
[dependencies]
$1
TOML
  cp "$root/Cargo.lock" "$work/Cargo.lock"
  rm -rf "$work/target"
  (
    cd "$work"
    cargo build --quiet --release
    # In a pipe, `times` would report another shell's times.
    times >times
    cpu=$(tail -1 times | tr 'ms' '  ' | awk '{ print 60 * ($1 + $3) + $2 + $4 }')
    packages=$(cargo tree --quiet -e normal,build --prefix none --no-dedupe | awk '{ print $1, $2 }' | sort -u | wc -l)
    echo "$((packages - 1)) $cpu $(stat -c %s target/release/small)"
  )
}

program "" ""
read -r _ _ empty < <(build "")
printf '%-10s %9s %6s %10s\n' set packages CPU-s bytes
for chosen in "$@"; do
  core="{ path = \"$root/profiler-core\""
  runtime="{ path = \"$root/profiler-runtime\""
  annotated='#[profiler_core::profiled_stage]'
  stage='#[profiler_runtime::profiled_stage]'
  session='let _profile = profiler_runtime::profile_from_env();'
  case $chosen in
    library) program "$annotated" "" && crate="profiler-core = $core }" ;;
    recorder) program "$annotated" "" && crate="profiler-core = $core, features = [\"enable\"] }" ;;
    none) program "$stage" "$session" && crate="profiler-runtime = $runtime, default-features = false }" ;;
    default) program "$stage" "$session" && crate="profiler-runtime = $runtime }" ;;
    all)
      program "$stage" "$session"
      shown=$(sed -n '/^\[package.metadata.docs.rs\]/,/^$/s/^features = \(.*\)/\1/p' profiler-runtime/Cargo.toml)
      crate="profiler-runtime = $runtime, features = $shown }"
      ;;
    *) echo "unknown: \`$chosen\`" && exit 2 ;;
  esac
  read -r packages cpu bytes < <(build "$crate")
  printf '%-10s %9d %6.0f %10d\n' "$chosen" "$packages" "$cpu" $((bytes - empty))
done
