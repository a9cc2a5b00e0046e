#!/usr/bin/env bash
# Reads session folders with the programs that artifacts are for: run.sh DIR…
# Installs what it needs on first use: Python 3.10+ and Node.js 18+ where apt-get is, the readers into a virtual
# environment beside the build output.
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
exec "$environment/bin/python" -B "$here/check.py" "$@"
