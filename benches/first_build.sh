#!/usr/bin/env bash
# What the first build costs: packages, units, CPU and wall seconds, and the ten units that take
# most of them. Compare CPU seconds: on a busy machine they grow little, while wall seconds say
# nothing there.
#
# Usage: benches/first_build.sh [CARGO ARGUMENT…]; without arguments it builds the main job,
# `test --workspace --no-run` builds the tests.
set -euo pipefail

# Cargo calls this script instead of the compiler, so that each unit's CPU time is known.
if [[ ${FIRST_BUILD_UNITS:-} ]]; then
  # Without a crate it only asks what the compiler can do.
  [[ ${CARGO_CRATE_NAME:-} ]] || exec "$@"
  rc=0
  "$@" || rc=$?
  unit=$FIRST_BUILD_UNITS/$$
  # In a pipe it would be the subshell's time.
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

# A line `0m1.250s 0m0.100s` is user and system time; the second one of `times` is the children's.
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
