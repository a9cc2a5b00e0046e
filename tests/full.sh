#!/usr/bin/env bash
# The expensive proofs; docs/proofs.md explains each.
#   tests/full.sh [--allow-skip STEP,STEP…] [STEP…]
# A step that has passed on these sources is not run again, so an interrupted run continues where it
# stopped. Prints a table at the end. Fails if a step failed, or was skipped without being named.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never
steps=(features deny msrv minimal semver docsrs wasm systems disk-tmpfs disk-btrfs disk-fuse
  disk-readonly ends-unwind ends-abort gpu-doubles miri tsan asan valgrind fuzz annotate unpatched soak)

allowed=,
chosen=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --allow-skip) allowed+=${2:?names of steps}, && shift ;;
    *) chosen+=("$1") ;;
  esac
  shift
done
[[ ${#chosen[@]} -gt 0 ]] || chosen=("${steps[@]}")

# Identifies the sources of a result: the commit and the changes since.
sources=$(git rev-parse --short HEAD)-$({ git diff HEAD && git ls-files -z --others --exclude-standard | xargs -0 cat; } | cksum | tr ' ' -)
results=${CARGO_TARGET_DIR:-target}/full/$sources
mkdir -p "$results"

# Runs a step. Status 77 means that this machine cannot; the last line is the reason.
run() {
  case $1 in
    features) bash tests/full/features.sh ;;
    deny | msrv | minimal | semver | docsrs | wasm | systems) bash tests/full/crates.sh "$1" ;;
    disk-*) bash tests/full/disks.sh "${1#disk-}" ;;
    ends-*) bash tests/full/ends.sh "${1#ends-}" ;;
    gpu-doubles) bash tests/gpu/run.sh doubles "$results/gpu" ;;
    miri | tsan | asan | valgrind | fuzz) bash tests/proofs.sh "$1" ;;
    annotate) bash tests/annotate/run.sh ;;
    unpatched) bash tests/unpatched/run.sh ;;
    soak) cargo run --release -p profiler-tests --example soak -- "${PROFILER_SOAK_MINUTES:-60}" ;;
  esac
}

for step in "${chosen[@]}"; do
  case " ${steps[*]} " in
    *" $step "*) ;;
    *) echo "unknown: \`$step\`; there are ${steps[*]}" && exit 2 ;;
  esac
  [[ $(cut -f1 "$results/$step" 2>/dev/null) == passed ]] && continue
  printf '\n== %s\n' "$step"
  started=$SECONDS
  run "$step" 2>&1 | tee "$results/$step.log"
  case ${PIPESTATUS[0]} in
    0) outcome=passed ;;
    77) outcome=skipped ;;
    *) outcome=failed ;;
  esac
  printf '%s\t%d s\t%s\n' "$outcome" $((SECONDS - started)) "$(tail -1 "$results/$step.log" | cut -c1-100)" >"$results/$step"
done

printf '\n%-16s %-8s %s\n' step outcome "time, last line"
failed=0
for step in "${chosen[@]}"; do
  IFS=$'\t' read -r outcome time last <"$results/$step"
  [[ $outcome == skipped && $allowed == *",$step,"* ]] && outcome=allowed
  [[ $outcome == passed || $outcome == allowed ]] || failed=1
  printf '%-16s %-8s %s, %s\n' "$step" "$outcome" "$time" "$last"
done
exit $failed
