#!/usr/bin/env bash
# Ends programs in every way, mode and allocator, on disks that work, are nearly full, or are
# read-only: ends.sh unwind|abort, which is the panic strategy. Without administrator rights, it
# tests only the working disk and ends with 77.
set -uo pipefail
strategy=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
[[ $strategy == unwind ]] || CARGO_TARGET_DIR+=/abort
if [[ -z ${PROFILER_TESTS_MOUNTS:-} ]]; then
  cargo build --quiet --manifest-path "$root/Cargo.toml" --config "profile.dev.panic=\"$strategy\"" -p profiler-tests \
    --example faults || exit 1
fi
program=$CARGO_TARGET_DIR/debug/examples/faults
# Many of these ends would write a core file.
ulimit -c 0
if [[ -z ${PROFILER_TESTS_MOUNTS:-} ]]; then
  if ! unshare --mount true 2>/dev/null; then
    "$program" matrix || exit 1
    echo "only on a sound disk: it may not mount, run as root"
    exit 77
  fi
  # A mount namespace, which ends with the script.
  exec env PROFILER_TESTS_MOUNTS=1 CARGO_TARGET_DIR="${CARGO_TARGET_DIR%/abort}" unshare --mount bash "$0" "$strategy"
fi

work=$(mktemp -d)
trap 'umount -R "$work"/* 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
mkdir "$work/full" "$work/readonly"
mount -t tmpfs -o size=96k none "$work/full"
mount -t tmpfs -o ro none "$work/readonly"
"$program" matrix "full=$work/full" "readonly=$work/readonly"
