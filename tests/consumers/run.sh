#!/usr/bin/env bash
# Reads session folders with the programs that artifacts are for: run.sh DIR…
# Installs what it needs into a virtual environment beside the build output on first use. Needs Python 3.10+ and Node.js 18+.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
environment=${PROFILER_CONSUMERS_VENV:-$here/../../target/consumers}
wanted=$(cksum <"$here/requirements.txt")
if [[ $(cat "$environment/installed" 2>/dev/null) != "$wanted" ]]; then
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --requirement "$here/requirements.txt"
  echo "$wanted" >"$environment/installed"
fi
exec "$environment/bin/python" -B "$here/check.py" "$@"
