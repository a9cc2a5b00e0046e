#!/usr/bin/env bash
# A day with a GPU in one command.
#
#   tests/gpu/run.sh prepare [BUNDLE]        without a GPU: builds and fetches the bundle
#   tests/gpu/run.sh measure [OUT [BUNDLE]]  with the GPU: runs every step, writes OUT/report.md
#   tests/gpu/run.sh doubles [OUT]           without a GPU: runs every step on doubles
#
# BUNDLE is tests/gpu/bundle, which git ignores. Copy it to the other machine next to the
# repository; both together have at most 60 MiB. `measure` needs bash, coreutils, grep, sed and
# find, but no network, cargo, Python or toolkit. An installed toolkit or PyTorch is found and
# listed. It takes at most eight minutes and writes at most eight files of at most 15 MiB. The exit
# status is 0 if all figures were within their limits or were skipped for a reason, and 1 if a limit
# was exceeded or a step did not finish.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

case ${1:-} in
  prepare) shift && source "$here/prepare.sh" && prepare "${1:-$here/bundle}" ;;
  measure) shift && source "$here/measure.sh" && measure "${1:-gpu_day}" "${2:-$here/bundle}" ;;
  doubles) shift && source "$here/doubles.sh" && doubles "${1:-gpu_day_on_doubles}" ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 1 ;;
esac
