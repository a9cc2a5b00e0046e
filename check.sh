#!/usr/bin/env bash
# Everything that must hold before a change lands; CI runs exactly this. Needs stable Rust; what the
# real consumers need (a Python environment, Node.js; in CI Nsight Systems and valgrind too) it
# installs itself. The last lines are the tests' own summary.
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
started=$SECONDS
# Every feature that a machine can build, as docs.rs shows them. Tests, clippy and documentation are
# built with all of them, so that nothing is compiled for one step that the next cannot use; what a
# feature that is off leaves out has steps of its own.
shown=$(sed -n '/^\[package.metadata.docs.rs\]/,/^$/s/^features = \[\(.*\)\]/\1/p' profiler-runtime/Cargo.toml | tr -d '",')
PROFILER_FEATURES=$(printf 'profiler-runtime/%s,' $shown)profiler-tests/cudarc
export PROFILER_FEATURES
built=${CARGO_TARGET_DIR:-$PWD/target}

step() {
  printf '\n== %s (after %d s)\n' "$1" $((SECONDS - started))
  shift
  "$@"
}

# Runs tests and keeps their output for the summary.
tests() {
  "$@" 2>&1 | tee -a "$log/tests"
}

# The README's commands first: they must work on a bare machine.
step "tests" tests cargo test --workspace --features "$PROFILER_FEATURES"
step "small examples" bash tests/examples.sh
# With every option, so that the real consumers see every artifact.
options='"torch_profiler_record_shapes":true,"torch_profiler_with_stack":true,"torch_profiler_with_memory":true'
options+=',"torch_profiler_with_flops":true,"torch_profiler_dump_cuda_time_total":true'
step "main job" env PROFILER_CONFIG="{\"profiler\":\"torch\",\"torch_profiler_dir\":\"$log/perf\",$options}" \
  cargo run --release --example wan_i2v -- --output "$log/video.mp4"
step "job of four processes" "$built/debug/examples/job" "$log/job" 4
step "two ranks" "$built/debug/examples/two_ranks" "$log/ranks"

step "formatting" cargo fmt --all --check
step "clippy" cargo clippy --workspace --features "$PROFILER_FEATURES" --all-targets -- -D warnings
step "clippy, no features" cargo clippy -p profiler-runtime --no-default-features --all-targets -- -D warnings
step "clippy, the recorder with and without recording" \
  sh -c "cargo clippy -p profiler-core --features enable --all-targets -- -D warnings && cargo clippy -p profiler-core -- -D warnings"
step "clippy, artifacts without features" cargo clippy -p profiler-trace --all-targets -- -D warnings
step "artifacts without features" tests cargo test -p profiler-trace --lib
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --features "$PROFILER_FEATURES"
step "attributes switched off" tests env CARGO_TARGET_DIR="$built" cargo test --manifest-path tests/off/Cargo.toml
step "a library without std" cargo build --manifest-path tests/no_std/Cargo.toml
# In a folder of its own: of a folder that it knows, cargo would build each crate with what it has
# kept of an earlier packing.
step "packages" cargo package --target-dir "$log/packages" --allow-dirty -p profiler-runtime-macros -p profiler-core -p profiler-shapes \
  -p profiler-trace -p profiler-runtime -p profiler-tracing
rm -rf "${CARGO_HOME:-$HOME/.cargo}"/registry/{src,cache}/-*/profiler-* "$log/packages"
if [[ ${CI:-} ]] && ! command -v valgrind >/dev/null; then
  { apt-get update -qq && apt-get install -y -qq valgrind; } >/dev/null 2>&1 || echo "valgrind cannot be installed"
fi
step "instruction budget" cargo bench -p profiler-benches --no-default-features --bench instructions -- --budget
step "the pages' commands" bash tests/readme.sh
step "real consumers" bash tests/consumers/run.sh "$log"/perf/*/ "$log"/ranks/perf/*/ "$log"/job/*/
# After the consumers, which install Python where it is missing.
step "spelling" bash tests/typos.sh
step "Perfetto's own format" bash tests/consumers/perfetto.sh
step "programs that end badly" bash tests/consumers/faults.sh
step "Nsight Systems" bash tests/consumers/nsys.sh

passed=$(awk '/^test result:/ { sum += $4 } END { print sum + 0 }' "$log/tests")
failed=$(awk '/^test result:/ { sum += $6 } END { print sum + 0 }' "$log/tests")
# Fewer would mean that a step has run nothing.
[[ $passed -ge 900 ]] || { echo "only $passed tests have passed" && exit 1; }
printf '\nall checks hold, %d s\n' $((SECONDS - started))
printf '%d passed, %d failed\n' "$passed" "$failed"
