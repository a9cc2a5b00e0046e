#!/usr/bin/env bash
# Checks the spelling of everything that is committed, by `_typos.toml`. Installs `typos` beside the
# build output, from PyPI. Usage: tests/typos.sh [ARGUMENT…], `--write-changes` for one
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.52.0
place=${CARGO_TARGET_DIR:-target}/typos-$version
if [[ ! -x $place/bin/typos ]]; then
  python3 -m venv --clear "$place"
  "$place/bin/pip" install --quiet --disable-pip-version-check "typos==$version"
fi
git ls-files -z | xargs -0 "$place/bin/typos" --config _typos.toml --force-exclude "$@"
echo "no typos in $(git ls-files | wc -l) files"
