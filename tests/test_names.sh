#!/usr/bin/env bash
# Compares the tests of two revisions, by name: what has vanished is printed, and ends the script
# with 1.
#
#   tests/test_names.sh                 the names of the working tree
#   tests/test_names.sh OLD [NEW]       what OLD had and NEW (the working tree) has not
#
# Names are read from the sources, so that nothing is built. A test that moved is the same test:
# only its own name counts, and how many have it.
set -euo pipefail
cd "$(dirname "$0")/.."

# names FOLDER: `file::name` of every function that is marked as a test.
names() {
  (
    cd "$1"
    find . -name '*.rs' -not -path '*/target/*' -print0 | sort -z | xargs -0 awk '
      FNR == 1 { marked = 0 }
      /^[[:space:]]*#\[(test|tokio::test|async_std::test)[](]/ { marked = 1 }
      marked && match($0, /fn [A-Za-z0-9_]+/) {
        print substr(FILENAME, 3) "::" substr($0, RSTART + 3, RLENGTH - 3)
        marked = 0
      }'
  )
}

# of REVISION: its names; `-` is the working tree.
of() {
  if [[ $1 == - ]]; then
    names .
  else
    mkdir "$folder/$1"
    git archive "$1" | tar -x -C "$folder/$1" --wildcards '*.rs'
    names "$folder/$1"
  fi
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
[[ $# -gt 0 ]] || { names . && exit; }
old=$(git rev-parse --verify "$1^{commit}")
new=-
[[ $# -lt 2 ]] || new=$(git rev-parse --verify "$2^{commit}")
[[ $old != "$new" ]] || { echo "both are $old" && exit; }
of "$old" >"$folder/old"
of "$new" >"$folder/new"
echo "tests: $(wc -l <"$folder/old") before, $(wc -l <"$folder/new") after"
# In the new place what is not in the old: those that stayed are taken out first, so that a move is
# matched with what is left.
awk -F:: '
  FILENAME ~ /\/new$/ { there[$0]++; next }
  { was[$0]++; lines[++count] = $0 }
  END {
    for (name in there) {
      more = there[name] - was[name]
      if (more > 0) { split(name, parts, "::"); spare[parts[2]] += more }
    }
    for (at = 1; at <= count; at++) {
      name = lines[at]
      split(name, parts, "::")
      if (there[name] > 0) { there[name]-- } else if (spare[parts[2]] > 0) { spare[parts[2]]-- } else { print "vanished: " name; gone++ }
    }
    exit gone > 0
  }' "$folder/new" "$folder/old" && echo "none has vanished"
