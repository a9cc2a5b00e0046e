#!/usr/bin/env bash
# Compares the names of the tests of two revisions. Prints the names that have vanished, and ends
# with 1 if there are any.
#
#   tests/test_names.sh                 the names of the working tree
#   tests/test_names.sh OLD [NEW]       what OLD had and NEW (the working tree) has not
#
# Names are read from the sources, so nothing is built. A test that moved counts as the same test:
# only its name and the number of tests with this name are compared.
set -euo pipefail
cd "$(dirname "$0")/.."

# names FOLDER: prints `file::name` of every test function.
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

# of REVISION: prints the names of a revision; `-` is the working tree.
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
# Names that stayed are removed first, so that a moved test is matched with one of the others.
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
