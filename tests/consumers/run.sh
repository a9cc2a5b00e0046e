#!/usr/bin/env bash
# Reads session folders with the consumers of the artifacts: run.sh DIR… On first use, it installs
# its requirements: Python 3.10+ and Node.js 18+ by apt-get if available, and the readers into a
# virtual environment next to the build output.
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
# A page, which is served from disk to a headless browser. No script of the package runs here.
speedscope=1.25.0
if [[ ! -d $environment/speedscope-$speedscope ]] && command -v npm >/dev/null; then
  unpacked=$(mktemp -d "$environment/unpacked.XXXXXX")
  (cd "$unpacked" && npm pack --silent "speedscope@$speedscope" >/dev/null && tar xzf ./*.tgz)
  mv "$unpacked/package" "$environment/speedscope-$speedscope"
  rm -r "$unpacked"
fi
export PROFILER_SPEEDSCOPE=$environment/speedscope-$speedscope
exec "$environment/bin/python" -B "$here/check.py" "$@"
