#!/usr/bin/env bash
# A day with a GPU in one command.
#
#   run.sh prepare [BUNDLE]        without a GPU: builds and fetches what is needed on the other
#   run.sh measure [OUT [BUNDLE]]  with a GPU: runs every step and writes OUT/report.md
#   run.sh doubles [OUT]           here, on the doubles of libcuda and libcupti instead of a GPU
#
# BUNDLE is tests/gpu/bundle, which git ignores: carry it to the other machine beside the
# repository; both together are within 60 MiB. `measure` needs bash, coreutils, grep, sed and find;
# no network, cargo, Python or toolkit; where a toolkit or PyTorch is there, it is found and named.
# It takes at most eight minutes and writes at most eight files of at most 15 MiB. It ends with 0 if
# everything was within its limits or was skipped for a reason, with 1 if a limit was broken or a
# step did not come to its end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

case ${1:-} in
  prepare) shift && source "$here/prepare.sh" && prepare "${1:-$here/bundle}" ;;
  measure) shift && source "$here/measure.sh" && measure "${1:-gpu_day}" "${2:-$here/bundle}" ;;
  doubles) shift && source "$here/doubles.sh" && doubles "${1:-gpu_day_on_doubles}" ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 1 ;;
esac
