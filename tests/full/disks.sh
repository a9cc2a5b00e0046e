#!/usr/bin/env bash
# Records on a disk that fails, and checks every artifact and the spool: disks.sh KIND, which is
# tmpfs, btrfs, fuse or readonly. Needs administrator rights to mount; without them, it prints the
# reason and ends with 77.
set -uo pipefail
kind=$1
if [[ -z ${PROFILER_TESTS_MOUNTS:-} ]]; then
  # A mount namespace, which ends with the script.
  unshare --mount true 2>/dev/null || { echo "it may not mount: run as root"; exit 77; }
  exec env PROFILER_TESTS_MOUNTS=1 unshare --mount bash "$0" "$kind"
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
program=$target/debug/examples/disks
work=$(mktemp -d)
server=
# The loop device and the file system's server end with their mounts.
trap 'umount -R "$work"/* 2>/dev/null; [[ -z $server ]] || kill "$server" 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
cargo build --quiet --manifest-path "$root/Cargo.toml" -p profiler-tests --example disks || exit 1

skip() {
  echo "$1"
  exit 77
}

# Runs the program, prints its line, and requires the expected text.
demand() {
  local expected=$1
  shift
  local line
  if ! line=$("$program" "$@" 2>"$work/log"); then
    echo "WRONG  $*"
    cat "$work/log"
    exit 1
  fi
  echo "$line"
  [[ $line =~ $expected ]] || { echo "WRONG: that is not \`$expected\`"; exit 1; }
}

mkdir "$work/disk"
case $kind in
  tmpfs)
    # From no space to space for everything.
    for size in 64k 256k 1m 4m 8m; do
      mount -t tmpfs -o "size=$size" none "$work/disk" || skip "there is no tmpfs"
      echo "-- $size"
      demand . "$work/disk"
      demand . "$work/disk" fill
      umount "$work/disk"
    done
    mount -t tmpfs -o size=256m none "$work/disk"
    demand " 0 errors, 0 ranges lost, 0 recovered" "$work/disk"
    ;;
  btrfs)
    command -v mkfs.btrfs >/dev/null || skip "there is no mkfs.btrfs: install btrfs-progs"
    truncate -s 160m "$work/image"
    mkfs.btrfs -q "$work/image" >/dev/null 2>&1 || skip "mkfs.btrfs fails"
    mount -o loop "$work/image" "$work/disk" || skip "it cannot mount btrfs"
    demand " 0 errors, 0 ranges lost, 0 recovered" "$work/disk"
    demand "artifacts" "$work/disk" fill
    ;;
  fuse)
    python=${PROFILER_FULL_PYTHON:-python3}
    "$python" -c 'import fuse' 2>/dev/null || skip "Python has no \`fuse\`: pip install fusepy, with libfuse 2"
    mkdir "$work/below"
    "$python" "$root/tests/full/bare_fuse.py" "$work/below" "$work/disk" >"$work/server" 2>&1 &
    server=$!
    for _ in {1..100}; do
      mountpoint -q "$work/disk" && break
      sleep 0.1
    done
    mountpoint -q "$work/disk" || skip "it cannot mount: $(tail -1 "$work/server")"
    demand " 0 errors,.*cannot rename or delete files" "$work/disk"
    # A recovered spool is not recovered again, although nothing can be deleted.
    demand " 0 errors,.* 0 recovered" "$work/disk"
    ;;
  readonly)
    mount --bind "$work/disk" "$work/disk" && mount -o remount,bind,ro "$work/disk" || skip "it cannot mount"
    demand "^refused: .*Read-only file system" "$work/disk"
    ;;
  *)
    echo "unknown: \`$kind\`; there are tmpfs, btrfs, fuse and readonly"
    exit 1
    ;;
esac
