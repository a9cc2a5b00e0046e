#!/usr/bin/env bash
# Reads session folders with the programs that artifacts are for: run.sh DIR…
#
# Installs what it needs on first use: Python 3.10+ and Node.js 18+ where apt-get is, the readers
# into a virtual environment beside the build output.
set -euo pipefail
if ! { python3 -c 'import ensurepip' && node --version; } >/dev/null 2>&1 && command -v apt-get >/dev/null; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs python3 python3-venv >/dev/null
fi
here=$(cd "$(dirname "$0")" && pwd)
environment=${PROFILER_CONSUMERS_VENV:-$here/../../target/consumers}
wanted=$(cksum <"$here/requirements.txt")
if [[ $(cat "$environment/installed" 2>/dev/null) != "$wanted" ]]; then
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --requirement "$here/requirements.txt"
  echo "$wanted" >"$environment/installed"
fi
# A page, served from disk to a headless browser: nothing of the package runs here.
speedscope=1.25.0
if [[ ! -d $environment/speedscope-$speedscope ]] && command -v npm >/dev/null; then
  unpacked=$(mktemp -d "$environment/unpacked.XXXXXX")
  (cd "$unpacked" && npm pack --silent "speedscope@$speedscope" >/dev/null && tar xzf ./*.tgz)
  mv "$unpacked/package" "$environment/speedscope-$speedscope"
  rm -r "$unpacked"
fi
export PROFILER_SPEEDSCOPE=$environment/speedscope-$speedscope
exec "$environment/bin/python" -B "$here/check.py" "$@"
