#!/usr/bin/env bash
# Measures the first build: packages, units, CPU and wall seconds, and the ten most expensive units.
# Usage: benches/first_build.sh [CARGO ARGUMENT…]; the default builds the main example,
# `test --workspace --no-run` the tests.
# Compare CPU seconds: on a busy machine they grow little, while wall seconds are meaningless.
set -euo pipefail

# Cargo calls this script in place of the compiler, which gives the CPU time of each unit.
if [[ ${FIRST_BUILD_UNITS:-} ]]; then
  # Without a crate name, Cargo only queries the compiler.
  [[ ${CARGO_CRATE_NAME:-} ]] || exec "$@"
  rc=0
  "$@" || rc=$?
  unit=$FIRST_BUILD_UNITS/$$
  # In a pipe, `times` would report the subshell's times.
  times >"$unit"
  echo "$CARGO_PKG_NAME $CARGO_PKG_VERSION $CARGO_CRATE_NAME" >>"$unit"
  exit $rc
fi

script=$(realpath "$0")
cd "$(dirname "$script")/.."
[[ $# -gt 0 ]] || set -- build --release --example wan_i2v
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/units"
cargo fetch --locked --quiet

started=$SECONDS
CARGO_TARGET_DIR=$work/target CARGO_INCREMENTAL=0 RUSTC_WRAPPER=$script FIRST_BUILD_UNITS=$work/units cargo "$@" >&2
wall=$((SECONDS - started))
times >"$work/times"

# A line `0m1.250s 0m0.100s` has user and system time; the second line of `times` is for child
# processes.
awk -v wall="$wall" -v command="cargo $*" '
  function seconds(text) { sub("s$", "", text); split(text, part, "m"); return 60 * part[1] + part[2] }
  FNR == 2 { cpu = seconds($1) + seconds($2); if (FILENAME ~ /times$/) total = cpu }
  FNR == 3 { units++; if (!seen[$1 " " $2]++) packages++; printf "%7.1f  %s %s (%s)\n", cpu, $1, $2, $3 | "sort -rn | head -10" }
  END {
    printf "%s: %d packages, %d units, %.0f s CPU, %d s wall\n", command, packages, units, total, wall
    fflush()
    close("sort -rn | head -10")
  }
' "$work/times" "$work"/units/*
